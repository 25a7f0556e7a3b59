"""confirmShipment v0: what Amazon refuses, and what an accepted confirmation changes.

Sources: ordersV0.json (required fields, types, DirectPayment), Amazon's guide "Confirm the shipment status" (editing a
package, Ship+), and for the wording what sellers report of the live service. The checks on dates, quantities and
statuses are sensible rules that Amazon does not document.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from typing import Any

from sandbox.clock import from_amazon, to_amazon, to_record
from sandbox.errors import invalid_input
from sandbox.marketplaces import MARKETPLACES
from sandbox.orders import Order, Package, quantities

_POSITIVE_NUMBER = re.compile(r"0*[1-9][0-9]*")
_BAD_ITEM = "OrderItemId is invalid, please obtain the value from the order items of the order."


def confirm_shipment(order: Order, body: Any, now: datetime) -> None:
    """Take a confirmation into the order, or raise AmazonError (400) and leave the order as it was.

    `body` is the parsed JSON body. Repeating a packageReferenceId edits that package.
    """
    detail = _package_detail(body)
    _check_order(order, body)
    reference_id = _reference_id(detail)
    if order.status == "SHIPPED" and reference_id not in order.packages:
        raise invalid_input(
            "Failed to create package due to not finding a matching package or order already fulfilled. "
            "PackageToUpdateNotFound"
        )
    _check_carrier(detail)
    _check_ship_date(detail, order, now)
    _check_items(detail, order, reference_id)
    _accept(order, reference_id, detail, now)


def _package_detail(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise invalid_input("The request body must be a JSON object.")
    detail = body.get("packageDetail")
    if not isinstance(detail, dict):
        raise invalid_input("Missing or invalid value for [packageDetail].")
    return detail


def _check_order(order: Order, body: dict[str, Any]) -> None:
    if _text(body, "marketplaceId") != order.marketplace_id:
        raise invalid_input("MarketplaceId is invalid: the order was not placed there.")
    if "codCollectionMethod" in body and (
        body["codCollectionMethod"] != "DirectPayment" or MARKETPLACES[order.marketplace_id].country != "JP"
    ):
        raise invalid_input("CodCollectionMethod is invalid: only DirectPayment, and only in Japan.")
    if order.fulfilled_by == "AMAZON":
        raise invalid_input("The order is fulfilled by Amazon: its shipment cannot be confirmed by the seller.")
    if "FBM_SHIP_PLUS" in order.facts["programs"]:
        raise invalid_input("The order is a Ship+ order: its shipment is confirmed automatically.")
    if order.status in ("PENDING", "PENDING_AVAILABILITY", "CANCELLED"):
        raise invalid_input(f"The order cannot be confirmed as shipped: it is {order.status.lower()}.")


def _reference_id(detail: dict[str, Any]) -> str:
    reference_id = detail.get("packageReferenceId")
    if reference_id is not None and not isinstance(reference_id, str):
        raise invalid_input("invalid type [packageDetail.packageReferenceId]")
    if not reference_id or not _POSITIVE_NUMBER.fullmatch(reference_id):
        raise invalid_input("PackageReferenceId: is invalid, must be a positive numeric value.")
    return reference_id


def _check_carrier(detail: dict[str, Any]) -> None:
    carrier_code = _text(detail, "carrierCode")
    if "carrierName" in detail or carrier_code.lower() == "other":
        _text(detail, "carrierName")
    _text(detail, "trackingNumber")
    if "shippingMethod" in detail:
        _text(detail, "shippingMethod")


def _check_ship_date(detail: dict[str, Any], order: Order, now: datetime) -> None:
    text = _text(detail, "shipDate")
    try:
        ship_date = from_amazon(text)
    except ValueError:
        raise invalid_input("ShipDate: is invalid, must be formatted by ISO 8601 standards.") from None
    if ship_date > now:
        raise invalid_input("ShipDate: is invalid, must not be in the future.")
    if ship_date < order.created_at:
        raise invalid_input("ShipDate: is invalid, must not be before the purchase date of the order.")


def _check_items(detail: dict[str, Any], order: Order, reference_id: str) -> None:
    items = detail.get("orderItems")
    if not isinstance(items, list) or not items:
        raise invalid_input(_BAD_ITEM)
    for item in items:
        if not isinstance(item, dict) or str(item.get("orderItemId")) not in order.ordered:
            raise invalid_input(_BAD_ITEM)
        if not isinstance(item["orderItemId"], str):
            raise invalid_input("invalid type [packageDetail.orderItems.orderItemId]")
        quantity = item.get("quantity")
        if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
            raise invalid_input("Quantity: is invalid, must be a positive integer.")
        codes = item.get("transparencyCodes", [])
        if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
            raise invalid_input("TransparencyCodes: is invalid, must be a list of strings.")
    in_others = order.fulfilled(without_package=reference_id)
    for order_item_id, quantity in quantities(items).items():
        if quantity + in_others[order_item_id] > order.ordered[order_item_id]:
            raise invalid_input(f"Quantity: is invalid, more than was ordered of the order item {order_item_id}.")


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise invalid_input(f"{name[0].upper()}{name[1:]}: is missing or invalid.")
    return value


def _accept(order: Order, reference_id: str, detail: dict[str, Any], now: datetime) -> None:
    package = order.packages.get(reference_id)
    if package is not None and package.content == detail:
        # Nothing changes, so the order is not updated: an update is "any change" (searchOrders, lastUpdatedAfter).
        package.identical += 1
    else:
        if package is None:
            package = order.packages[reference_id] = Package(detail, to_amazon(now))
        package.content = detail
        whole = order.fulfilled() == Counter(order.ordered)
        order.status = "SHIPPED" if whole else "PARTIALLY_SHIPPED"
        order.updated_at = now
    package.received_at.append(to_record(now))
