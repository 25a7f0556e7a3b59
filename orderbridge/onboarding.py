"""Connects an Amazon seller account: its token is tried, its marketplaces discovered, then it is kept sealed."""

from __future__ import annotations

import json

from sqlalchemy import delete
from sqlalchemy.exc import DBAPIError

from orderbridge.account_settings import AccountSettings
from orderbridge.accounts import ConnectedAccount, check_endpoint, read_account
from orderbridge.amazon import Connection, Login, get_marketplace_participations
from orderbridge.amazon.marketplaces import API_URLS, LOGIN_URL
from orderbridge.database.engine import is_outage
from orderbridge.database.models import Account, Subscription
from orderbridge.database.unit_of_work import Database, refuse_open_transaction
from orderbridge.settings import Settings
from orderbridge.vault.secrets_box import SecretsBox
from schemas.accounts import AccountSettingsChanged


def connect_account(
    settings: Settings,
    database: Database,
    account_id: str,
    refresh_token: str,
    account_settings: AccountSettings | None = None,
) -> ConnectedAccount:
    """Try the token at Amazon (`getMarketplaceParticipations`) and keep the account. Raises AmazonError.

    An account that is known keeps its settings and its cursor; the token is replaced.
    """
    box = SecretsBox(settings.need("secrets_key"))
    api_url = settings.amazon_api_url or API_URLS["na"]
    login_url = settings.amazon_login_url or LOGIN_URL
    login = Login(login_url, settings.need("amazon_client_id"), settings.need("amazon_client_secret"), refresh_token)
    connection = Connection(api_url, login, before_call=refuse_open_transaction, now=database.clock.now)
    participations = get_marketplace_participations(connection).participations
    marketplaces = [part.marketplace.id for part in participations if part.participation.is_participating]
    with database.unit_of_work() as work:
        row = work.session.get(Account, account_id)
        if row is None:
            row = Account(account_id=account_id, settings=AccountSettings().model_dump_json())
            work.session.add(row)
        if account_settings is not None:
            row.settings = account_settings.model_dump_json()
        row.marketplace_ids = json.dumps(marketplaces)
        row.refresh_token = box.encrypt(refresh_token, purpose=f"refresh_token:{account_id}")
        row.api_url, row.login_url = api_url, login_url
        row.connected_at = row.connected_at or work.now
        connected = read_account(row)
        work.post(
            AccountSettingsChanged(
                account_id=account_id,
                connected=True,
                exclude_from_sales_reports=connected.settings.exclude_from_sales_reports,
            )
        )
    return connected


def disconnect_account(database: Database, account_id: str) -> bool:
    """Destroy our token of the account; its orders stay and their redaction goes on. False if there is none."""
    with database.unit_of_work() as work:
        row = work.session.get(Account, account_id)
        if row is None or row.refresh_token is None:
            return False
        row.refresh_token = row.client_secret = None
        # Amazon's own ends with the grant; what it sends until then is foreign.
        work.session.execute(delete(Subscription).where(Subscription.account_id == account_id))
        work.post(AccountSettingsChanged(account_id=account_id, connected=False))
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
