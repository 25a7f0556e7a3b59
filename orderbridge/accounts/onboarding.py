"""Connects an Amazon seller account: its credentials are tried at Amazon, then kept sealed."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import DBAPIError

from orderbridge.accounts import ConnectedAccount, check_endpoint, read_account, tell_store
from orderbridge.accounts.attentions import (
    CONSENT_REVOKED,
    ORDER_ROLE_MISSING,
    ROLE_MISSING,
    SECRET_EXPIRED,
    TROUBLES,
    end_attention,
)
from orderbridge.accounts.expiry import warn_of_expiry
from orderbridge.accounts.roles import ADDRESS_ROLE, ORDER_ROLE, addresses_missing, orders_refused
from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.trial import ConnectRefused, Credentials, Trial, Tried, region_of
from orderbridge.amazon.marketplaces import API_URLS, LOGIN_URL, Region
from orderbridge.database import quotas
from orderbridge.database.engine import is_outage
from orderbridge.database.models import Account, Run, Subscription
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.late_shipments import look_at_all
from orderbridge.settings import Settings
from orderbridge.shipment_slots import plan_slot
from orderbridge.vault.secrets_box import SecretRefused, SecretsBox
from schemas.imports import ImportDue


@dataclass(frozen=True)
class Connected:
    """A connected account, and what its trial showed. Roles are Amazon's names."""

    account: ConnectedAccount
    region: Region | None
    missing_roles: tuple[str, ...]
    unknown_roles: tuple[str, ...]
    warnings: tuple[str, ...]


def connect_account(
    settings: Settings,
    database: Database,
    account_id: str,
    refresh_token: str,
    account_settings: AccountSettings | None = None,
    *,
    client_id: str | None = None,
    client_secret: str | None = None,
    region: Region | None = None,
    secret_expires_at: datetime | None = None,
    check_roles: bool = False,
) -> Connected:
    """Try the credentials at Amazon (`getMarketplaceParticipations`) and keep the account.

    Without a client id the account's own application is used, if it has one, else the installation's. Without a region
    all are tried, unless ORDERBRIDGE_AMAZON_API_URL says where Amazon is. `check_roles` spends one `searchOrders`.
    An account that is known keeps its settings and its cursor; what waited for the new token goes on.

    Raises AmazonError (`trial.explain` says what to do), ConnectRefused, BadSettings. Nothing is kept then.
    """
    box = SecretsBox(settings.need("secrets_key"))
    with database.unit_of_work() as work:
        known = work.session.get(Account, account_id)
        _refuse_a_token_twice(work, box, account_id, refresh_token)
        same_token = known is not None and _same(_opened(box, known), refresh_token)
    credentials = _credentials(settings, box, known, client_id, client_secret, refresh_token)
    login_url = settings.amazon_login_url or LOGIN_URL
    tried = Trial(database, account_id, login_url, credentials).run(
        _endpoints(settings, known, region), check_roles=check_roles
    )
    _refuse_another_region(known, tried)
    with database.unit_of_work() as work:
        row = work.session.get(Account, account_id)
        if row is None:
            row = Account(account_id=account_id, settings=AccountSettings().model_dump_json())
            work.session.add(row)
        warnings = _warnings(row, tried)
        if account_settings is not None:
            row.settings = account_settings.model_dump_json()
        row.marketplace_ids = json.dumps(tried.marketplace_ids)
        row.refresh_token = box.encrypt(refresh_token, purpose=f"refresh_token:{account_id}")
        if client_id is not None:
            row.client_id = client_id
        if client_secret is not None:
            row.client_secret = box.encrypt(client_secret, purpose=f"client_secret:{account_id}")
            row.secret_expires_at = secret_expires_at
        row.secret_expires_at = secret_expires_at or row.secret_expires_at
        row.api_url, row.login_url = tried.api_url, login_url
        row.connected_at = row.connected_at or work.now
        row.authorized_at = row.authorized_at if same_token and row.authorized_at else work.now
        connected = read_account(row)
        tell_store(work, connected)
        work.session.flush()
        _tell_roles(work, account_id, tried)
        warn_of_expiry(work, settings, account_id)
        _go_on(work, connected)
        look_at_all(work, account_id)  # nobody was warned of its orders while it was disconnected
    return Connected(connected, region_of(tried.api_url), tried.missing_roles, tried.unknown_roles, warnings)


def disconnect_account(database: Database, account_id: str) -> bool:
    """Destroy our token of the account; its orders stay and their redaction goes on. False if there is none."""
    with database.unit_of_work() as work:
        row = work.session.get(Account, account_id)
        if row is None or row.refresh_token is None:
            return False
        row.refresh_token = row.client_id = row.client_secret = None
        row.authorized_at = row.secret_expires_at = None
        end_attention(work, account_id, *TROUBLES)  # nobody need mend anything for it now
        # Amazon's own ends with the grant; what it sends until then is foreign.
        work.session.execute(delete(Subscription).where(Subscription.account_id == account_id))
        tell_store(work, read_account(row))
        plan_slot(work, account_id)  # the shipper answers what is held: nobody can send it now
    return True


def check_endpoints(settings: Settings, database: Database) -> None:
    """Raises WrongEndpoint if a connected account was connected elsewhere: demo and live data never mix.

    While the database is away nothing can be said; each call to Amazon asks again.
    """
    try:
        with database.unit_of_work() as work:
            rows = work.session.query(Account).filter(Account.refresh_token.is_not(None)).all()
    except DBAPIError as error:
        if not is_outage(error):
            raise
        return
    for row in rows:
        check_endpoint(settings, row)


def _credentials(
    settings: Settings,
    box: SecretsBox,
    known: Account | None,
    client_id: str | None,
    client_secret: str | None,
    refresh_token: str,
) -> Credentials:
    if client_secret is not None:
        if client_id is None and (known is None or known.client_id is None):
            raise ConnectRefused("A client secret was given without its client id: give both, or neither.")
        return Credentials(client_id or str(known and known.client_id), client_secret, refresh_token)
    if client_id is not None:
        raise ConnectRefused("A client id was given without its client secret: give both, or neither.")
    if known is not None and known.client_id is not None and known.client_secret is not None:
        secret = box.decrypt(known.client_secret, purpose=f"client_secret:{known.account_id}")
        return Credentials(known.client_id, secret, refresh_token)
    return Credentials(settings.need("amazon_client_id"), settings.need("amazon_client_secret"), refresh_token)


def _endpoints(settings: Settings, known: Account | None, region: Region | None) -> list[str]:
    """Where to try: one address if it is given; else the account's own region first, then the others."""
    if settings.amazon_api_url is not None:
        return [settings.amazon_api_url]
    if region is not None:
        return [API_URLS[region]]
    return sorted(API_URLS.values(), key=lambda url: known is None or url != known.api_url)


def _opened(box: SecretsBox, row: Account) -> str:
    if row.refresh_token is None:
        return ""
    try:
        return box.decrypt(row.refresh_token, purpose=f"refresh_token:{row.account_id}")
    except SecretRefused:
        return ""  # under another ORDERBRIDGE_SECRETS_KEY: it is of no use any more


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _refuse_a_token_twice(work: Work, box: SecretsBox, account_id: str, refresh_token: str) -> None:
    for row in work.session.scalars(select(Account).where(Account.account_id != account_id)):
        if _same(_opened(box, row), refresh_token):
            raise ConnectRefused(
                f"This refresh token is connected already, as {row.account_id}: two accounts would import every order "
                f"twice. Disconnect {row.account_id} first, or give another seller's token."
            )


def _refuse_another_region(known: Account | None, tried: Tried) -> None:
    if known is not None and known.api_url != tried.api_url:
        here = region_of(tried.api_url)
        raise ConnectRefused(
            f"{known.account_id} was connected at {known.api_url}, and this token is for {tried.api_url}: another "
            "seller, or another region. Connect it under a name of its own"
            + (f", {known.account_id}-{here} for instance." if here else ".")
        )


def _warnings(row: Account, tried: Tried) -> tuple[str, ...]:
    """An account that shares no marketplace with what it was is another seller's, most likely. Amazon tells no id."""
    before = set(json.loads(row.marketplace_ids or "[]"))
    if before and not before & set(tried.marketplace_ids):
        return (
            f"{row.account_id} had other marketplaces before. If this is another seller, disconnect it and connect it "
            "under a name of its own: the import would go on from the first one's cursor.",
        )
    return ()


def _tell_roles(work: Work, account_id: str, tried: Tried) -> None:
    """A role that the trial says nothing about stays as it was: the import finds out."""
    if ORDER_ROLE in tried.missing_roles:
        orders_refused(work, account_id, tried.refusal)
    elif ADDRESS_ROLE in tried.missing_roles:
        addresses_missing(work, account_id)
    told = {*tried.missing_roles, *tried.unknown_roles}
    granted = [
        code for code, role in ((ORDER_ROLE_MISSING, ORDER_ROLE), (ROLE_MISSING, ADDRESS_ROLE)) if role not in told
    ]
    if tried.checked:
        end_attention(work, account_id, *granted)


def _go_on(work: Work, account: ConnectedAccount) -> None:
    """What waited for the new credentials goes on at once: open runs, the import, and shipments."""
    waited = end_attention(work, account.account_id, CONSENT_REVOKED, SECRET_EXPIRED)
    quotas.reopen(work, account.account_id)
    if not waited:
        return
    plan_slot(work, account.account_id)
    open_runs = work.session.scalars(
        select(Run).where(Run.account_id == account.account_id, Run.finished_at.is_(None))
    ).all()
    for run in open_runs:
        rest = ImportDue(account_id=account.account_id, reason="rest", run_id=run.run_id)
        work.post(rest, name=f"import-rest:{run.run_id}")
    if account.settings.enabled and not any(run.kind == "search" for run in open_runs):
        work.post(ImportDue(account_id=account.account_id, reason="now"))
