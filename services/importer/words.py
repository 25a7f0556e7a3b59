"""Amazon's words: the values they become, and those among them that no list of ours knows.

Amazon's model lists most of its words in prose only and adds to them: a new one is kept as it is, and counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast, get_args

from orderbridge.accounts.amazon_words import PROGRAMS
from orderbridge.amazon.order_models import Order
from schemas.orders import AmazonStatus, FulfilledBy, SalesChannel
from schemas.packages import PackageStatus

_STATUSES: Final = get_args(get_args(AmazonStatus)[0])
_PACKAGE_STATUSES: Final = get_args(get_args(PackageStatus)[0])
_PROGRAMS: Final = {*PROGRAMS, "SUBSCRIBE_AND_SAVE", "TRANSPARENCY"}
"""An order's, and those that only an item has."""
_MONEY: Final = {"ITEM", "SHIPPING", "GIFT_WRAP", "COD_FEE", "TAX", "DISCOUNT", "DELIVERY_TIP", "OTHER"}
_ASSOCIATIONS: Final = {"REPLACEMENT_ORIGINAL_ID", "EXCHANGE_ORIGINAL_ID"}


def status_of(word: str | None) -> AmazonStatus:
    """Amazon's fulfilment status in lower case; `unknown` for none, or for a new word."""
    value = (word or "").lower()
    return cast(AmazonStatus, value if value in _STATUSES else "unknown")


def fulfilled_by_of(word: str | None) -> FulfilledBy:
    """Who fulfils the order."""
    return cast(FulfilledBy, {"MERCHANT": "merchant", "AMAZON": "amazon"}.get(word or "", "unknown"))


def sales_channel_of(word: str | None) -> SalesChannel:
    """Where the order was placed."""
    return cast(SalesChannel, {"AMAZON": "amazon", "NON_AMAZON": "other"}.get(word or "", "unknown"))


def package_status_of(word: str) -> PackageStatus:
    """Amazon's status of a package in lower case; `unknown` for a new word."""
    value = word.lower()
    return cast(PackageStatus, value if value in _PACKAGE_STATUSES else "unknown")


def unknown_words(order: Order) -> tuple[tuple[str, str], ...]:
    """The words in the order that we do not know, each once, as (kind, word)."""
    return tuple(dict.fromkeys(_unknown(order)))


def _unknown(order: Order) -> Iterator[tuple[str, str]]:
    if sales_channel_of(order.sales_channel.channel_name) == "unknown":
        yield "sales_channel", order.sales_channel.channel_name
    if order.fulfillment is not None:
        if status_of(order.fulfillment.fulfillment_status) == "unknown":
            yield "status", order.fulfillment.fulfillment_status
        if order.fulfillment.fulfilled_by and fulfilled_by_of(order.fulfillment.fulfilled_by) == "unknown":
            yield "fulfilled_by", order.fulfillment.fulfilled_by
    programs = (*order.programs, *(word for item in order.order_items for word in item.programs))
    yield from (("program", word) for word in programs if word not in _PROGRAMS)
    statuses = [package.package_status.status for package in order.packages if package.package_status]
    yield from (("package_status", word) for word in statuses if package_status_of(word) == "unknown")
    kinds = [part.type for part in (order.proceeds.breakdowns if order.proceeds else ())]
    kinds += [part.type for item in order.order_items if item.proceeds for part in item.proceeds.breakdowns]
    yield from (("money", word) for word in kinds if word not in _MONEY)
    for one in order.associated_orders:
        if one.association_type and one.association_type not in _ASSOCIATIONS:
            yield "association", one.association_type
