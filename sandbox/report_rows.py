"""The lines of the two reports on all orders, a line an order item, as Amazon's flat files have them.

Columns and their order: Amazon's guide, "Order Tracking reports attributes" (the Brazilian `cpf` is left out). No name,
street or order item id stands in them. The words of order-status and item-status are those that sellers' files show;
Amazon lists them nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sandbox.orders import VISIBLE_STATUSES, Order
from sandbox.pricing import part_of

COLUMNS = (
    "amazon-order-id",
    "merchant-order-id",
    "purchase-date",
    "last-updated-date",
    "order-status",
    "fulfillment-channel",
    "sales-channel",
    "order-channel",
    "ship-service-level",
    "product-name",
    "sku",
    "asin",
    "item-status",
    "quantity",
    "currency",
    "item-price",
    "item-tax",
    "shipping-price",
    "shipping-tax",
    "gift-wrap-price",
    "gift-wrap-tax",
    "item-promotion-discount",
    "ship-promotion-discount",
    "ship-city",
    "ship-state",
    "ship-postal-code",
    "ship-country",
    "promotion-ids",
    "is-business-order",
    "purchase-order-number",
    "price-designation",
)

_STATUSES = {
    "PENDING_AVAILABILITY": "Pending",
    "PENDING": "Pending",
    "PARTIALLY_SHIPPED": "Shipping",
    "SHIPPED": "Shipped",
    "CANCELLED": "Cancelled",
    "UNFULFILLABLE": "Unfulfillable",
}
_MONEY = {
    "item-price": ("ITEM", None),
    "item-tax": ("TAX", "ITEM"),
    "shipping-price": ("SHIPPING", None),
    "shipping-tax": ("TAX", "SHIPPING"),
    "gift-wrap-price": ("GIFT_WRAP", None),
    "gift-wrap-tax": ("TAX", "GIFT_WRAP"),
    "item-promotion-discount": ("DISCOUNT", "ITEM"),
    "ship-promotion-discount": ("DISCOUNT", "SHIPPING"),
}


def header() -> str:
    """The first line."""
    return "\t".join(COLUMNS) + "\r\n"


def lines(order: Order) -> Iterator[str]:
    """The order's lines."""
    shared = _order_values(order)
    for item in order.facts["orderItems"]:
        values = shared | _item_values(order, item)
        yield "\t".join(_plain(values.get(column)) for column in COLUMNS) + "\r\n"


def _plain(value: str | None) -> str:
    # The files know no quoting: what would end a field or a line becomes a blank.
    return " ".join((value or "").split()) if value else ""


def _order_values(order: Order) -> dict[str, str | None]:
    facts = order.facts
    address = facts["recipient"].get("deliveryAddress", {}) if order.status in VISIBLE_STATUSES else {}
    channel = facts["salesChannel"]
    unshipped = "Shipping" if order.fulfilled_by == "AMAZON" else "Unshipped"
    return {
        "amazon-order-id": order.order_id,
        "merchant-order-id": order.order_id,
        "purchase-date": _moment(order.created_at),
        "last-updated-date": _moment(order.updated_at),
        "order-status": _STATUSES.get(order.status, unshipped),
        "fulfillment-channel": "Amazon" if order.fulfilled_by == "AMAZON" else "Merchant",
        "sales-channel": channel.get("marketplaceName") if channel["channelName"] == "AMAZON" else "Non-Amazon",
        "ship-service-level": _camel(facts["fulfillment"].get("fulfillmentServiceLevel", "")),
        "ship-city": address.get("city"),
        "ship-state": address.get("stateOrRegion"),
        "ship-postal-code": address.get("postalCode"),
        "ship-country": address.get("countryCode"),
        "is-business-order": "true" if "AMAZON_BUSINESS" in facts["programs"] else "false",
        "purchase-order-number": facts["buyer"].get("buyerPurchaseOrderNumber") if address else None,
    }


def _item_values(order: Order, item: dict[str, Any]) -> dict[str, str | None]:
    product = item["product"]
    shipped = order.fulfilled()[item["orderItemId"]] >= item["quantityOrdered"]
    status = "Cancelled" if order.status == "CANCELLED" else "Shipped" if shipped else "Unshipped"
    values: dict[str, str | None] = {
        "product-name": product.get("title"),
        "sku": product.get("sellerSku"),
        "asin": product.get("asin"),
        "item-status": status,
        "quantity": str(item["quantityOrdered"]),
    }
    if order.priced:
        money = {column: part_of(item, *where) for column, where in _MONEY.items()}
        values |= {column: amount["amount"] for column, amount in money.items() if amount}
        values["currency"] = next((amount["currencyCode"] for amount in money.values() if amount), None)
        promotions = item.get("promotion", {}).get("breakdowns", [])
        values["promotion-ids"] = ",".join(promotion["promotionId"] for promotion in promotions)
        if "priceDesignation" in product.get("price", {}):
            values["price-designation"] = "Business Price"
    return values


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _camel(words: str) -> str:
    return words.title().replace("_", "")
