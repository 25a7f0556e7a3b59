"""What an order costs: the proceeds of its items and their sum, with the tax that Amazon keeps apart.

Rules: proceeds are "the money that the seller receives" (orders_2026-01-01.json, OrderProceeds). Tax that Amazon
collects and remits as marketplace facilitator stands in the TAX breakdown and is marked in the item's taxCollections,
but is no part of proceedsTotal and grandTotal. Discounts are positive amounts that lower the total, as v0's
PromotionDiscount. Where prices include tax, there is no TAX breakdown.
"""

from __future__ import annotations

import random
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sandbox.marketplaces import Marketplace

_SHIPPING = {"STANDARD": "4.99", "EXPEDITED": "9.99", "SECOND_DAY": "12.99", "NEXT_DAY": "0", "FREE_ECONOMY": "0"}
_GIFT_WRAP = Decimal("3.99")
_BREAKDOWNS = ("ITEM", "SHIPPING", "GIFT_WRAP", "COD_FEE", "TAX", "DISCOUNT")


def price_items(chance: random.Random, items: list[dict[str, Any]], marketplace: Marketplace, level: str) -> None:
    """Give each OrderItem its proceeds, and tax and promotion where it has them."""
    taxed = bool(marketplace.added_tax) and chance.random() < 0.85
    by_amazon = taxed and (marketplace.country == "US" or chance.random() < 0.5)
    # Buyers pay for shipping once: it stands at the first item.
    for position, item in enumerate(items):
        shipping = Decimal(_SHIPPING[level]) if position == 0 else Decimal(0)
        discounted = chance.random() < 0.15
        _price_item(item, marketplace, shipping, discounted, taxed)
        if discounted:
            item["promotion"] = {"breakdowns": [{"promotionId": f"SAVE10-{marketplace.country}"}]}
        if by_amazon:
            item["tax"] = {
                "taxCollections": [{"model": "MARKETPLACE_FACILITATOR", "responsibleParty": "Amazon Services, Inc."}]
            }
        _sum_up(item, marketplace)


def price_order(items: list[dict[str, Any]], marketplace: Marketplace) -> dict[str, Any]:
    """The OrderProceeds: the sum of the items' proceeds, and of each kind of them."""
    total = sum((Decimal(item["proceeds"]["proceedsTotal"]["amount"]) for item in items), Decimal(0))
    breakdowns = []
    for kind in _BREAKDOWNS:
        amounts = [_subtotal(item, kind) for item in items]
        if any(amounts):
            breakdowns.append({"type": kind, "subtotal": _money(sum(amounts, Decimal(0)), marketplace)})
    return {"grandTotal": _money(total, marketplace), "breakdowns": breakdowns}


def add_part(
    item: dict[str, Any], kind: str, dollars: Decimal, marketplace: Marketplace, subtype: str | None = None
) -> None:
    """Give an OrderItem one more breakdown (in place of one of its kind), and sum up again."""
    amount = _round(dollars * marketplace.price_factor, marketplace)
    part = {"type": kind, "subtotal": _money(amount, marketplace)}
    _put(item, _detailed(kind, {subtype: amount}, marketplace) if subtype else part, marketplace)


def set_discount(item: dict[str, Any], dollars: dict[str, Decimal], marketplace: Marketplace) -> None:
    """Give an OrderItem a discount on these kinds, in place of the one it may have, and sum up again."""
    amounts = {kind: _round(amount * marketplace.price_factor, marketplace) for kind, amount in dollars.items()}
    _put(item, _detailed("DISCOUNT", amounts, marketplace), marketplace)


def _put(item: dict[str, Any], part: dict[str, Any], marketplace: Marketplace) -> None:
    breakdowns = item["proceeds"]["breakdowns"]
    breakdowns[:] = [other for other in breakdowns if other["type"] != part["type"]] + [part]
    _sum_up(item, marketplace)


def part_of(item: dict[str, Any], kind: str, subtype: str | None = None) -> dict[str, str] | None:
    """The Money of one breakdown of an OrderItem, or of one of its detailed breakdowns; None if it has none."""
    for part in item["proceeds"]["breakdowns"]:
        if part["type"] == kind:
            if subtype is None:
                return dict(part["subtotal"])
            for detail in part.get("detailedBreakdowns", []):
                if detail["subtype"] == subtype:
                    return dict(detail["value"])
    return None


def _price_item(
    item: dict[str, Any], marketplace: Marketplace, shipping: Decimal, discounted: bool, taxed: bool
) -> None:
    unit_price = Decimal(item["product"]["price"]["unitPrice"]["amount"])
    factor = marketplace.price_factor
    amounts = {"ITEM": unit_price * item["quantityOrdered"], "SHIPPING": _round(shipping * factor, marketplace)}
    if "packing" in item["fulfillment"]:
        amounts["GIFT_WRAP"] = _round(_GIFT_WRAP * factor, marketplace)
    discount = _round(amounts["ITEM"] / 10, marketplace) if discounted else Decimal(0)

    breakdowns: list[dict[str, Any]] = [
        {"type": kind, "subtotal": _money(amount, marketplace)}
        for kind, amount in amounts.items()
        if amount or kind == "ITEM"
    ]
    if taxed:
        bases = amounts | {"ITEM": amounts["ITEM"] - discount}
        taxes = {kind: _round(base * marketplace.added_tax, marketplace) for kind, base in bases.items() if base}
        breakdowns.append(_detailed("TAX", taxes, marketplace))
    if discount:
        breakdowns.append(_detailed("DISCOUNT", {"ITEM": discount}, marketplace))
    item["proceeds"] = {"breakdowns": breakdowns}


def _sum_up(item: dict[str, Any], marketplace: Marketplace) -> None:
    total = sum((_subtotal(item, kind) for kind in ("ITEM", "SHIPPING", "GIFT_WRAP", "COD_FEE")), Decimal(0))
    total -= _subtotal(item, "DISCOUNT")
    if "tax" not in item:
        total += _subtotal(item, "TAX")
    item["proceeds"]["proceedsTotal"] = _money(total, marketplace)


def _detailed(kind: str, parts: dict[str, Decimal], marketplace: Marketplace) -> dict[str, Any]:
    return {
        "type": kind,
        "subtotal": _money(sum(parts.values(), Decimal(0)), marketplace),
        "detailedBreakdowns": [
            {"subtype": part, "value": _money(amount, marketplace)} for part, amount in parts.items()
        ],
    }


def _subtotal(item: dict[str, Any], kind: str) -> Decimal:
    return sum(
        (Decimal(part["subtotal"]["amount"]) for part in item["proceeds"]["breakdowns"] if part["type"] == kind),
        Decimal(0),
    )


def _round(amount: Decimal, marketplace: Marketplace) -> Decimal:
    return amount.quantize(marketplace.smallest_unit, ROUND_HALF_UP)


def _money(amount: Decimal, marketplace: Marketplace) -> dict[str, str]:
    return {"amount": str(_round(amount, marketplace)), "currencyCode": marketplace.currency}
