"""Login with Amazon's access tokens, shared by all processes: one asks Amazon, the others take what it got.

A token is renewed under a lease. Whoever loses the race waits for the winner's token, or for the end of its lease;
should the winner hang or have died, the loser asks Amazon itself. No transaction is open while anybody waits or asks.
A login that hangs is asked by a single probe, not by every account (`orderbridge.database.endpoints`); who has a token
goes on meanwhile.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete

from orderbridge.amazon import LOGIN, FreshToken, NoAnswer, NotSent
from orderbridge.database import endpoints, leases
from orderbridge.database.models import AccessToken
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.vault.secrets_box import SecretRefused, SecretsBox

LEASE: Final = timedelta(seconds=30)
"""Longer than a login can be silent (5 s to connect, 20 s for the answer)."""
LONGEST_WAIT: Final = 12.0
"""Seconds to wait for another process's login before asking oneself: less than a call's own time-out."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.25
_KEPT: Final = timedelta(days=1)


class LoginHangs(NotSent):
    """Amazon's login has not answered for a while: nobody asks it before `retry_at`."""

    def __init__(self, retry_at: datetime) -> None:
        super().__init__(LOGIN, f"Amazon's login does not answer; it is asked again at {retry_at:%H:%M:%S} UTC")
        self.retry_at = retry_at


class SharedTokens:
    """The tokens in the table `access_tokens`, encrypted: an `orderbridge.amazon.TokenStore` for one login's URL."""

    def __init__(self, database: Database, box: SecretsBox, login_url: str) -> None:
        self._database = database
        self._box = box
        self._login_url = login_url

    def fetch(self, name: str, renew: Callable[[], FreshToken]) -> FreshToken:
        """The shared token, or what `renew` gets from Amazon, which then is the shared one.

        Raises what `renew` raises, and LoginHangs.
        """
        lease, holder = f"login:{name}", str(uuid.uuid4())
        give_up_at, pause = time.monotonic() + LONGEST_WAIT, _FIRST_PAUSE
        while True:
            with self._database.unit_of_work() as work:
                known = self._read(work, name)
                mine = known is None and leases.take(work, lease, holder, LEASE)
                if mine and (known := self._read(work, name)) is not None:  # another wrote it since, and let go
                    leases.release(work, lease, holder)
            if known is not None:
                return known
            if mine or time.monotonic() >= give_up_at:
                break
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        try:
            fresh = self._ask(renew)
            with self._database.unit_of_work() as work:
                self._write(work, name, fresh)
        finally:
            with self._database.unit_of_work() as work:
                leases.release(work, lease, holder)
        return fresh

    def _ask(self, renew: Callable[[], FreshToken]) -> FreshToken:
        with self._database.unit_of_work() as work:
            retry_at = endpoints.hangs_until(work, self._login_url)
            if retry_at is not None and retry_at <= work.now:
                retry_at = endpoints.take_probe(work, self._login_url)
        if retry_at is not None:
            raise LoginHangs(retry_at)
        learned = endpoints.answered
        try:
            return renew()
        except NoAnswer:
            learned = endpoints.timed_out
            raise
        finally:
            with self._database.unit_of_work() as work:
                learned(work, self._login_url)

    def forget(self, name: str, access_token: str) -> None:
        """This token was refused: all processes ask for another. One that came meanwhile stays."""
        with self._database.unit_of_work() as work:
            row = work.session.get(AccessToken, name)
            if row is not None and self._decrypt(name, row.token) in (None, access_token):
                work.session.execute(
                    delete(AccessToken).where(AccessToken.name == name, AccessToken.token == row.token)
                )

    def _read(self, work: Work, name: str) -> FreshToken | None:
        row = work.session.get(AccessToken, name, populate_existing=True)
        if row is None or row.renew_at <= work.now:
            return None
        token = self._decrypt(name, row.token)
        return None if token is None else FreshToken(token, row.renew_at)

    def _write(self, work: Work, name: str, fresh: FreshToken) -> None:
        values = {"token": self._box.encrypt(fresh.token, purpose=_purpose(name)), "renew_at": fresh.renew_at}
        work.session.execute(
            work.insert(AccessToken)
            .values(name=name, **values)
            .on_conflict_do_update(index_elements=["name"], set_=values)
        )
        # Of credentials that are no longer in use.
        work.session.execute(delete(AccessToken).where(AccessToken.renew_at < work.now - _KEPT))

    def _decrypt(self, name: str, token: str) -> str | None:
        """None for a token under another ORDERBRIDGE_SECRETS_KEY: a new one is cheap."""
        try:
            return self._box.decrypt(token, purpose=_purpose(name))
        except SecretRefused:
            return None


def _purpose(name: str) -> str:
    return f"access_token:{name[:48]}"
