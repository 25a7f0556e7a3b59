"""Odd orders: what sellers of other clients complained about, one oddity each, by the name in a wish's `odd`.

Each function changes an order that was made as usual. `facts["oddities"]` holds what Amazon's Order has no field for:
how the order is shown (`views.py`).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sandbox.clock import to_amazon, to_record
from sandbox.marketplaces import MARKETPLACES
from sandbox.orders import Order, Package
from sandbox.pricing import add_part, price_order, set_discount

Change = Callable[[Order, random.Random], None]


def make_odd(order: Order, name: str, chance: random.Random) -> None:
    """Give the order the oddity of this name, one of ODD."""
    ODD[name](order, chance)


def _first(order: Order) -> dict[str, Any]:
    item: dict[str, Any] = order.facts["orderItems"][0]
    return item


def _total_again(order: Order) -> None:
    marketplace = MARKETPLACES[order.marketplace_id]
    order.facts["proceeds"] = price_order(order.facts["orderItems"], marketplace)


def _no_sku(order: Order, chance: random.Random) -> None:
    del _first(order)["product"]["sellerSku"]


def _non_amazon(order: Order, chance: random.Random) -> None:
    order.facts["salesChannel"] = {"channelName": "NON_AMAZON"}


def _associated(kind: str) -> Change:
    def change(order: Order, chance: random.Random) -> None:
        original = f"{order.order_id[:3]}-{chance.randrange(10**7):07d}-{chance.randrange(10**7):07d}"
        order.facts["associatedOrders"] = [{"orderId": original, "associationType": kind}]
        if kind == "REPLACEMENT_ORIGINAL_ID":  # a replacement costs nothing
            for item in order.facts["orderItems"]:
                for part in item["proceeds"]["breakdowns"]:
                    part["subtotal"]["amount"] = str(Decimal(part["subtotal"]["amount"]) * 0)
                    for detail in part.get("detailedBreakdowns", []):
                        detail["value"]["amount"] = str(Decimal(detail["value"]["amount"]) * 0)
                item["proceeds"]["proceedsTotal"]["amount"] = str(
                    Decimal(item["proceeds"]["proceedsTotal"]["amount"]) * 0
                )
                item["product"]["price"]["unitPrice"]["amount"] = str(
                    Decimal(item["product"]["price"]["unitPrice"]["amount"]) * 0
                )
            _total_again(order)
            order.facts["payment"] = {}

    return change


def _program(name: str) -> Change:
    def change(order: Order, chance: random.Random) -> None:
        order.facts["programs"] = [name]

    return change


def _business(order: Order, chance: random.Random) -> None:
    order.facts["programs"] = ["AMAZON_BUSINESS"]
    order.facts["buyer"] |= {"buyerCompanyName": "Harbor Dental LLC", "buyerPurchaseOrderNumber": "PO-2026/0815 A"}
    for item in order.facts["orderItems"]:
        item["product"]["price"]["priceDesignation"] = "BUSINESS_PRICE"


def _preorder(order: Order, chance: random.Random) -> None:
    order.facts["programs"] = ["PREORDER"]
    order.status = "PENDING_AVAILABILITY"


def _pick_up(order: Order, chance: random.Random) -> None:
    order.facts["programs"] = ["IN_STORE_PICK_UP"]
    order.facts["recipient"]["deliveryAddress"]["addressType"] = "PICKUP_POINT"


def _service_level(order: Order, chance: random.Random) -> None:
    order.facts["fulfillment"]["fulfillmentServiceLevel"] = "TELEPORT"


def _status_word(order: Order, chance: random.Random) -> None:
    order.facts["oddities"] = {"status_word": "AWAITING_DRONE"}


def _pending_with_price(order: Order, chance: random.Random) -> None:
    order.status = "PENDING"
    order.facts["oddities"] = {"priced": True}


def _pending(order: Order, chance: random.Random) -> None:
    order.status = "PENDING"


def _cancelled_while_pending(order: Order, chance: random.Random) -> None:
    order.status = "CANCELLED"
    order.cancellation = {"cancellationExecution": {"cancelledBy": "AMAZON", "cancelReason": "Payment was declined"}}
    order.facts["oddities"] = {"priced": False}


def _partially_shipped(order: Order, chance: random.Random) -> None:
    item = _first(order)
    if item["quantityOrdered"] == 1 and len(order.facts["orderItems"]) == 1:
        item["quantityOrdered"] = 2
        _double(item)
        _total_again(order)
    pack(order, [{"orderItemId": item["orderItemId"], "quantity": 1}])
    order.status = "PARTIALLY_SHIPPED"


def _double(item: dict[str, Any]) -> None:
    for part in item["proceeds"]["breakdowns"]:
        for money in (part["subtotal"], *(detail["value"] for detail in part.get("detailedBreakdowns", []))):
            money["amount"] = str(Decimal(money["amount"]) * 2)
    total = item["proceeds"]["proceedsTotal"]
    total["amount"] = str(Decimal(total["amount"]) * 2)


def _fba(order: Order, chance: random.Random) -> None:
    order.fulfilled_by = order.facts["fulfillment"]["fulfilledBy"] = "AMAZON"
    address = order.facts["recipient"]["deliveryAddress"]
    order.facts["recipient"]["deliveryAddress"] = {name: address[name] for name in ("name", "city", "countryCode")}


def _facilitator_tax(order: Order, chance: random.Random) -> None:
    for item in order.facts["orderItems"]:
        if "tax" not in item:
            item["tax"] = {
                "taxCollections": [{"model": "MARKETPLACE_FACILITATOR", "responsibleParty": "Amazon Services, Inc."}]
            }
            add_part(item, "TAX", Decimal("1.00"), MARKETPLACES[order.marketplace_id], subtype="ITEM")
    _total_again(order)


def _yen(order: Order, chance: random.Random) -> None:
    """Nothing to change: `placing.py` places it in Japan, whose money has no decimals."""


def _customised(order: Order, chance: random.Random) -> None:
    _first(order)["product"]["customization"] = {"customizedUrl": f"https://custom.example/{order.order_id}.zip"}


def _gift(order: Order, chance: random.Random) -> None:
    gift = {"giftMessage": 'Für Oma: "Alles Liebe!"\nDeine Enkel 🎁', "giftWrapLevel": "Premium Red Ribbon"}
    _first(order)["fulfillment"]["packing"] = {"giftOption": gift}


def _discount(order: Order, chance: random.Random) -> None:
    item = _first(order)
    set_discount(item, {"ITEM": Decimal("2.00"), "SHIPPING": Decimal("1.00")}, MARKETPLACES[order.marketplace_id])
    item["promotion"] = {"breakdowns": [{"promotionId": "SAVE3"}, {"promotionId": "Free Shipping, Prime & Co"}]}
    _total_again(order)


def _cod_fee(order: Order, chance: random.Random) -> None:
    add_part(_first(order), "COD_FEE", Decimal("3.00"), MARKETPLACES[order.marketplace_id])
    _total_again(order)
    total = order.facts["proceeds"]["grandTotal"]
    order.facts["payment"] = {"paymentExecutions": [{"paymentMethod": "COD", "paymentAmount": total}]}


def _no_address(order: Order, chance: random.Random) -> None:
    order.facts["recipient"] = {}


def _no_name(order: Order, chance: random.Random) -> None:
    del order.facts["recipient"]["deliveryAddress"]["name"]
    del order.facts["buyer"]["buyerName"]


def pack(order: Order, items: list[dict[str, Any]]) -> None:
    """Put a package into the order's past, as if it had been confirmed when the order was last updated."""
    content = {
        "packageReferenceId": "1",
        "carrierCode": "UPS",
        "shippingMethod": "Ground",
        "trackingNumber": f"1Z{order.order_id.replace('-', '')}",
        "shipDate": to_amazon(order.updated_at),
        "orderItems": items,
    }
    order.packages["1"] = Package(content, to_amazon(order.updated_at), [to_record(order.updated_at)])


ODD: dict[str, Change] = {
    "no_sku": _no_sku,
    "non_amazon": _non_amazon,
    "replacement": _associated("REPLACEMENT_ORIGINAL_ID"),
    "exchange": _associated("EXCHANGE_ORIGINAL_ID"),
    "business": _business,
    "prime": _program("PRIME"),
    "premium": _program("PREMIUM"),
    "ship_plus": _program("FBM_SHIP_PLUS"),
    "easy_ship": _program("AMAZON_EASY_SHIP"),
    "preorder": _preorder,
    "in_store_pick_up": _pick_up,
    "unknown_program": _program("MOON_DELIVERY"),
    "unknown_service_level": _service_level,
    "unknown_status": _status_word,
    "pending_with_price": _pending_with_price,
    "pending": _pending,
    "cancelled_while_pending": _cancelled_while_pending,
    "partially_shipped": _partially_shipped,
    "fba": _fba,
    "facilitator_tax": _facilitator_tax,
    "yen": _yen,
    "customised": _customised,
    "gift": _gift,
    "discount": _discount,
    "cod_fee": _cod_fee,
    "no_address": _no_address,
    "no_name": _no_name,
}
"""`unknown_status` alone breaks Amazon's model (its statuses are a closed list); all others satisfy it."""
