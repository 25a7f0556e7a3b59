"""The accounts of this installation, read from their rows and checked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from orderbridge.accounts.manual_queues import MANUAL_QUEUES
from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.store_options import read_options, unpaid_queue, with_store_words
from orderbridge.amazon.marketplaces import API_URLS, LOGIN_URL, marketplace
from orderbridge.database.models import Account, StoreOptionsRow
from orderbridge.database.unit_of_work import Work
from orderbridge.settings import BadSettings, Settings
from schemas.accounts import AccountSettingsChanged
from schemas.orders import Choice


class WrongEndpoint(BadSettings):
    """An account was connected at other addresses than the ones this installation is set to."""


class ConnectedAccount(BaseModel):
    """An account, read and checked."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    account_id: str
    marketplace_ids: tuple[str, ...]
    settings: AccountSettings
    connected_at: datetime | None
    """When it was first connected; kept when it is disconnected, since its import goes on from there."""
    connected: bool
    unpaid_queue: Choice = MANUAL_QUEUES["unpaid"]
    """The store's queue of orders whose payment is pending, where no setting chooses one."""

    @property
    def imports_from(self) -> datetime | None:
        """Import Orders From: what is set, else the beginning of the day of the connection ("default: today")."""
        if self.settings.import_from is not None or self.connected_at is None:
            return self.settings.import_from
        day = self.connected_at.astimezone(self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        return day.astimezone(UTC)

    @property
    def home_marketplace_id(self) -> str:
        """The first marketplace that we know: what Amazon has opened since may be listed before it. Empty for none."""
        known = (one for one in self.marketplace_ids if marketplace(one) is not None)
        return next(known, next(iter(self.marketplace_ids), ""))

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which this account's dates are days."""
        home = marketplace(self.home_marketplace_id)
        return ZoneInfo(self.settings.time_zone or (home.time_zone if home else "UTC"))


def read_account(row: Account) -> ConnectedAccount:
    """The row, typed."""
    return ConnectedAccount(
        account_id=row.account_id,
        marketplace_ids=tuple(json.loads(row.marketplace_ids)),
        settings=AccountSettings.model_validate_json(row.settings),
        connected_at=row.connected_at,
        connected=row.refresh_token is not None,
    )


def check_endpoint(settings: Settings, row: Account) -> None:
    """Raises WrongEndpoint if the account was connected elsewhere: demo and live credentials never mix."""
    for name, stored, at_amazon in (
        ("amazon_api_url", row.api_url, tuple(API_URLS.values())),
        ("amazon_login_url", row.login_url, (LOGIN_URL,)),
    ):
        here = getattr(settings, name)
        if stored not in ((here,) if here is not None else at_amazon):
            raise WrongEndpoint(
                f"Account {row.account_id} was connected at {stored}; ORDERBRIDGE_{name.upper()} is "
                f"{here or 'unset, which means Amazon'}. Set it back, or use another database."
            )


def find_account(work: Work, account_id: str) -> ConnectedAccount | None:
    """The account, or None if there is none of that id; its mappings have the names that the store gives them today."""
    statement = (
        select(Account, StoreOptionsRow.options, StoreOptionsRow.received_at)
        .outerjoin(StoreOptionsRow, StoreOptionsRow.account_id == Account.account_id)
        .where(Account.account_id == account_id)
    )
    found = work.session.execute(statement.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        return None
    row, options, said_at = found
    account = read_account(row)
    if options is None:
        return account
    offered = read_options(options, said_at)
    words = {"settings": with_store_words(account.settings, offered), "unpaid_queue": unpaid_queue(offered)}
    return account.model_copy(update=words)


def lock_account(work: Work, account_id: str) -> ConnectedAccount | None:
    """The account as it is, and its settings as they stay until the transaction ends."""
    work.session.get(Account, account_id, with_for_update={"read": True})
    return find_account(work, account_id)


def tell_store(work: Work, account: ConnectedAccount) -> None:
    """Post `account.settings`: what the store needs when it shows orders, whenever they came."""
    work.post(
        AccountSettingsChanged(
            account_id=account.account_id,
            connected=account.connected,
            exclude_from_sales_reports=account.settings.exclude_from_sales_reports,
        )
    )


def connected_accounts(work: Work) -> list[ConnectedAccount]:
    """All accounts that Amazon's consent is held for."""
    rows = work.session.scalars(select(Account).where(Account.refresh_token.is_not(None)))
    return [read_account(row) for row in rows]
