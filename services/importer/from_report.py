"""An order of Amazon's report of all orders becomes ours: history, without personal data and without item ids.

The report documents its columns nowhere. That its amounts are for the whole quantity, its discounts positive, and its
tax inside the prices where a marketplace shows prices with tax, is what sellers see in theirs.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from orderbridge.accounts import ConnectedAccount
from orderbridge.amazon.report_orders import ReportItem, ReportOrder
from schemas.money import LineAmounts
from schemas.orders import CancelRequest, Line, OrderDocument
from services.importer import money
from services.importer.store_view import Facts, store_view
from services.importer.words import fulfilled_by_of, status_of

_ID_OF_A_REPORT: Final = re.compile(r"(sku|asin|line):")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_LONGEST_ID: Final = 100


def document_from_report(
    account: ConnectedAccount, order: ReportOrder, known: OrderDocument | None = None
) -> OrderDocument:
    """The order as the store is to see it, as far as a report tells it.

    `known` is the order as last told to the store. One that was read from Amazon's API is returned as it is: a report
    says less, and later. What differs is for `getOrder`.
    """
    if known is not None and not is_from_report(known):
        return known
    status = status_of(order.status)
    fulfilled_by = fulfilled_by_of(order.fulfilled_by)
    programs = ("AMAZON_BUSINESS",) if order.is_business else ()
    currency = next((item.currency for item in order.items if item.currency), None)
    tax_inside = money.prices_include_tax(order.marketplace_id)
    lines = tuple(
        _line(item, number, status, currency, tax_inside=tax_inside) for number, item in enumerate(order.items, start=1)
    )
    facts = Facts(
        order_id=order.order_id,
        status=status,
        fulfilled_by=fulfilled_by,
        programs=programs,
        service_level=_service_level(order.service_level),
    )
    return OrderDocument(
        order_id=order.order_id,
        account_id=account.account_id,
        marketplace_id=order.marketplace_id,
        sales_channel="amazon" if order.is_amazon else "other",
        seller_order_id=order.merchant_order_id if order.merchant_order_id != order.order_id else None,
        fulfilled_by=fulfilled_by,
        programs=programs,
        replacement_of=order.original_order_id if order.is_replacement else None,
        exchange_of=order.original_order_id if order.is_exchange else None,
        amazon_status=status,
        amazon_status_word="; ".join(order.status_words) or None if status == "unknown" else None,
        placed_at=order.placed_at,
        amazon_updated_at=order.updated_at or order.placed_at,
        store=store_view(account, facts, known),
        lines=lines,
        totals=money.totals([line.amounts for line in lines], currency=currency, prices_include_tax=tax_inside),
        cancel_requested=CancelRequest(requested_by="buyer")
        if any(item.is_buyer_requested_cancellation for item in order.items)
        else None,
        ship_to_country=order.ship_country if order.ship_country and _COUNTRY.fullmatch(order.ship_country) else None,
    )


def is_from_report(document: OrderDocument) -> bool:
    """Whether the order's lines have no ids of Amazon's: such an order can't be confirmed before `getOrder` told it."""
    return any(_ID_OF_A_REPORT.match(line.order_item_id) for line in document.lines)


def _line(item: ReportItem, number: int, status: str, currency: str | None, *, tax_inside: bool) -> Line:
    """Nothing says how much of a partly shipped line is shipped: none, until the order is read by `getOrder`."""
    cancelled = item.quantity if status == "cancelled" else min(item.cancelled_quantity, item.quantity)
    parts = _parts(item, tax_inside=tax_inside)
    same = item.currency in (None, currency)
    name = f"sku:{item.sku}" if item.sku else f"asin:{item.asin}" if item.asin else f"line:{number}"
    if not same:
        name = f"{name}:{item.currency}"
    if len(name) > _LONGEST_ID:
        name = f"line:{number}"
    return Line.model_validate(
        {
            "order_item_id": name,
            "sku": item.sku,
            "asin": item.asin,
            "title": item.title,
            "quantity": item.quantity,
            "quantity_shipped": item.quantity - cancelled if status == "shipped" else 0,
            "quantity_cancelled": cancelled,
            "business_price": item.price_designation is not None,
            "promotion_ids": item.promotion_ids,
            "ioss_number": item.ioss_number,
            "amounts": money.amounts(parts) if same else LineAmounts(),
            "amounts_in_other_currencies": []
            if same
            else [{"kind": kind, "amount": value, "currency": item.currency} for kind, value in parts.items()],
        }
    )


def _parts(item: ReportItem, *, tax_inside: bool) -> dict[str, Decimal]:
    """The item's money by kind; kinds that the report does not tell are left out."""
    told = item.amounts
    collected = "facilitator" in (item.tax_collection_model or "").lower()
    tax = "tax_collected_by_amazon" if collected else "tax_included" if tax_inside else "tax"
    of = {
        "item": (told.item_price,),
        "shipping": (told.shipping_price,),
        "gift_wrap": (told.gift_wrap_price,),
        "discount": (told.item_promotion_discount, told.ship_promotion_discount),
        tax: (told.item_tax, told.shipping_tax, told.gift_wrap_tax),
    }
    parts: dict[str, Decimal] = {}
    for kind, values in of.items():
        for value in values:
            if value:
                parts[kind] = parts.get(kind, Decimal("0.00")) + (abs(value) if kind == "discount" else value)
    return parts


def _service_level(word: str | None) -> str | None:
    """A report writes `SecondDay` where the Orders API writes `SECOND_DAY`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[ -]+", "_", word.strip()).upper() if word and word.strip() else None
