"""An order's money by kind, so that the parts sum to the total to the cent.

Source: Orders 2026-01-01, `ItemProceeds` and `OrderProceeds`. Tax that Amazon collects and pays itself (tax
collection model MARKETPLACE_FACILITATOR) never reaches the seller and stands apart.

Whether the seller's own tax is inside the prices or on top of them the model does not say; Amazon's own sums do. In
all of the model's examples with a TAX breakdown `proceedsTotal` is the parts with the tax: it is on top. Where it is
the parts without the tax, the prices contain it, and it must not be counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from orderbridge.amazon.marketplaces import MARKETPLACES
from orderbridge.amazon.order_models import Order, OrderItem
from orderbridge.amazon.order_values import Money as AmazonMoney
from schemas.money import LineAmounts, OtherCurrencyAmount, Totals

Kind = Literal["item", "shipping", "gift_wrap", "other", "discount", "tax", "tax_collected_by_amazon"]
_KINDS: Final[dict[str, Kind]] = {
    "ITEM": "item",
    "SHIPPING": "shipping",
    "GIFT_WRAP": "gift_wrap",
    "COD_FEE": "other",
    "OTHER": "other",
    "TAX": "tax",
    "DISCOUNT": "discount",
}
"""The kinds that Amazon sums over all items; any other that stands on the order alone belongs to none of them."""
_TAX_ON_TOP: Final = ("US", "CA")
"""Elsewhere consumers are shown prices with tax."""
_ZERO: Final = Decimal("0.00")


@dataclass(frozen=True)
class PricedLine:
    """A line's money: what counts in the order's currency, and what does not."""

    amounts: LineAmounts
    elsewhere: tuple[OtherCurrencyAmount, ...]


@dataclass(frozen=True)
class Priced:
    """An order's money, line by line and in all."""

    lines: tuple[PricedLine, ...]
    totals: Totals


def price(order: Order, collected: Iterable[str] = ()) -> Priced:
    """The order's money, by kind.

    `collected` are the ids of items whose tax is known to be Amazon's to pay, for an answer without the TAX data.
    """
    currency = _currency(order)
    known = frozenset(collected)
    parts = [_parts(item, known, currency) for item in order.order_items]
    inside = _tax_is_inside(order, parts, currency)
    lines = tuple(
        PricedLine(
            amounts(_with_tax(own, inside=inside)),
            tuple(_elsewhere(kind, money) for kind, money in rest),
        )
        for own, rest in parts
    )
    grand_total = order.proceeds.grand_total if order.proceeds else None
    return Priced(
        lines,
        totals(
            [line.amounts for line in lines],
            currency=currency,
            order_level=_order_level(order, currency),
            prices_include_tax=inside,
            grand_total=grand_total.amount if grand_total else None,
        ),
    )


def amounts(parts: dict[str, Decimal]) -> LineAmounts:
    """A line's money of these parts."""
    return LineAmounts(**{kind: _cents(value) for kind, value in parts.items()})


def totals(
    lines: list[LineAmounts],
    *,
    currency: str | None,
    order_level: Decimal = _ZERO,
    prices_include_tax: bool = False,
    grand_total: Decimal | None = None,
) -> Totals:
    """The order's money: the sums of its lines, and by how much Amazon's own grand total differs."""
    parts = {name: sum((getattr(line, name) for line in lines), _ZERO) for name in LineAmounts.model_fields}
    parts["other"] += order_level
    total = LineAmounts(**parts).parts_sum()
    return Totals(
        **parts,
        currency=currency,
        prices_include_tax=prices_include_tax,
        order_level=order_level,
        total=total,
        difference=_ZERO if grand_total is None else _cents(grand_total) - total,
    )


def prices_include_tax(marketplace_id: str | None) -> bool:
    """Whether prices contain the tax in a marketplace, where an order's own sums do not tell."""
    marketplace = MARKETPLACES.get(marketplace_id or "")
    return marketplace is not None and marketplace.country not in _TAX_ON_TOP


_Parts = tuple[dict[str, Decimal], list[tuple[Kind, AmazonMoney]]]


def _parts(item: OrderItem, collected: frozenset[str], currency: str | None) -> _Parts:
    """The item's money by kind, in the order's currency and in others; a kind that we do not know is `other`."""
    own: dict[str, Decimal] = {}
    rest: list[tuple[Kind, AmazonMoney]] = []
    for kind, money in _kinds(item, collected):
        if money.currency_code != currency:
            rest.append((kind, money))
        else:
            # The model does not say which sign a discount has: what was taken off is positive with us.
            value = abs(money.amount) if kind == "discount" else money.amount
            own[kind] = own.get(kind, _ZERO) + value
    return own, rest


def _kinds(item: OrderItem, collected: frozenset[str]) -> Iterable[tuple[Kind, AmazonMoney]]:
    if item.proceeds is None:
        return
    if not item.proceeds.breakdowns and item.proceeds.proceeds_total is not None:
        yield "item", item.proceeds.proceeds_total
    by_amazon = item.order_item_id in collected or any(
        part.model == "MARKETPLACE_FACILITATOR" for part in (item.tax.tax_collections if item.tax else ())
    )
    for part in item.proceeds.breakdowns:
        kind = _KINDS.get(part.type, "other")
        yield "tax_collected_by_amazon" if kind == "tax" and by_amazon else kind, part.subtotal


def _tax_is_inside(order: Order, parts: list[_Parts], currency: str | None) -> bool:
    """Whether the prices contain the seller's tax: by the items' totals, else the order's, else the marketplace."""
    told = [
        (item.proceeds.proceeds_total if item.proceeds else None, own)
        for item, (own, _) in zip(order.order_items, parts, strict=True)
    ]
    whole: dict[str, Decimal] = {"other": _order_level(order, currency)}
    for _, own in told:
        for kind, value in own.items():
            whole[kind] = whole.get(kind, _ZERO) + value
    told.append((order.proceeds.grand_total if order.proceeds else None, whole))
    for total, own in told:
        tax = own.get("tax", _ZERO)
        if tax and total is not None and total.currency_code == currency:
            on_top = amounts(own).parts_sum()
            if _cents(total.amount) in (on_top, on_top - _cents(tax)):
                return _cents(total.amount) != on_top
    return prices_include_tax(order.sales_channel.marketplace_id)


def _elsewhere(kind: Kind, money: AmazonMoney) -> OtherCurrencyAmount:
    return OtherCurrencyAmount(kind=kind, amount=money.amount, currency=money.currency_code)


def _with_tax(parts: dict[str, Decimal], *, inside: bool) -> dict[str, Decimal]:
    return {("tax_included" if inside and kind == "tax" else kind): value for kind, value in parts.items()}


def _order_level(order: Order, currency: str | None) -> Decimal:
    """What the order has and no item. A tip that is still pending may yet be changed, and does not count."""
    of_items = {part.type for item in order.order_items if item.proceeds for part in item.proceeds.breakdowns}
    found = (
        part.subtotal.amount
        for part in (order.proceeds.breakdowns if order.proceeds else ())
        if part.type not in _KINDS
        and part.type not in of_items
        and part.status != "PENDING"
        and part.subtotal.currency_code == currency
    )
    return _cents(sum(found, _ZERO))


def _currency(order: Order) -> str | None:
    if order.proceeds and order.proceeds.grand_total:
        return order.proceeds.grand_total.currency_code
    for item in order.order_items:
        if item.proceeds:
            for part in item.proceeds.breakdowns:
                return part.subtotal.currency_code
            if item.proceeds.proceeds_total:
                return item.proceeds.proceeds_total.currency_code
    return None


def _cents(value: Decimal) -> Decimal:
    """The same amount with two decimals at least: 5980 yen are 5980.00."""
    return value if int(value.as_tuple().exponent) <= -2 else value.quantize(Decimal("0.01"))
