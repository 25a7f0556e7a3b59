"""Connects an Amazon seller account: its credentials are tried at Amazon, then kept sealed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from orderbridge.accounts import ConnectedAccount, check_endpoint, read_account, tell_store
from orderbridge.accounts.attentions import (
    CONSENT_REVOKED,
    ORDER_ROLE_MISSING,
    SECRET_EXPIRED,
    end_attention,
)
from orderbridge.accounts.expiry import warn_of_expiry
from orderbridge.accounts.identity import (
    opened,
    other_marketplaces,
    refuse_a_region_without_marketplaces,
    refuse_a_token_twice,
    refuse_another_region,
    refuse_another_seller,
    refuse_the_same_seller,
    same,
)
from orderbridge.accounts.names import WRONG_NAME, may_be_called
from orderbridge.accounts.roles import ADDRESS_ROLE, ORDER_ROLE, address_role_granted, addresses_missing, orders_refused
from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.trial import ConnectRefused, Credentials, Trial, Tried, region_of
from orderbridge.amazon.marketplaces import API_URLS, LOGIN_URL, Region
from orderbridge.database import quotas
from orderbridge.database.engine import is_outage
from orderbridge.database.models import Account, AccountState, Run
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.late_shipments import look_at_all
from orderbridge.settings import PREFIX, Settings
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
    seller_id: str | None = None,
    check_roles: bool = False,
) -> Connected:
    """Try the credentials at Amazon (`getMarketplaceParticipations`) and keep the account.

    Without a client id the account's own application is used, if it has one, else the installation's. Without a region
    all are tried, unless ORDERBRIDGE_AMAZON_API_URL says where Amazon is. `seller_id` is Amazon's, where it told that.
    `check_roles` spends one `searchOrders`. An account that is known keeps its settings and its cursor; what waited for
    the new token goes on.

    Raises AmazonError (`trial.explain` says what to do), ConnectRefused, BadSettings. Nothing is kept then.
    """
    box = SecretsBox(settings.need("secrets_key"))
    with database.unit_of_work() as work:
        known = work.session.get(Account, account_id)
        if known is None and not may_be_called(account_id):
            raise ConnectRefused(WRONG_NAME)
        refuse_another_seller(known, seller_id)
        refuse_a_token_twice(work, box, account_id, refresh_token)
        same_token = known is not None and same(opened(box, known), refresh_token)
    credentials = _credentials(settings, box, known, client_id, client_secret, refresh_token)
    login_url = settings.amazon_login_url or LOGIN_URL
    tried = Trial(database, account_id, login_url, credentials).run(
        _endpoints(settings, known, region), check_roles=check_roles
    )
    refuse_another_region(known, tried)
    refuse_a_region_without_marketplaces(region, tried)
    with database.unit_of_work() as work:
        refuse_the_same_seller(work, account_id, seller_id, tried)
        row = work.session.get(Account, account_id)
        if row is None:
            row = Account(account_id=account_id, settings=AccountSettings().model_dump_json())
            work.session.add(row)
        warnings = other_marketplaces(row, tried)
        added = set(tried.marketplace_ids) - set(json.loads(row.marketplace_ids or "[]"))
        if account_settings is not None:
            row.settings = account_settings.model_dump_json()
        row.seller_id = seller_id or (row.seller_id if same_token else None)  # another token may be another seller's
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
        if added:
            _read_from_the_start(work, connected)
    return Connected(connected, region_of(tried.api_url), tried.missing_roles, tried.unknown_roles, warnings)


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
        try:
            secret = box.decrypt(known.client_secret, purpose=f"client_secret:{known.account_id}")
        except SecretRefused:
            raise ConnectRefused(
                f"The account's own client secret does not open under {PREFIX}SECRETS_KEY, which was changed perhaps: "
                f"give its client id and secret again. The id is {known.client_id}."
            ) from None
        return Credentials(known.client_id, secret, refresh_token)
    return Credentials(settings.need("amazon_client_id"), settings.need("amazon_client_secret"), refresh_token)


def _endpoints(settings: Settings, known: Account | None, region: Region | None) -> list[str]:
    """Where to try: one address if it is given; else the account's own region first, then the others."""
    if settings.amazon_api_url is not None:
        return [settings.amazon_api_url]
    if region is not None:
        return [API_URLS[region]]
    return sorted(API_URLS.values(), key=lambda url: known is None or url != known.api_url)


def _tell_roles(work: Work, account_id: str, tried: Tried) -> None:
    """A role that the trial says nothing about stays as it was: the import finds out."""
    if ORDER_ROLE in tried.missing_roles:
        orders_refused(work, account_id, tried.refusal)
    elif ADDRESS_ROLE in tried.missing_roles:
        addresses_missing(work, account_id)
    told = {*tried.missing_roles, *tried.unknown_roles}
    if tried.checked and ORDER_ROLE not in told:
        end_attention(work, account_id, ORDER_ROLE_MISSING)
    if tried.checked and ADDRESS_ROLE not in told:
        address_role_granted(work, account_id)


def _read_from_the_start(work: Work, account: ConnectedAccount) -> None:
    """A marketplace was added: the import has gone on without it, and reads again what it has of earlier orders."""
    state = work.session.get(AccountState, account.account_id)
    if state is not None and state.imported_from is not None:
        work.post(ImportDue(account_id=account.account_id, reason="history", since=state.imported_from))
        if account.settings.enabled:
            work.post(ImportDue(account_id=account.account_id, reason="now"))


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
