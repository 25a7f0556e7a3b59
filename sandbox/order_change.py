"""The notification ORDER_CHANGE: what Amazon tells a queue about an order (OrderChangeNotification.json)."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from typing import Any

from sandbox.orders import VISIBLE_STATUSES, Order
from sandbox.views_v0 import CHANNELS, STATUSES

STATUS_CHANGE = "OrderStatusChange"
BUYER_REQUEST = "BuyerRequestedChange"
CHANGE_TYPES = (BUYER_REQUEST, "DeliveryTipChange", STATUS_CHANGE)

_PROGRAMS = {"AMAZON_BUSINESS": "Business", "PRIME": "Prime", "PREMIUM": "Premium"}
_SHIPPING_PROGRAMS = {"IN_STORE_PICK_UP": "ISPU", "AMAZON_EASY_SHIP": "EasyShip"}


def order_change(
    order: Order, change_type: str, seller_id: str, subscription_id: str, client_id: str, now: datetime
) -> dict[str, Any]:
    """The whole message; each has a NotificationId of its own."""
    reason = "Buyer Requested Cancel" if change_type == BUYER_REQUEST else "Order Status Change"
    return {
        "NotificationVersion": "1.0",
        "NotificationType": "ORDER_CHANGE",
        "PayloadVersion": "1.0",
        "EventTime": _moment(now),
        "Payload": {
            "OrderChangeNotification": {
                "NotificationLevel": "OrderLevel",
                "SellerId": seller_id,
                "AmazonOrderId": order.order_id,
                "OrderChangeType": change_type,
                "OrderChangeTrigger": {"TimeOfOrderChange": _moment(order.updated_at), "ChangeReason": reason},
                "Summary": _summary(order),
            }
        },
        "NotificationMetadata": {
            "ApplicationId": f"amzn1.sellerapps.app.{hashlib.sha256(client_id.encode()).hexdigest()[:32]}",
            "SubscriptionId": subscription_id,
            "PublishTime": _moment(now),
            "NotificationId": str(uuid.uuid4()),
        },
    }


def _summary(order: Order) -> dict[str, Any]:
    facts = order.facts
    fulfilled = order.fulfilled()
    cancelled = order.status == "CANCELLED"
    address = facts["recipient"].get("deliveryAddress", {}) if order.status in VISIBLE_STATUSES else {}
    programs = facts["programs"]
    summary: dict[str, Any] = {
        "MarketplaceId": order.marketplace_id,
        "OrderStatus": STATUSES[order.status],
        "PurchaseDate": _moment(order.created_at),
        "DestinationPostalCode": address.get("postalCode"),
        "FulfillmentType": CHANNELS[order.fulfilled_by],
        "OrderType": "Preorder" if "PREORDER" in programs else "StandardOrder",
        "NumberOfItemsShipped": sum(fulfilled.values()),
        "NumberOfItemsUnshipped": 0 if cancelled else sum(order.ordered.values()) - sum(fulfilled.values()),
        "OrderPrograms": [_PROGRAMS[program] for program in programs if program in _PROGRAMS],
        "ShippingPrograms": [_SHIPPING_PROGRAMS[program] for program in programs if program in _SHIPPING_PROGRAMS],
        "OrderItems": [_item(order, item, fulfilled[item["orderItemId"]]) for item in facts["orderItems"]],
    }
    if order.fulfilled_by == "MERCHANT":
        window = facts["fulfillment"]["shipByWindow"]
        summary |= {"EarliestShipDate": window["earliestDateTime"], "LatestShipDate": window["latestDateTime"]}
    return summary


def _item(order: Order, item: dict[str, Any], shipped: int) -> dict[str, Any]:
    return {
        "OrderItemId": item["orderItemId"],
        "SellerSKU": item["product"].get("sellerSku", ""),
        "SupplySourceId": None,
        "OrderItemStatus": "Shipped" if shipped >= item["quantityOrdered"] else "Unshipped",
        "Quantity": item["quantityOrdered"],
        "QuantityShipped": shipped,
        "IsBuyerRequestedCancel": "cancellationRequest" in order.cancellation,
    }


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
