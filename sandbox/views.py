"""An order as Amazon shows it: what `includedData` asks for, as far as the account's roles and the order allow.

Source: orders_2026-01-01.json (datasets, "Only available for merchant-fulfilled (FBM) orders", suppressed phones)
and Amazon's guide on access to orders' personal data (roles). While an order is PENDING it has no prices and no gift
options, as in v0 (ordersV0.json, getOrderItems).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox.accounts import ADDRESS_ROLE, TAX_ROLES, Account
from sandbox.clock import from_amazon, to_amazon
from sandbox.orders import VISIBLE_STATUSES, Order

DATASETS = (
    "BUYER",
    "RECIPIENT",
    "PROCEEDS",
    "EXPENSE",
    "PROMOTION",
    "CANCELLATION",
    "FULFILLMENT",
    "PACKAGES",
    "TAX",
    "PAYMENT",
    "FULFILLMENT_ORDERS",
)
"""All values of `includedData`. EXPENSE and FULFILLMENT_ORDERS (Japan's points, Easy Ship) hold nothing here."""


def amazon_order(order: Order, included: set[str], account: Account, now: datetime) -> dict[str, Any]:
    """The Order object of Orders 2026-01-01."""
    facts = order.facts
    priced = order.priced
    answer: dict[str, Any] = {
        "orderId": order.order_id,
        "createdTime": to_amazon(order.created_at),
        "lastUpdatedTime": to_amazon(order.updated_at),
        "programs": facts["programs"],
        "associatedOrders": facts.get("associatedOrders", []),
        "salesChannel": facts["salesChannel"],
        "orderItems": [_item(order, item, included, account) for item in facts["orderItems"]],
    }
    if "BUYER" in included:
        answer["buyer"] = _buyer(order, account)
    if "RECIPIENT" in included and _shows_person(order, account):
        answer["recipient"] = _recipient(order, now)
    if "PROCEEDS" in included and priced:
        answer["proceeds"] = facts["proceeds"]
    if "PAYMENT" in included and priced:
        answer["payment"] = facts["payment"]
    if "TAX" in included and priced:
        answer["tax"] = facts["tax"]
    if "FULFILLMENT" in included:
        answer["fulfillment"] = _fulfillment(order)
    if "PACKAGES" in included and order.packages:
        answer["packages"] = _packages(order)
    return {name: value for name, value in answer.items() if value not in ({}, [])}


def _shows_person(order: Order, account: Account) -> bool:
    return ADDRESS_ROLE in account.roles and order.status in VISIBLE_STATUSES


def _buyer(order: Order, account: Account) -> dict[str, str]:
    buyer: dict[str, str] = order.facts["buyer"]
    if order.fulfilled_by == "AMAZON":
        # No e-mail address for what Amazon fulfils; the name only for those who must write invoices.
        named = not TAX_ROLES.isdisjoint(account.roles) and order.status in VISIBLE_STATUSES
        return {"buyerName": buyer["buyerName"]} if named and "buyerName" in buyer else {}
    return buyer if _shows_person(order, account) else {}


def _recipient(order: Order, now: datetime) -> dict[str, Any]:
    if "deliveryAddress" not in order.facts["recipient"]:
        return {}
    address = dict(order.facts["recipient"]["deliveryAddress"])
    deliver_by = from_amazon(order.facts["fulfillment"]["deliverByWindow"]["latestDateTime"])
    if order.fulfilled_by == "AMAZON" or (order.status == "SHIPPED" and now > deliver_by):
        address.pop("phone", None)
    return {**order.facts["recipient"], "deliveryAddress": address}


def _fulfillment(order: Order) -> dict[str, Any]:
    status = order.facts.get("oddities", {}).get("status_word", order.status)
    fulfillment = {"fulfillmentStatus": status, **order.facts["fulfillment"]}
    if order.fulfilled_by == "AMAZON":
        del fulfillment["shipByWindow"]
    if order.status in ("PENDING", "PENDING_AVAILABILITY", "CANCELLED"):
        del fulfillment["deliverByWindow"]
    return fulfillment


def _item(order: Order, item: dict[str, Any], included: set[str], account: Account) -> dict[str, Any]:
    priced = order.priced
    shown = {"price": priced, "customization": _shows_person(order, account)}
    answer: dict[str, Any] = {
        "orderItemId": item["orderItemId"],
        "quantityOrdered": item["quantityOrdered"],
        "product": {name: value for name, value in item["product"].items() if shown.get(name, True)},
    }
    for dataset, name in (("PROCEEDS", "proceeds"), ("PROMOTION", "promotion"), ("TAX", "tax")):
        if dataset in included and priced and name in item:
            answer[name] = item[name]
    if "CANCELLATION" in included and order.cancellation:
        answer["cancellation"] = order.cancellation
    if "FULFILLMENT" in included:
        answer["fulfillment"] = _item_fulfillment(order, item, account)
    return answer


def _item_fulfillment(order: Order, item: dict[str, Any], account: Account) -> dict[str, Any]:
    fulfilled = order.fulfilled()[item["orderItemId"]]
    cancelled = order.status == "CANCELLED" or "cancellationExecution" in order.cancellation
    left = 0 if cancelled else item["quantityOrdered"] - fulfilled
    fulfillment: dict[str, Any] = {"quantityFulfilled": fulfilled, "quantityUnfulfilled": left}
    gift = item["fulfillment"].get("packing", {}).get("giftOption")
    if gift and order.fulfilled_by == "MERCHANT" and not order.status.startswith("PENDING"):
        # The wrap is a choice, the message is personal.
        shown = gift if _shows_person(order, account) else {"giftWrapLevel": gift["giftWrapLevel"]}
        fulfillment["packing"] = {"giftOption": shown}
    return fulfillment


def _packages(order: Order) -> list[dict[str, Any]]:
    answer = []
    for reference_id, package in order.packages.items():
        content = package.content
        # carrierName says which carrier an "Other" is.
        carrier = content["carrierName"] if content["carrierCode"].lower() == "other" else content["carrierCode"]
        shown = {
            "packageReferenceId": reference_id,
            "createdTime": package.created_at,
            "packageStatus": {"status": "SHIPPED"},
            "carrier": carrier,
            "shipTime": to_amazon(from_amazon(content["shipDate"])),
            "trackingNumber": content["trackingNumber"],
            "packageItems": [
                {name: item[name] for name in ("orderItemId", "quantity", "transparencyCodes") if name in item}
                for item in content["orderItems"]
            ],
        }
        if "shippingMethod" in content:
            shown["shippingService"] = content["shippingMethod"]
        answer.append(shown)
    return answer
