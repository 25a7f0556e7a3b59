"""The lines of a report of all orders, put together into orders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from orderbridge.amazon.all_orders_report import Amounts, ReportLine, UnreadableLine
from orderbridge.amazon.report_words import OrderStatus, order_status, status_of_all

MOST_ITEMS_A_GROUP: Final = 1_000
"""So that a report that is one endless order needs no endless memory. Amazon's orders have far fewer items."""


@dataclass(frozen=True, slots=True)
class ReportItem:
    """The lines of one SKU in one currency, summed. `cancelled_quantity` is the part whose item status is Cancelled.

    Without a SKU it is the lines of one ASIN.
    """

    sku: str | None
    asin: str | None
    title: str | None
    currency: str | None
    quantity: int
    cancelled_quantity: int
    amounts: Amounts
    price_designation: str | None
    promotion_ids: tuple[str, ...]
    tax_collection_model: str | None
    ioss_number: str | None
    is_buyer_requested_cancellation: bool | None


@dataclass(frozen=True, slots=True)
class ReportOrder:
    """An order as a report tells it, or a part of one: what is said of the lines' fields holds here too.

    `numbers` are those of its first and last line. `may_lack_items` is True if a line that cannot be read stood
    beside it or within: that line may be the order's, so that a difference to Amazon's API proves nothing.
    """

    order_id: str
    numbers: tuple[int, int]
    may_lack_items: bool
    merchant_order_id: str | None
    placed_at: datetime
    updated_at: datetime | None
    status: OrderStatus
    status_words: tuple[str, ...]
    fulfilled_by: Literal["AMAZON", "MERCHANT"] | None
    sales_channel: str | None
    is_amazon: bool
    marketplace_id: str | None
    order_channel: str | None
    service_level: str | None
    ship_country: str | None
    ship_state: str | None = field(repr=False)
    is_business: bool | None
    purchase_order_number: str | None = field(repr=False)
    is_replacement: bool | None
    is_exchange: bool | None
    original_order_id: str | None
    items: tuple[ReportItem, ...]

    @property
    def quantity(self) -> int:
        """Units of all items, cancelled ones too."""
        return sum(item.quantity for item in self.items)


def group_by_order(lines: Iterable[ReportLine | UnreadableLine]) -> Iterator[ReportOrder | UnreadableLine]:
    """The orders of a report's lines, in bounded memory: consecutive lines of one order are put together.

    Amazon mostly keeps an order's lines together and promises it nowhere. A line that comes later gives a further
    `ReportOrder` of the same id: the caller, who stores them, puts both together with `merge`. Unreadable lines are
    handed on as they come.
    """
    group: _Group | None = None
    beside_unreadable = False
    for line in lines:
        if isinstance(line, UnreadableLine):
            beside_unreadable = True
            if group:
                group.may_lack_items = True
            yield line
            continue
        if group and (group.order_id != line.order_id or len(group.items) >= MOST_ITEMS_A_GROUP):
            yield group.order()
            group = None
        if group is None:
            group = _Group(line, may_lack_items=beside_unreadable)
        else:
            group.add(line)
        beside_unreadable = False
    if group:
        yield group.order()


def merge(one: ReportOrder, other: ReportOrder) -> ReportOrder:
    """One order out of two parts of it. Raises ValueError if they are of different orders."""
    if one.order_id != other.order_id:
        raise ValueError("parts of two orders cannot be merged")
    items: dict[tuple[str | None, ...], ReportItem] = {}
    for item in (*one.items, *other.items):
        _put(items, item)
    # What one part does not tell the other may.
    told = {
        name: getattr(other, name)
        for name in ReportOrder.__dataclass_fields__
        if getattr(one, name) is None and getattr(other, name) is not None
    }
    told |= {
        "numbers": (min(one.numbers[0], other.numbers[0]), max(one.numbers[1], other.numbers[1])),
        "may_lack_items": one.may_lack_items or other.may_lack_items,
        "updated_at": max(filter(None, (one.updated_at, other.updated_at)), default=None),
        "status": status_of_all(order_status(word) for word in (*one.status_words, *other.status_words)),
        "status_words": tuple(dict.fromkeys((*one.status_words, *other.status_words))),
        "items": tuple(items.values()),
    }
    return replace(one, **told)


class _Group:
    """An order in the making."""

    def __init__(self, line: ReportLine, *, may_lack_items: bool) -> None:
        self.order_id = line.order_id
        self.may_lack_items = may_lack_items
        self.items: dict[tuple[str | None, ...], ReportItem] = {}
        self._first = line
        self._last = line
        self._words: dict[str, None] = {}
        self._updated_at: datetime | None = None
        self.add(line)

    def add(self, line: ReportLine) -> None:
        _put(self.items, _item(line))
        self._last = line
        self._words[line.status_word] = None
        self._updated_at = max(filter(None, (self._updated_at, line.updated_at)), default=None)

    def order(self) -> ReportOrder:
        first = self._first
        return ReportOrder(
            order_id=first.order_id,
            numbers=(first.number, self._last.number),
            may_lack_items=self.may_lack_items,
            merchant_order_id=first.merchant_order_id,
            placed_at=first.placed_at,
            updated_at=self._updated_at,
            status=status_of_all(order_status(word) for word in self._words),
            status_words=tuple(self._words),
            fulfilled_by=first.fulfilled_by,
            sales_channel=first.sales_channel,
            is_amazon=first.is_amazon,
            marketplace_id=first.marketplace_id,
            order_channel=first.order_channel,
            service_level=first.service_level,
            ship_country=first.ship_country,
            ship_state=first.ship_state,
            is_business=first.is_business,
            purchase_order_number=first.purchase_order_number,
            is_replacement=first.is_replacement,
            is_exchange=first.is_exchange,
            original_order_id=first.original_order_id,
            items=tuple(self.items.values()),
        )


def _item(line: ReportLine) -> ReportItem:
    cancelled = line.item_status_word is not None and order_status(line.item_status_word) == "CANCELLED"
    return ReportItem(
        sku=line.sku,
        asin=line.asin,
        title=line.title,
        currency=line.currency,
        quantity=line.quantity,
        cancelled_quantity=line.quantity if cancelled else 0,
        amounts=line.amounts,
        price_designation=line.price_designation,
        promotion_ids=line.promotion_ids,
        tax_collection_model=line.tax_collection_model,
        ioss_number=line.ioss_number,
        is_buyer_requested_cancellation=line.is_buyer_requested_cancellation,
    )


def _key(item: ReportItem) -> tuple[str | None, ...]:
    """A line without any amount may come without a currency: it goes with the one that comes first."""
    return (item.sku,) if item.sku else (None, item.asin)


def _put(items: dict[tuple[str | None, ...], ReportItem], item: ReportItem) -> None:
    """Adds the item, or sums it into the one of the same SKU and currency."""
    key = _key(item)
    known = items.get(key)
    if known and known.currency and item.currency and known.currency != item.currency:
        key = (*key, item.currency)
        known = items.get(key)
    items[key] = _sum(known, item) if known else item


def _sum(one: ReportItem, other: ReportItem) -> ReportItem:
    amounts = {
        name: _added(getattr(one.amounts, name), getattr(other.amounts, name)) for name in Amounts.__dataclass_fields__
    }
    cancellations = (one.is_buyer_requested_cancellation, other.is_buyer_requested_cancellation)
    return replace(
        one,
        currency=one.currency or other.currency,
        quantity=one.quantity + other.quantity,
        cancelled_quantity=one.cancelled_quantity + other.cancelled_quantity,
        amounts=Amounts(**amounts),
        promotion_ids=tuple(dict.fromkeys((*one.promotion_ids, *other.promotion_ids))),
        is_buyer_requested_cancellation=True if True in cancellations else one.is_buyer_requested_cancellation,
    )


def _added(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if one is None else one if other is None else one + other
