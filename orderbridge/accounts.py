"""What a seller sets for an account: the manual's settings, their defaults and their rules, in one place."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import select

from orderbridge.amazon.marketplaces import API_URLS, LOGIN_URL, marketplace
from orderbridge.database.models import Account
from orderbridge.database.unit_of_work import Work
from orderbridge.settings import BadSettings, Settings
from schemas.base import Moment
from schemas.orders import Choice

MANUAL_QUEUES = {
    "new": Choice(id="1", name="New"),
    "processing": Choice(id="2", name="Processing"),
    "partial": Choice(id="3", name="Partial"),
    "shipped": Choice(id="4", name="Shipped"),
    "cancel": Choice(id="5", name="Cancel"),
    "hold": Choice(id="6", name="Hold"),
    "unpaid": Choice(id="9", name="Unpaid"),
}
"""The store's order queues as the manual names them, until a store publishes its own."""


class WrongEndpoint(BadSettings):
    """An account was connected at other addresses than the ones this installation is set to."""


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("expected an IANA time zone such as America/New_York")
    return name


class AccountSettings(BaseModel):
    """The settings of one account, with defaults with which a first import works."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    enabled: bool = False
    """Enable Amazon Order."""
    import_from: Moment | None = None
    """Import Orders From; None is the day the account was connected."""
    import_fba: bool = False
    """Import FBA Orders."""
    import_every_minutes: Annotated[int, Field(ge=1, le=60)] = 60
    status_merchant: Choice = MANUAL_QUEUES["new"]
    """Order Status (Fulfilled by Merchant)."""
    status_fba: Choice = MANUAL_QUEUES["processing"]
    """Order Status (Fulfilled by Amazon)."""
    status_shipped: Choice = MANUAL_QUEUES["shipped"]
    status_cancelled: Choice = MANUAL_QUEUES["cancel"]
    payment_types: dict[str, Choice] = {}
    """Payment Type: Amazon's payment method -> the store's."""
    payment_type_default: Choice = Choice(id="14", name="Amazon")
    invoice_number_prefix: Annotated[str, Field(max_length=20, pattern=r"^[A-Za-z0-9_.#/-]*$")] = "AMZ-"
    """Invoice Number Prefix."""
    deduct_inventory_when_shipped: bool = True
    """Deduct inventory when order is shipped."""
    exclude_from_sales_reports: bool = False
    """Don't consider Amazon orders in sales reports."""
    shipping_methods: dict[str, Choice] = {}
    """Shipping Mapping: Amazon's service level -> the store's method."""
    time_zone: Annotated[str, AfterValidator(_time_zone)] | None = None
    """Where a date is a day; None is the home marketplace's."""


class ConnectedAccount(BaseModel):
    """An account, read and checked."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    account_id: str
    marketplace_ids: tuple[str, ...]
    settings: AccountSettings
    connected_at: datetime | None
    """When it was first connected; kept when it is disconnected, since its import goes on from there."""
    connected: bool

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which this account's dates are days."""
        home = marketplace(self.marketplace_ids[0]) if self.marketplace_ids else None
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
    """The account, or None if there is none of that id."""
    row = work.session.get(Account, account_id)
    return read_account(row) if row is not None else None


def connected_accounts(work: Work) -> list[ConnectedAccount]:
    """All accounts that Amazon's consent is held for."""
    rows = work.session.scalars(select(Account).where(Account.refresh_token.is_not(None)))
    return [read_account(row) for row in rows]
