"""What sellers have authorised: codes for five minutes, and the refresh tokens that they become.

Source: developer guide, "Website authorization workflow"; RFC 6749, sections 4.1.2 and 4.1.3.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from sandbox.accounts import CLIENT_ID, CLIENT_SECRET, Account
from sandbox.clock import Clock
from sandbox.database import Database
from sandbox.errors import LoginError
from sandbox.records import Records
from sandbox.tokens import SignedTokens

APPLICATION_ID = "amzn1.sp.solution.sandbox"
"""The one public application here; its client is `CLIENT_ID`."""
REDIRECT_URI = "http://127.0.0.1:8400/connect/callback"
"""Where that application wants sellers sent back to, unless the sandbox was told another address."""
CODE_LIFE = timedelta(minutes=5)
"""Of an `spapi_oauth_code`. The sandbox's speed does not shorten it: people click as fast as ever."""
_TOKEN, _USED = "refresh_token", "used_code"


class Authorisations:
    """The grants of all sellers. An account holds one application's at a time: the last that it authorised."""

    def __init__(self, database: Database, records: Records, clock: Clock, tokens: SignedTokens) -> None:
        self._database = database
        self._records = records
        self._clock = clock
        self._tokens = tokens

    def grant(self, account: Account) -> None:
        """The seller authorises the application. Tokens of a grant that was ended before stay dead."""
        changes: dict[str, Any] = {"consent": True, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        if not account.consent:
            changes["refresh_token"] = _fresh()
            for record in self._records.all(_TOKEN, account.account):
                self._records.delete(_TOKEN, record["token"])
        self._database.save_account(account.model_copy(update=changes))

    def end(self, account: Account) -> None:
        """The seller ends the grant: every token of it is refused."""
        self._database.save_account(account.model_copy(update={"consent": False}))

    def code(self, account: Account, redirect_uri: str | None) -> str:
        """A code for the application; `redirect_uri` is what it was asked for with, if it named any."""
        expires = (self._clock.now() + CODE_LIFE).timestamp()
        claims = {"account": account.account, "redirect_uri": redirect_uri, "expires": expires}
        return self._tokens.issue("code", {**claims, "id": secrets.token_hex(8)})

    def account_of_code(self, code: str) -> Account | None:
        """The seller who authorised, however old the code is; None for what is no code of ours."""
        claims = self._claims(code)
        return self._database.account(claims["account"]) if claims is not None else None

    def redeem(self, form: dict[str, str]) -> str:
        """A refresh token for the code in a login form. Raises LoginError (400 `invalid_grant`, `invalid_request`).

        Each is a new one, and the earlier ones stay good: "Generating a new refresh token does not invalidate
        previously generated refresh tokens" says the developer guide of self-authorisation (from memory).
        """
        if not form.get("code"):
            raise LoginError(400, "invalid_request", "The request is missing a required parameter : code")
        claims = self._claims(form["code"])
        account = self._database.account(claims["account"]) if claims is not None else None
        if claims is None or account is None or not account.consent:
            raise _bad_code()
        if self._clock.now().timestamp() >= claims["expires"] or self._records.find(_USED, claims["id"]) is not None:
            raise _bad_code()
        if claims["redirect_uri"] not in (None, form.get("redirect_uri")):
            raise LoginError(400, "invalid_grant", "The request has an invalid grant parameter : redirect_uri")
        self._records.save(_USED, claims["id"], account.account, {})
        token = _fresh()
        self._records.save(_TOKEN, token, account.account, {"token": token, "account": account.account})
        return token

    def account_of_token(self, refresh_token: str) -> Account | None:
        """The seller whose grant the token is, be it ended or not."""
        if (record := self._records.find(_TOKEN, refresh_token)) is not None:
            return self._database.account(record["account"])
        return self._database.account_of_token(refresh_token)

    def _claims(self, code: str) -> dict[str, Any] | None:
        try:
            return self._tokens.read("code", code)
        except ValueError:
            return None


def _bad_code() -> LoginError:
    return LoginError(400, "invalid_grant", "The request has an invalid grant parameter : code")


def _fresh() -> str:
    return f"Atzr|{secrets.token_urlsafe(32)}"
