"""The three steps of every call to Amazon: reserve and claim, call, outcome. No transaction is open during a call.

    not_before = calls.reserve(work, account_id, SEARCH_ORDERS)       # with the claim, in one transaction
    page = calls.make(work, account_id, SEARCH_ORDERS, "…", lambda connection: search_orders(connection, …))
    ...                                                               # the outcome, in the next transaction

`make` commits what was claimed, calls, and writes what the call taught us: Amazon's rate, a 429, a network fault.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from sqlalchemy import update

from orderbridge import tracing
from orderbridge.accounts import check_endpoint
from orderbridge.accounts.access_tokens import LoginHangs, SharedTokens
from orderbridge.accounts.attentions import CONSENT_REVOKED, SECRET_EXPIRED, end_attention, raise_attention
from orderbridge.accounts.expiry import how_to_authorise_again, how_to_tell_a_secret
from orderbridge.amazon import (
    LOGIN,
    AmazonError,
    Answer,
    BadAnswer,
    Connection,
    ConsentRevoked,
    GrantlessLogin,
    Login,
    LoginRefused,
    NoAnswer,
    NotSent,
    Operation,
    Throttled,
    Unwell,
)
from orderbridge.database import endpoints, quotas
from orderbridge.database.models import Account, Attempt
from orderbridge.database.unit_of_work import Database, Work, refuse_open_transaction
from orderbridge.settings import Settings
from orderbridge.telemetry import AMAZON_CALLS, AMAZON_SECONDS
from orderbridge.vault.secrets_box import SecretsBox

SEND_WITHIN = 20.0
"""Seconds from the claim in which a request may still be sent; a slow login must not make it outlive the claim."""
AFTER_LOGIN_TROUBLE = quotas.LONGEST_PAUSE
"""A person has to mend a revoked consent or an expired secret: asking more often helps nobody."""


class Answered(Protocol):
    """What a call returns: the typed content, with Amazon's raw answer beside it."""

    @property
    def answer(self) -> Answer:
        """The raw answer."""
        ...


Result = TypeVar("Result", bound="Answered | Answer")


class CallFailed(Exception):
    """Amazon gave no usable answer; `error` says why, `retry_at` when another try makes sense."""

    def __init__(self, error: AmazonError, retry_at: datetime) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_at = retry_at


class AmazonCalls:
    """Makes calls for any account of this installation."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self._database = database
        self._box = SecretsBox(settings.need("secrets_key"))
        self._ahead: dict[str, timedelta] = {}

    def reserve(self, work: Work, account_id: str, operation: Operation) -> datetime | None:
        """Reserve one call of the account's quota: None if it may be made now, else when the next one may.

        While the account's endpoint hangs, one call of all its accounts' is made, to see whether it is there again.
        """
        row = self._account(work, account_id)
        probe_at = endpoints.hangs_until(work, row.api_url) if row is not None else None
        if probe_at is not None and probe_at > work.now:
            return probe_at
        not_before = quotas.reserve(
            work, account_id, operation.name, rate_per_second=operation.rate_per_second, burst=operation.burst
        )
        if not_before is not None or row is None or probe_at is None:
            return not_before
        return endpoints.take_probe(work, row.api_url)

    def next_call_at(self, work: Work, account_id: str, operation: Operation) -> datetime:
        """When the account's quota may have a call, as far as is known now; nothing is reserved."""
        return quotas.next_call_at(work, account_id, operation.name)

    def clock_ahead(self, work: Work, account_id: str) -> timedelta:
        """How far Amazon's clock is ahead of ours, from the `Date` of its last answer; zero before the first."""
        return self._ahead.get(self._api_url(work, account_id), timedelta(0))

    def make(
        self,
        work: Work,
        account_id: str,
        operation: Operation,
        subject: str,
        call: Callable[[Connection], Result],
    ) -> Result:
        """Commit the claim, make the call, and return its result; what follows is the outcome's own transaction.

        What the call taught us is committed already. Raises CallFailed; LookupError if the account is not connected.
        """
        connection = self._connection(work, account_id, grantless=operation.grantless)
        attempt_id = str(uuid.uuid4())
        work.session.add(
            Attempt(
                attempt_id=attempt_id,
                account_id=account_id,
                operation=operation.name,
                subject=subject,
                started_at=work.now,
            )
        )
        work.commit()
        started = time.perf_counter()
        try:
            with tracing.doing(f"Amazon {operation.name}", "CLIENT", {"orderbridge.account": account_id}) as span:
                try:
                    result = call(connection)
                except AmazonError as error:
                    span.tell(status=error.status, request_id=error.request_id)
                    raise
        except AmazonError as error:
            AMAZON_CALLS.labels(operation.name, type(error).__name__, error.status or "none").inc()
            retry_at = self._learn(work, account_id, operation, error)
            _close(work, attempt_id, "unknown" if error.outcome_unknown else _name(error))
            work.commit()
            raise CallFailed(error, retry_at) from error
        finally:
            AMAZON_SECONDS.labels(operation.name).observe(time.perf_counter() - started)
        answer = result if isinstance(result, Answer) else result.answer
        AMAZON_CALLS.labels(operation.name, "done", answer.status).inc()
        quotas.answered(work, account_id, operation.name, answer.rate_limit)
        api_url = self._api_url(work, account_id)
        endpoints.answered(work, api_url)
        if answer.server_date is not None:
            self._ahead[api_url] = answer.server_date - work.now
        mended = (SECRET_EXPIRED,) if operation.grantless else (CONSENT_REVOKED, SECRET_EXPIRED)
        if end_attention(work, account_id, *mended):
            quotas.reopen(work, account_id)
        _close(work, attempt_id, "done")
        work.commit()  # or the quota's row stayed locked until the outcome: others hold an order's and wait for it
        return result

    def _learn(self, work: Work, account_id: str, operation: Operation, error: AmazonError) -> datetime:
        if isinstance(error, LoginRefused | ConsentRevoked):
            return _after_login_trouble(work, account_id, error)
        if isinstance(error, LoginHangs):
            return error.retry_at
        retry_at = self._learn_of_quota(work, account_id, operation, error)
        if (
            error.operation != LOGIN
        ):  # the endpoint's row after the quota's, as where all is well: nobody waits crosswise
            learned = endpoints.timed_out if isinstance(error, NoAnswer) else endpoints.answered
            learned(work, self._api_url(work, account_id))
        return retry_at

    def _learn_of_quota(self, work: Work, account_id: str, operation: Operation, error: AmazonError) -> datetime:
        if isinstance(error, Throttled) and error.operation != LOGIN:
            return quotas.throttled(work, account_id, operation.name)
        if isinstance(error, NoAnswer | Unwell | Throttled | BadAnswer):
            return quotas.faulted(work, account_id, operation.name)
        quotas.answered(work, account_id, operation.name, None)
        return work.now

    def _api_url(self, work: Work, account_id: str) -> str:
        return work.session.get_one(Account, account_id).api_url

    def _account(self, work: Work, account_id: str, *, afresh: bool = False) -> Account | None:
        row = work.session.get(Account, account_id, populate_existing=afresh)
        work.keep(row)
        return row

    def _connection(self, work: Work, account_id: str, *, grantless: bool) -> Connection:
        row = self._account(work, account_id, afresh=True)
        if row is None or row.refresh_token is None:
            raise LookupError(f"account {account_id} is not connected")
        check_endpoint(self.settings, row)
        if row.client_id is not None and row.client_secret is not None:
            client_id = row.client_id
            client_secret = self._box.decrypt(row.client_secret, purpose=f"client_secret:{account_id}")
        else:
            client_id = self.settings.need("amazon_client_id")
            client_secret = self.settings.need("amazon_client_secret")
        refresh_token = self._box.decrypt(row.refresh_token, purpose=f"refresh_token:{account_id}")
        tokens = SharedTokens(self._database, self._box, row.login_url)
        return Connection(
            row.api_url,
            GrantlessLogin(row.login_url, client_id, client_secret, store=tokens)
            if grantless
            else Login(row.login_url, client_id, client_secret, refresh_token, store=tokens),
            before_call=_guard(),
            now=self._database.clock.now,
        )


def _after_login_trouble(work: Work, account_id: str, error: LoginRefused | ConsentRevoked) -> datetime:
    """The seller is told once; all the account's calls pause, and are tried again seldom."""
    row = work.session.get_one(Account, account_id)
    waits = "Imports and shipments wait; nothing is lost."
    if isinstance(error, ConsentRevoked):
        raise_attention(
            work,
            account_id,
            CONSENT_REVOKED,
            f"Amazon no longer takes this account's refresh token: its authorisation was ended. {waits}",
            how_to_authorise_again(row),
        )
    else:
        raise_attention(
            work,
            account_id,
            SECRET_EXPIRED,
            "Amazon no longer takes the application's client id and secret: the secret has expired, or it was rotated. "
            + waits,
            how_to_tell_a_secret(row),
        )
    until = work.now + AFTER_LOGIN_TROUBLE
    quotas.pause(work, account_id, until)
    return until


def _guard() -> Callable[[], None]:
    """Called before each use of the network: no transaction is open, and it is not too late to send."""
    too_late = time.monotonic() + SEND_WITHIN

    def guard() -> None:
        refuse_open_transaction()
        if time.monotonic() > too_late:
            raise NotSent(LOGIN, "too late to send: the claim might run out meanwhile")

    return guard


def _close(work: Work, attempt_id: str, outcome: str) -> None:
    work.session.execute(
        update(Attempt)
        .where(Attempt.attempt_id == attempt_id)
        .values(finished_at=work.now, outcome=outcome)
        .execution_options(synchronize_session=False)
    )


def _name(error: AmazonError) -> str:
    return " ".join(str(part) for part in (type(error).__name__, error.status, error.code) if part is not None)
