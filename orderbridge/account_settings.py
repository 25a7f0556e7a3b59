"""What a seller sets for an account: the manual's settings, their defaults and their rules, in one place."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas.base import Identifier, Moment
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

Prefix = Annotated[str, Field(max_length=20, pattern=r"^[A-Za-z0-9_.#/-]*$")]
Minutes = Annotated[int, Field(ge=1, le=60)]


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
    """Import Orders From; None is the day the account was connected. It has its effect on the first run."""
    import_fba: bool = False
    """Import FBA Orders."""
    import_non_amazon: bool = False
    """Import orders of other channels that Amazon merely ships (`NON_AMAZON`)."""
    import_every_minutes: Minutes = 60
    """Import every: 60, 30, 15 or 5 minutes."""
    log_email: str | None = None
    """Send log to (email)."""
    status_merchant: Choice = MANUAL_QUEUES["new"]
    """Order Status (Fulfilled by Merchant): New or Unpaid, for orders that await shipment."""
    status_fba: Choice = MANUAL_QUEUES["processing"]
    """Order Status (Fulfilled by Amazon), for orders that await shipment: any queue."""
    status_pending: Choice | None = None
    """The queue (Unpaid) of merchant orders whose payment is pending, to reserve stock; None sends them once paid."""
    status_shipped: Choice = MANUAL_QUEUES["shipped"]
    """The queue of what Amazon says has been shipped."""
    status_cancelled: Choice = MANUAL_QUEUES["cancel"]
    """The queue of what Amazon says is cancelled."""
    payment_types: dict[str, Choice] = {}
    """Payment Type: Amazon's payment method -> the store's."""
    payment_type_default: Choice = Choice(id="14", name="Amazon")
    """Payment Type of every payment method that has none of its own."""
    invoice_number_prefix: Prefix = "AMZ-"
    """Invoice Number Prefix."""
    invoice_number_prefix_fba: Prefix | None = None
    invoice_number_prefix_prime: Prefix | None = None
    invoice_number_prefix_business: Prefix | None = None
    """Other prefixes for orders of these kinds; None is the prefix of all. FBA comes before Prime before business."""
    deduct_inventory_when_shipped: bool = True
    """Deduct inventory when order is shipped."""
    exclude_from_sales_reports: bool = False
    """Don't consider Amazon orders in sales reports."""
    shipping_methods: dict[str, Choice] = {}
    """Shipping Mapping: Amazon's service level -> the store's method."""
    time_zone: Annotated[str, AfterValidator(_time_zone)] | None = None
    """Where a date is a day; None is the home marketplace's."""
    skip_marketplaces: tuple[Identifier, ...] = ()
    """Marketplace ids whose orders are not imported."""
    skip_programs: tuple[Identifier, ...] = ()
    """Amazon's programs (`AMAZON_BUSINESS`) whose orders are not imported."""
    skip_placed_before: Moment | None = None
    """Orders placed before this are never imported, also where "Import Orders From" would."""
