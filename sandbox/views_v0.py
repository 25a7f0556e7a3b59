"""An order as the deprecated reads of Orders v0 show it.

Source: ordersV0.json. People show only to a restricted data token; without one an address is its town. While an order
is pending it has neither prices nor gift options.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox.clock import to_amazon
from sandbox.orders import VISIBLE_STATUSES, Order
from sandbox.pricing import part_of

STATUSES = {
    "PENDING_AVAILABILITY": "PendingAvailability",
    "PENDING": "Pending",
    "UNSHIPPED": "Unshipped",
    "PARTIALLY_SHIPPED": "PartiallyShipped",
    "SHIPPED": "Shipped",
    "CANCELLED": "Canceled",
    "UNFULFILLABLE": "Unfulfillable",
}
"""v0's words for the statuses of 2026-01-01."""

CHANNELS = {"MERCHANT": "MFN", "AMAZON": "AFN"}

_TOWN = ("City", "StateOrRegion", "PostalCode", "CountryCode")
_ADDRESS = {
    "name": "Name",
    "companyName": "CompanyName",
    "addressLine1": "AddressLine1",
    "addressLine2": "AddressLine2",
    "addressLine3": "AddressLine3",
    "city": "City",
    "stateOrRegion": "StateOrRegion",
    "postalCode": "PostalCode",
    "countryCode": "CountryCode",
    "phone": "Phone",
}
_MONEY = {
    "ItemPrice": ("ITEM", None),
    "ShippingPrice": ("SHIPPING", None),
    "ItemTax": ("TAX", "ITEM"),
    "ShippingTax": ("TAX", "SHIPPING"),
    "PromotionDiscount": ("DISCOUNT", "ITEM"),
    "ShippingDiscount": ("DISCOUNT", "SHIPPING"),
    "CODFee": ("COD_FEE", None),
}


def order_v0(order: Order, elements: set[str]) -> dict[str, Any]:
    """v0's Order; `elements` are what a restricted data token opens (buyerInfo, shippingAddress)."""
    facts = order.facts
    programs = facts["programs"]
    associated = {each["associationType"]: each["orderId"] for each in facts.get("associatedOrders", [])}
    fulfillment = facts["fulfillment"]
    fulfilled = sum(order.fulfilled().values())
    left = 0 if order.status == "CANCELLED" else sum(order.ordered.values()) - fulfilled
    answer: dict[str, Any] = {
        "AmazonOrderId": order.order_id,
        "SellerOrderId": order.order_id,
        "PurchaseDate": to_amazon(order.created_at),
        "LastUpdateDate": to_amazon(order.updated_at),
        "OrderStatus": STATUSES[order.status],
        "FulfillmentChannel": CHANNELS[order.fulfilled_by],
        "SalesChannel": facts["salesChannel"].get("marketplaceName", "Non-Amazon"),
        "ShipServiceLevel": camel(fulfillment["fulfillmentServiceLevel"]),
        "ShipmentServiceLevelCategory": camel(fulfillment["fulfillmentServiceLevel"]),
        "NumberOfItemsShipped": fulfilled,
        "NumberOfItemsUnshipped": left,
        "MarketplaceId": order.marketplace_id,
        "OrderType": "Preorder" if "PREORDER" in programs else "StandardOrder",
        "IsBusinessOrder": "AMAZON_BUSINESS" in programs,
        "IsPrime": "PRIME" in programs,
        "IsPremiumOrder": "PREMIUM" in programs,
        "IsISPU": "IN_STORE_PICK_UP" in programs,
        "IsReplacementOrder": "REPLACEMENT_ORIGINAL_ID" in associated,
    }
    if "REPLACEMENT_ORIGINAL_ID" in associated:
        answer["ReplacedOrderId"] = associated["REPLACEMENT_ORIGINAL_ID"]
    if order.priced:
        answer["OrderTotal"] = _money(facts["proceeds"]["grandTotal"])
    if order.fulfilled_by == "MERCHANT":
        answer["EarliestShipDate"] = fulfillment["shipByWindow"]["earliestDateTime"]
        answer["LatestShipDate"] = fulfillment["shipByWindow"]["latestDateTime"]
    if order.status in VISIBLE_STATUSES:
        answer["EarliestDeliveryDate"] = fulfillment["deliverByWindow"]["earliestDateTime"]
        answer["LatestDeliveryDate"] = fulfillment["deliverByWindow"]["latestDateTime"]
        if address := address_v0(order, "shippingAddress" in elements):
            answer["ShippingAddress"] = address
        if "buyerInfo" in elements:
            answer["BuyerInfo"] = buyer_v0(order)
    return answer


def address_v0(order: Order, whole: bool) -> dict[str, str]:
    """v0's Address: the whole, or only the town."""
    address = order.facts["recipient"].get("deliveryAddress", {})
    if order.status not in VISIBLE_STATUSES:
        return {}
    shown = {name: address[key] for key, name in _ADDRESS.items() if key in address and (whole or name in _TOWN)}
    if order.fulfilled_by == "AMAZON":
        shown.pop("Phone", None)
    if whole and "addressType" in address:
        shown["AddressType"] = "Commercial" if address["addressType"] == "COMMERCIAL" else "Residential"
    return shown


def buyer_v0(order: Order) -> dict[str, str]:
    """v0's BuyerInfo. What Amazon fulfils has no e-mail address."""
    buyer = order.facts["buyer"]
    names = {"BuyerEmail": "buyerEmail", "BuyerName": "buyerName", "PurchaseOrderNumber": "buyerPurchaseOrderNumber"}
    if order.fulfilled_by == "AMAZON":
        del names["BuyerEmail"]
    return {name: buyer[key] for name, key in names.items() if key in buyer}


def item_v0(order: Order, item: dict[str, Any], elements: set[str]) -> dict[str, Any]:
    """v0's OrderItem."""
    product = item["product"]
    wish = order.cancellation.get("cancellationRequest")
    answer: dict[str, Any] = {
        "ASIN": product["asin"],
        "OrderItemId": item["orderItemId"],
        "Title": product["title"],
        "QuantityOrdered": item["quantityOrdered"],
        "QuantityShipped": order.fulfilled()[item["orderItemId"]],
        "ConditionId": "New",
        "ConditionSubtypeId": "New",
        "BuyerRequestedCancel": {"IsBuyerRequestedCancel": "true" if wish else "false"},
    }
    if wish:
        answer["BuyerRequestedCancel"]["BuyerCancelReason"] = wish["cancelReason"]
    if "sellerSku" in product:
        answer["SellerSKU"] = product["sellerSku"]
    if order.priced:
        amounts = {name: part_of(item, *where) for name, where in _MONEY.items()}
        answer |= {name: _money(amount) for name, amount in amounts.items() if amount}
        answer["IsGift"] = "true" if "packing" in item["fulfillment"] else "false"
        if promotions := item.get("promotion", {}).get("breakdowns"):
            answer["PromotionIds"] = [promotion["promotionId"] for promotion in promotions]
        if "priceDesignation" in product["price"]:
            answer["PriceDesignation"] = "BusinessPrice"
        if "tax" in item:
            answer["TaxCollection"] = {"Model": "MarketplaceFacilitator", "ResponsibleParty": "Amazon Services, Inc."}
        if "buyerInfo" in elements:
            answer["BuyerInfo"] = item_buyer_v0(order, item)
    return answer


def item_buyer_v0(order: Order, item: dict[str, Any]) -> dict[str, Any]:
    """v0's ItemBuyerInfo: gift and customisation, of the seller's own orders only."""
    answer: dict[str, Any] = {}
    if order.fulfilled_by != "MERCHANT" or not order.priced:
        return answer
    gift = item["fulfillment"].get("packing", {}).get("giftOption")
    if gift:
        answer |= {"GiftMessageText": gift["giftMessage"], "GiftWrapLevel": gift["giftWrapLevel"]}
    wrap = {"GiftWrapPrice": part_of(item, "GIFT_WRAP"), "GiftWrapTax": part_of(item, "TAX", "GIFT_WRAP")}
    answer |= {name: _money(amount) for name, amount in wrap.items() if amount}
    if "customization" in item["product"]:
        answer["BuyerCustomizedInfo"] = {"CustomizedURL": item["product"]["customization"]["customizedUrl"]}
    return answer


def camel(words: str) -> str:
    """SECOND_DAY as SecondDay."""
    return words.title().replace("_", "")


def _money(money: dict[str, str]) -> dict[str, str]:
    return {"CurrencyCode": money["currencyCode"], "Amount": str(Decimal(money["amount"]))}
