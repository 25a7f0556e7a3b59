"""What a seller sets for an account: the manual's settings, their types, defaults and texts, in one place.

How a value is read and what it may be is in `setting_values`, changing it in `change_settings`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from orderbridge.accounts.amazon_words import PAYMENT_METHODS, PROGRAMS, SERVICE_LEVELS
from orderbridge.accounts.manual_queues import MANUAL_QUEUES
from orderbridge.accounts.setting_types import (
    IMPORT_EVERY,
    LATE_WARNING_HOURS,
    MOST_DAYS,
    Clock,
    Days,
    Minutes,
    Prefix,
    SendLogWhen,
    TimeZone,
)
from schemas.base import Identifier, Moment
from schemas.orders import Choice


def _setting(default: Any, name: str, help_: str, written: str, example: str, *, group: str) -> Any:
    """A setting by its name in the manual: what it does, how its value is written, and an example of one."""
    more: dict[str, Any] = {"written": written, "group": group}
    return Field(default, title=name, description=help_, examples=[example], json_schema_extra=more)


_SCRIPT, _MAPPING, _ORDERS = "Script Settings", "Order Mapping", "Order Settings"
_REPORTS, _SHIPPING, _MORE = "Report Settings", "Shipping Mapping", "Beyond the manual"
_YES_NO = "true or false (on, off, yes, no)"
_QUEUE = "the id or the name of one of the store's queues"
_DAY = "a day (its beginning in the account's time zone) or an RFC 3339 moment"
_PREFIX = "at most 20 letters, digits or _.#/-"


class AccountSettings(BaseModel):
    """The settings of one account, with defaults with which a first import works."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    enabled: bool = _setting(
        False,
        "Enable Amazon Order",
        "Import orders from this account. Off stops every import, never shipments or redaction; on again goes on "
        "from where it stopped.",
        _YES_NO,
        "enabled=true",
        group=_SCRIPT,
    )
    import_from: Moment | None = _setting(
        None,
        "Import Orders From",
        "Orders placed before this are not imported. It has its effect on the first run; up to two years back.",
        f"{_DAY}; null is the day on which the account was connected",
        "import_from=2026-11-01",
        group=_SCRIPT,
    )
    import_fba: bool = _setting(
        False,
        "Import FBA Orders",
        "Import orders that Amazon fulfils, too, for reports; they carry neither name nor address.",
        _YES_NO,
        "import_fba=yes",
        group=_SCRIPT,
    )
    log_email: str | None = _setting(
        None,
        "Send log to (email)",
        "Who is to get each run's log, and troubles at once; several addresses with commas between them.",
        "e-mail addresses; null sends none",
        "log_email=orders@example.com",
        group=_SCRIPT,
    )
    send_log_when: SendLogWhen = _setting(
        "every_run",
        "Send log",
        "After every run, as in the manual; after those that did something or need somebody; or one for a whole day.",
        "every_run, when_something_happened or daily",
        "send_log_when=daily",
        group=_SCRIPT,
    )
    status_merchant: Choice = _setting(
        MANUAL_QUEUES["new"],
        "Order Status (Fulfilled by Merchant)",
        "The queue of orders that await your shipment.",
        "the store's queue New or Unpaid, by id or name",
        "status_merchant=New",
        group=_MAPPING,
    )
    status_fba: Choice = _setting(
        MANUAL_QUEUES["processing"],
        "Order Status (Fulfilled by Amazon)",
        "The queue of orders that Amazon fulfils, for reports: whether pending, unshipped or shipped.",
        _QUEUE,
        "status_fba=Shipped",
        group=_MAPPING,
    )
    status_pending: Choice | None = _setting(
        None,
        "Order Status (payment pending)",
        "The queue of merchant orders whose payment is pending, to reserve stock; without it they come once paid.",
        "the store's queue Unpaid, by id or name; null is none",
        "status_pending=Unpaid",
        group=_MAPPING,
    )
    status_shipped: Choice = _setting(
        MANUAL_QUEUES["shipped"],
        "Order Status (already shipped)",
        "The queue of merchant orders that Amazon says have been shipped.",
        _QUEUE,
        "status_shipped=Shipped",
        group=_MAPPING,
    )
    status_cancelled: Choice = _setting(
        MANUAL_QUEUES["cancel"],
        "Order Status (cancelled)",
        "The queue of what Amazon says is cancelled.",
        _QUEUE,
        "status_cancelled=Cancel",
        group=_MAPPING,
    )
    payment_types: dict[str, Choice] = _setting(
        {},
        "Payment Type",
        f"The store's payment option for each of Amazon's payment methods: {', '.join(PAYMENT_METHODS)}.",
        "payment_types.METHOD=the option's id or name; an empty value removes the line",
        "payment_types.CreditCard=14",
        group=_MAPPING,
    )
    payment_type_default: Choice = _setting(
        Choice(id="14", name="Amazon"),
        "Payment Type (all others)",
        "The payment option of every payment method that has none of its own.",
        "the id or the name of one of the store's payment options",
        "payment_type_default=14",
        group=_MAPPING,
    )
    invoice_number_prefix: Prefix = _setting(
        "AMZ-",
        "Invoice Number Prefix",
        "Put before Amazon's number, so that its orders look different from the store's own. Counts for later orders.",
        f"{_PREFIX}; empty is none",
        "invoice_number_prefix=AMZ-",
        group=_ORDERS,
    )
    invoice_number_prefix_fba: Prefix | None = _setting(
        None,
        "Invoice Number Prefix (FBA)",
        "Another prefix for orders that Amazon fulfils.",
        f"{_PREFIX}; null is the prefix of all",
        "invoice_number_prefix_fba=FBA-",
        group=_ORDERS,
    )
    invoice_number_prefix_prime: Prefix | None = _setting(
        None,
        "Invoice Number Prefix (Prime)",
        "Another prefix for Prime orders; FBA comes before Prime before business.",
        f"{_PREFIX}; null is the prefix of all",
        "invoice_number_prefix_prime=PRIME-",
        group=_ORDERS,
    )
    invoice_number_prefix_business: Prefix | None = _setting(
        None,
        "Invoice Number Prefix (business)",
        "Another prefix for Amazon Business orders.",
        f"{_PREFIX}; null is the prefix of all",
        "invoice_number_prefix_business=B2B-",
        group=_ORDERS,
    )
    deduct_inventory_when_shipped: bool = _setting(
        True,
        "Deduct inventory when order is shipped",
        "On: stock goes when the order is shipped; off: when it is imported. Counts for later orders.",
        _YES_NO,
        "deduct_inventory_when_shipped=true",
        group=_ORDERS,
    )
    exclude_from_sales_reports: bool = _setting(
        False,
        "Don't consider Amazon orders in sales reports",
        "Leave this account's orders out of the store's sales reports, those among them that are there already.",
        _YES_NO,
        "exclude_from_sales_reports=true",
        group=_REPORTS,
    )
    shipping_methods: dict[str, Choice] = _setting(
        {},
        "Shipping Mapping",
        f"The store's shipping method for each of Amazon's service levels: {', '.join(SERVICE_LEVELS)}.",
        "shipping_methods.LEVEL=the method's id or name; an empty value removes the line",
        "shipping_methods.EXPEDITED=3",
        group=_SHIPPING,
    )
    carrier_mapping: dict[str, str] = _setting(
        {},
        "Carrier Mapping",
        "Amazon's carrier code for what the store calls a carrier, where the table of carriers says another or none.",
        "carrier_mapping.SPELLING=one of Amazon's codes (`orderbridge carriers`), or Other; an empty value removes the "
        "line",
        "carrier_mapping.dhl-paket=DHL",
        group=_MORE,
    )
    import_every_minutes: Minutes = _setting(
        60,
        "Import every",
        "How often Amazon is asked for orders.",
        f"{', '.join(map(str, IMPORT_EVERY[:-1]))} or {IMPORT_EVERY[-1]} minutes",
        "import_every_minutes=15",
        group=_MORE,
    )
    time_zone: TimeZone | None = _setting(
        None,
        "Time zone",
        "Where a date is a day.",
        "an IANA time zone; null is the home marketplace's",
        "time_zone=America/New_York",
        group=_MORE,
    )
    personal_data_clock: Clock = _setting(
        "placed",
        "Personal data: counted from",
        "From when the days of a buyer's personal data are counted: the order's placing, its shipment, or its latest "
        "delivery. Counts for orders that are here already, too.",
        "placed, shipped or delivered",
        "personal_data_clock=shipped",
        group=_MORE,
    )
    personal_data_days: Days = _setting(
        MOST_DAYS,
        "Personal data: days kept",
        'After so many days it reads "Amazon Replaced". Counts for orders that are here already, too.',
        f"1 to {MOST_DAYS} days",
        "personal_data_days=14",
        group=_MORE,
    )
    late_warning_hours: Annotated[int, Field(ge=LATE_WARNING_HOURS[0], le=LATE_WARNING_HOURS[1])] = _setting(
        6,
        "Late-shipment warning",
        "How many hours before its ship-by the store is warned of an order that has not shipped.",
        f"{LATE_WARNING_HOURS[0]} to {LATE_WARNING_HOURS[1]} hours",
        "late_warning_hours=12",
        group=_MORE,
    )
    confirm_shipments: bool = _setting(
        True,
        "Confirm shipments at Amazon",
        "Off pauses: what the store ships is held, and sent in order, the most urgent first, when it is on again.",
        _YES_NO,
        "confirm_shipments=false",
        group=_MORE,
    )
    hold_when_buyer_cancels: bool = _setting(
        False,
        "Hold shipments whose buyer asked to cancel",
        "Off: they are confirmed, since the parcel has left, and the store is told of the wish. On: they are held "
        "until you say so with `orderbridge shipments retry`.",
        _YES_NO,
        "hold_when_buyer_cancels=true",
        group=_MORE,
    )
    import_non_amazon: bool = _setting(
        False,
        "Import orders of other channels",
        "Import orders of other channels that Amazon merely ships (NON_AMAZON).",
        _YES_NO,
        "import_non_amazon=false",
        group=_MORE,
    )
    skip_marketplaces: tuple[Identifier, ...] = _setting(
        (),
        "Skip marketplaces",
        "Marketplaces of the account whose orders are not imported.",
        "marketplace ids or country codes, with commas between them; null is none",
        "skip_marketplaces=MX,CA",
        group=_MORE,
    )
    skip_programs: tuple[Identifier, ...] = _setting(
        (),
        "Skip programs",
        f"Amazon's programs whose orders are not imported: {', '.join(PROGRAMS)}.",
        "programs, with commas between them; null is none",
        "skip_programs=AMAZON_BUSINESS",
        group=_MORE,
    )
    skip_placed_before: Moment | None = _setting(
        None,
        "Skip orders placed before",
        'Orders placed before this are never imported, also where "Import Orders From" would.',
        f"{_DAY}; null is no such day",
        "skip_placed_before=2026-11-01",
        group=_MORE,
    )
