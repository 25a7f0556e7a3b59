"""The seller's consent in Seller Central: the link that leads there, and what comes back with him.

    link = begin(settings, database, "main", US, session)      # send the browser there
    outcome = finish(settings, database, query, session)       # at /connect/callback: Connected or NotConnected

What comes back is believed only with the `state` that was given along: random, good once, for ten minutes, and for the
browser session that began. Then it is the same as with a refresh token that somebody typed (`connect_account`).

Source: developer guide, "Website authorization workflow"; RFC 6749, sections 4.1.2 and 10.12; RFC 9700, section 2.1.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import update

from orderbridge.accounts.names import WRONG_NAME, may_be_called
from orderbridge.accounts.onboarding import Connected, connect_account
from orderbridge.accounts.trial import ConnectRefused, explain
from orderbridge.amazon import AmazonError, ConsentRevoked, exchange_code, marketplace
from orderbridge.amazon.login import LONGEST_TOKEN
from orderbridge.amazon.marketplaces import LOGIN_URL
from orderbridge.database.models import Account, ConsentRequest
from orderbridge.database.unit_of_work import Database, Work, refuse_open_transaction
from orderbridge.settings import Settings

log = structlog.get_logger()

STATE_LIVES: Final = timedelta(minutes=10)
CALLBACK_PATH: Final = "/connect/callback"
"""Below ORDERBRIDGE_PUBLIC_URL: the redirect URI that the application is registered with at Amazon."""
ACCESS_DENIED: Final = "access_denied"
_BEGIN_AGAIN: Final = "Begin again with Connect."


class CannotBegin(Exception):
    """The consent cannot be asked for; the message says why and what to do."""


Why = Literal[
    "malformed", "forged", "other_session", "expired", "replayed", "denied", "code_refused", "amazon_refused", "refused"
]


@dataclass(frozen=True)
class NotConnected:
    """Nothing was connected, and nothing kept. `account_id` is None where nobody can tell whose consent it was."""

    why: Why
    message: str
    what_to_do: str
    account_id: str | None = None


class _Answer(BaseModel):
    """The query of the callback. Amazon adds `mws_auth_token` for old applications, which is left aside."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    state: Annotated[str, Field(min_length=1, max_length=200, repr=False)]
    selling_partner_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,50}$")] | None = None
    spapi_oauth_code: Annotated[str | None, Field(min_length=1, max_length=LONGEST_TOKEN, repr=False)] = None
    error: Annotated[str, Field(pattern=r"^[a-z_]{1,50}$")] | None = None


@dataclass(frozen=True)
class _Asked:
    account_id: str
    marketplace_id: str


def redirect_uri(settings: Settings) -> str:
    """Where Amazon sends sellers back to: it must stand so among the application's redirect URIs at Amazon."""
    return settings.public_url.rstrip("/") + CALLBACK_PATH


def begin(settings: Settings, database: Database, account_id: str, marketplace_id: str, session: str) -> str:
    """The link to Seller Central's consent page, for an account that is new or to be connected again.

    `marketplace_id` says in which region; `session` is a secret of the browser session that begins. Raises CannotBegin.
    """
    if settings.amazon_application_id is None or settings.amazon_client_id is None or not settings.amazon_client_secret:
        raise CannotBegin(
            "This installation has no application that sellers could authorise. Set ORDERBRIDGE_AMAZON_APPLICATION_ID, "
            "ORDERBRIDGE_AMAZON_CLIENT_ID and ORDERBRIDGE_AMAZON_CLIENT_SECRET, or connect a private app by its "
            "refresh token."
        )
    place = marketplace(marketplace_id)
    if place is None:
        raise CannotBegin(f"There is no marketplace {marketplace_id[:40]!r}. Choose the one in which you sell most.")
    state = secrets.token_urlsafe(32)
    with database.unit_of_work() as work:
        _check_account(work, account_id)
        work.session.add(
            ConsentRequest(
                state_hash=_digest(state),
                session_hash=_digest(session),
                account_id=account_id,
                marketplace_id=marketplace_id,
                asked_at=work.now,
                expires_at=work.now + STATE_LIVES,
            )
        )
    query = {
        "application_id": settings.amazon_application_id,
        "state": state,
        "redirect_uri": redirect_uri(settings),
        **({"version": "beta"} if settings.amazon_application_draft else {}),
    }
    seller_central = settings.seller_central_url or f"https://{place.seller_central}"
    return f"{seller_central.rstrip('/')}/apps/authorize/consent?{urlencode(query)}"


def finish(settings: Settings, database: Database, query: Mapping[str, str], session: str) -> Connected | NotConnected:
    """What became of it: the account is connected as by `connect_account`, or it is not, and why.

    Raises BadSettings where the installation lacks a setting that it had when it began.
    """
    outcome = _finish(settings, database, query, session)
    if isinstance(outcome, NotConnected):
        log.info("consent not taken", account=outcome.account_id, why=outcome.why)
    else:
        log.info("account connected", account=outcome.account.account_id)
    return outcome


def _finish(settings: Settings, database: Database, query: Mapping[str, str], session: str) -> Connected | NotConnected:
    try:
        answer = _Answer.model_validate(dict(query))
    except ValidationError:
        return NotConnected("malformed", "This is no answer of Amazon's that we know.", _BEGIN_AGAIN)
    with database.unit_of_work() as work:
        asked = _take(work, answer.state, session)
    if isinstance(asked, NotConnected):
        return asked
    account_id = asked.account_id
    if answer.error is not None:
        return _told_an_error(answer.error, account_id)
    if answer.spapi_oauth_code is None or answer.selling_partner_id is None:
        told = "Amazon's answer lacks the code or the seller's id."
        return NotConnected("malformed", told, _BEGIN_AGAIN, account_id)
    try:
        refresh_token = exchange_code(
            settings.amazon_login_url or LOGIN_URL,
            settings.need("amazon_client_id"),
            settings.need("amazon_client_secret"),
            answer.spapi_oauth_code,
            redirect_uri(settings),
            before_call=refuse_open_transaction,
        )
    except ConsentRevoked:
        told = "Amazon does not take the code that came back: it was used already, or is older than five minutes."
        return NotConnected("code_refused", told, _BEGIN_AGAIN, account_id)
    except AmazonError as error:
        return _amazon_refused(error, account_id)
    place = marketplace(asked.marketplace_id)
    try:
        return connect_account(
            settings,
            database,
            account_id,
            refresh_token,
            region=place.region if place is not None else None,
            seller_id=answer.selling_partner_id,
            check_roles=True,
        )
    except AmazonError as error:
        return _amazon_refused(error, account_id)
    except ConnectRefused as refusal:
        return NotConnected("refused", "The seller has agreed, but is not connected.", str(refusal), account_id)


def _check_account(work: Work, account_id: str) -> None:
    known = work.session.get(Account, account_id)
    if known is None:
        if not may_be_called(account_id):
            raise CannotBegin(WRONG_NAME)
    elif known.client_id is not None:
        raise CannotBegin(
            f"{account_id} has an application of its own. Connect it with that application's refresh token, or "
            "disconnect it first."
        )


def _take(work: Work, state: str, session: str) -> _Asked | NotConnected:
    """Use the state up, if it is good: of two at once one gets it. Another session's attempt leaves it as it is."""
    mine = (ConsentRequest.state_hash == _digest(state), ConsentRequest.session_hash == _digest(session))
    taken = work.session.execute(
        update(ConsentRequest)
        .where(*mine, ConsentRequest.used_at.is_(None), ConsentRequest.expires_at > work.now)
        .values(used_at=work.now)
        .returning(ConsentRequest.account_id, ConsentRequest.marketplace_id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if taken is not None:
        return _Asked(*taken)
    row = work.session.get(ConsentRequest, _digest(state))
    if row is None:
        told = "Nobody here has asked for this consent: the link was made up, or it is days old."
        return NotConnected("forged", told, _BEGIN_AGAIN)
    if row.session_hash != _digest(session):
        told = "This consent was asked for in another browser, or before you signed in anew."
        return NotConnected("other_session", told, "Go back to that browser, or begin again with Connect here.")
    if row.used_at is not None:
        told = "This answer of Amazon's was used already."
        what_to_do = "Look whether the account is connected; if it is not, begin again with Connect."
        return NotConnected("replayed", told, what_to_do, row.account_id)
    told = f"It took longer than {STATE_LIVES.seconds // 60} minutes to come back from Amazon."
    return NotConnected("expired", told, _BEGIN_AGAIN, row.account_id)


def _told_an_error(error: str, account_id: str) -> NotConnected:
    if error == ACCESS_DENIED:
        told = "The seller did not authorise the application."
        return NotConnected(
            "denied", told, f"If that was not meant: {_BEGIN_AGAIN[0].lower()}{_BEGIN_AGAIN[1:]}", account_id
        )
    return NotConnected("denied", f"Amazon ended the authorisation: {error}.", _BEGIN_AGAIN, account_id)


def _amazon_refused(error: AmazonError, account_id: str) -> NotConnected:
    told = f"The seller has agreed, but Amazon did not accept it: {str(error).rstrip('.')}."
    return NotConnected("amazon_refused", told, f"{explain(error)} Nothing was kept.", account_id)


def _digest(secret: str) -> str:
    # Plain SHA-256 is enough: both are long and random.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
