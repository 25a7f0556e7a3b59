"""Amazon's report of all orders, line by line, as typed rows.

It is the flat file GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL or …_BY_LAST_UPDATE_GENERAL: tab separated, a
line for each item of an order or for a part of its quantity, without an order item id (docs repository, issue 3277).
The header decides what a column is: Amazon adds columns, and sellers choose some. City and postal code, which both
reports have, are read over and not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from orderbridge.amazon.answers import to_utc
from orderbridge.amazon.errors import BadAnswer
from orderbridge.amazon.marketplaces import marketplace_of_domain
from orderbridge.amazon.report_words import OrderStatus, fulfilled_by, is_amazon, order_status

ALL_ORDERS: Final = "allOrdersReport"
"""What errors name as their operation if a document is not such a report."""

REQUIRED: Final = ("amazon-order-id", "purchase-date", "order-status", "quantity")

_ORDER_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_AMOUNT: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True)
class Amounts:
    """A line's money, each for its whole quantity and in the line's currency; None where the report tells none.

    A discount is as the report has it, which is positive. A pending order's amounts are missing or too low.
    """

    item_price: Decimal | None = None
    item_tax: Decimal | None = None
    shipping_price: Decimal | None = None
    shipping_tax: Decimal | None = None
    gift_wrap_price: Decimal | None = None
    gift_wrap_tax: Decimal | None = None
    item_promotion_discount: Decimal | None = None
    ship_promotion_discount: Decimal | None = None


_AMOUNTS: Final = tuple(name.replace("_", "-") for name in Amounts.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One line. `number` is its place in the document, whose header is 1; `…_word` is Amazon's own word.

    `merchant_order_id` is the seller's; `is_amazon` is False for an order of another shop, which Amazon only ships;
    `marketplace_id` is None there, and for a shop that our table does not have. A yes or no is None where the report
    tells neither.
    """

    number: int
    order_id: str
    merchant_order_id: str | None
    placed_at: datetime
    updated_at: datetime | None
    status: OrderStatus
    status_word: str
    fulfilled_by: Literal["AMAZON", "MERCHANT"] | None
    sales_channel: str | None
    is_amazon: bool
    marketplace_id: str | None
    order_channel: str | None
    service_level: str | None
    title: str | None
    sku: str | None
    asin: str | None
    item_status_word: str | None
    quantity: int
    currency: str | None
    amounts: Amounts
    promotion_ids: tuple[str, ...]
    ship_country: str | None
    ship_state: str | None = field(repr=False)
    is_business: bool | None
    purchase_order_number: str | None = field(repr=False)
    price_designation: str | None
    tax_collection_model: str | None
    ioss_number: str | None
    is_replacement: bool | None
    is_exchange: bool | None
    original_order_id: str | None
    is_buyer_requested_cancellation: bool | None


@dataclass(frozen=True, slots=True)
class UnreadableLine:
    """A line that is not what its header says, and why: `quantity is no whole number`. No value is told."""

    number: int
    why: str


def read_report(lines: Iterable[str]) -> Iterator[ReportLine | UnreadableLine]:
    """The rows of a report, as its lines come. Empty lines are left out; a bad line takes no other with it.

    Raises `BadAnswer` if the first line is not the header of such a report, and what `lines` raises.
    """
    numbered = enumerate(lines, start=1)
    header = next((text for _, text in numbered if text.strip()), None)
    if header is None:
        raise BadAnswer(ALL_ORDERS, "the report is empty")
    names = [name.strip().strip('"').lower() for name in header.removeprefix("\ufeff").split("\t")]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise BadAnswer(ALL_ORDERS, f"the report's header lacks {', '.join(missing)}")
    for number, text in numbered:
        if not text.strip():
            continue
        values = text.split("\t")
        # Trailing empty columns may be left out; one too many means that all behind it stand in the wrong place.
        if any(value.strip() for value in values[len(names) :]):
            yield UnreadableLine(number, "more columns than the header has")
            continue
        row = {name: stripped for name, value in zip(names, values, strict=False) if (stripped := value.strip())}
        try:
            yield _line(number, row)
        except _Unreadable as problem:
            yield UnreadableLine(number, str(problem))


class _Unreadable(Exception):
    """What is wrong with a line, without its values."""


def _line(number: int, row: dict[str, str]) -> ReportLine:
    channel = row.get("sales-channel")
    known = marketplace_of_domain(channel) if channel else None
    return ReportLine(
        number=number,
        order_id=_order_id(row),
        merchant_order_id=row.get("merchant-order-id"),
        placed_at=_moment(row, "purchase-date"),
        updated_at=_moment(row, "last-updated-date") if "last-updated-date" in row else None,
        status=order_status(_needed(row, "order-status")),
        status_word=row["order-status"],
        fulfilled_by=fulfilled_by(row.get("fulfillment-channel")),
        sales_channel=channel,
        is_amazon=is_amazon(channel),
        marketplace_id=known.id if known else None,
        order_channel=row.get("order-channel"),
        service_level=row.get("ship-service-level"),
        title=row.get("product-name"),
        sku=row.get("sku"),
        asin=row.get("asin"),
        item_status_word=row.get("item-status"),
        quantity=_quantity(row),
        currency=row.get("currency"),
        amounts=Amounts(*(_amount(row, name) for name in _AMOUNTS)),
        promotion_ids=_listed(row.get("promotion-ids")),
        ship_country=row.get("ship-country"),
        ship_state=row.get("ship-state"),
        is_business=_yes(row, "is-business-order"),
        purchase_order_number=row.get("purchase-order-number"),
        price_designation=row.get("price-designation"),
        tax_collection_model=row.get("tax-collection-model"),
        ioss_number=row.get("ioss-number"),
        is_replacement=_yes(row, "is-replacement-order"),
        is_exchange=_yes(row, "is-exchange-order"),
        original_order_id=row.get("original-order-id"),
        is_buyer_requested_cancellation=_yes(row, "is-buyer-requested-cancellation"),
    )


def _needed(row: dict[str, str], name: str) -> str:
    value = row.get(name)
    if value is None:
        raise _Unreadable(f"{name} is empty")
    return value


def _order_id(row: dict[str, str]) -> str:
    order_id = _needed(row, "amazon-order-id")
    if not _ORDER_ID.fullmatch(order_id):
        raise _Unreadable("amazon-order-id is no order id")
    return order_id


def _moment(row: dict[str, str], name: str) -> datetime:
    text = _needed(row, name)
    try:
        moment = to_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        moment = None
    # A date alone would be taken for its midnight, which nobody said.
    if moment is None or len(text) <= len("2026-11-23"):
        raise _Unreadable(f"{name} is no time")
    return moment


def _quantity(row: dict[str, str]) -> int:
    text = _needed(row, "quantity")
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise _Unreadable("quantity is no whole number")
    return int(text)


def _amount(row: dict[str, str], name: str) -> Decimal | None:
    text = row.get(name)
    if text is None:
        return None
    if not _AMOUNT.fullmatch(text):
        raise _Unreadable(f"{name} is no amount")
    return Decimal(text)


def _yes(row: dict[str, str], name: str) -> bool | None:
    return row[name].lower() in ("true", "yes", "y", "1") if name in row else None


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())
