"""An order's money by kind, so that the parts sum to the total to the cent.

Source: Orders 2026-01-01, `ItemProceeds` and `OrderProceeds`. Tax that Amazon collects and pays itself (tax
collection model MARKETPLACE_FACILITATOR) never reaches the seller and stands apart.
"""

from __future__ import annotations

from decimal import Decimal

from orderbridge.amazon.order_models import Order, OrderItem
from schemas.orders import LineAmounts, Totals

_KINDS = {
    "ITEM": "item",
    "SHIPPING": "shipping",
    "GIFT_WRAP": "gift_wrap",
    "TAX": "tax",
    "DISCOUNT": "discount",
}
_ZERO = Decimal("0.00")


def line_amounts(item: OrderItem) -> LineAmounts:
    """A line's money; a kind that we do not know counts as `other`."""
    amounts: dict[str, Decimal] = {}
    for part in item.proceeds.breakdowns if item.proceeds else ():
        kind = _KINDS.get(part.type, "other")
        if kind == "tax" and _collected_by_amazon(item):
            kind = "tax_collected_by_amazon"
        value = part.subtotal.amount
        # The model does not say which sign a discount has: what was taken off is positive with us.
        amounts[kind] = amounts.get(kind, _ZERO) + (abs(value) if kind == "discount" else value)
    return LineAmounts(**amounts)


def totals(order: Order, lines: list[LineAmounts]) -> Totals:
    """The order's money: the sums of its lines, and by how much Amazon's own grand total differs."""
    parts = {name: sum((getattr(line, name) for line in lines), _ZERO) for name in LineAmounts.model_fields}
    total = LineAmounts(**parts).parts_sum()
    grand_total = order.proceeds.grand_total if order.proceeds else None
    return Totals.model_validate(
        {
            **parts,
            "currency": grand_total.currency_code if grand_total else _currency(order),
            "total": total,
            "difference": grand_total.amount - total if grand_total else _ZERO,
        }
    )


def _collected_by_amazon(item: OrderItem) -> bool:
    return any(part.model == "MARKETPLACE_FACILITATOR" for part in (item.tax.tax_collections if item.tax else ()))


def _currency(order: Order) -> str | None:
    for item in order.order_items:
        for part in item.proceeds.breakdowns if item.proceeds else ():
            return part.subtotal.currency_code
    return None
