"""What the store answers to programs: the demo, the tests."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from schemas.shipments import OrderShipped
from services.storefront.orders import Order, Shipment
from services.storefront.sales import sums
from services.storefront.shop import Shop


class ShipForm(OrderShipped, extra="forbid"):
    """A package to ship; without `lines` it holds all that remains of the order."""

    order_id: str = "(that of the address)"


def create_api(shop: Shop) -> APIRouter:
    """The routes below /api. Orders are Amazon's: this shop's own stand on its pages alone."""
    api = APIRouter()

    @api.get("/api/orders")
    def orders() -> Any:
        return [_brief(order) for order in shop.books.orders(own=False)]

    @api.get("/api/orders/{order_id}")
    def order(order_id: str) -> Any:
        return _brief(found := shop.books.order(order_id)) | {"order": found.event.model_dump(mode="json")}

    @api.post("/api/orders/{order_id}/ship", status_code=202)
    def ship(order_id: str, form: ShipForm) -> Any:
        return {"event_id": shop.ship(shop.books.order(order_id), dict(form))}

    @api.get("/api/books")
    def books() -> Any:
        shipments = [summary(one) for one in shop.books.shipments()]
        return {"orders": {one["order_id"]: one for one in orders()}, "shipments": shipments}

    @api.get("/api/sales")
    def sales() -> Any:
        sold, left_out = shop.books.sales()
        currencies = [{"currency": name, **sums(*days.values())} for name, days in sold.items()]
        return {"currencies": currencies, "orders_not_considered": left_out}

    @api.get("/healthz")
    def healthz() -> JSONResponse:
        return JSONResponse(report := shop.health(), 503 if report["trouble"] else 200)

    return api


def _brief(order: Order) -> dict[str, Any]:
    named = ("order_id", "amazon_status", "fulfilled_by", "marketplace_id", "sequence")
    return {
        **{name: getattr(order.event, name) for name in named},
        **order.event.totals.model_dump(mode="json", include={"total", "currency"}),
        "lines": [line.model_dump(include={"order_item_id", "sku", "title", "quantity"}) for line in order.event.lines],
        "order_number": order.event.store.order_number,
        "status": order.queue(),
        "personal_data": order.event.personal_data.state,
        "events": Counter(order.received.values()),
        "shipments": [{**summary(shipment), "answers": shipment.answers} for shipment in order.shipments.values()],
    }


def summary(shipment: Shipment) -> dict[str, Any]:
    """The answers are counted; `confirmed` is what Amazon took, as we were told."""
    latest = shipment.answers[-1] if shipment.told else {}
    taken = {name: latest[name] for name in ("package_reference_id", "lines") if shipment.state == "confirmed"}
    more = {"state": shipment.state, "reason": latest.get("reason"), "confirmed": taken or None}
    said = {"carrier": shipment.said and shipment.said.carrier, "lines": shipment.lines}
    named = {"event_id", "order_id", "package_id", "tracking_number"}
    return {**shipment.model_dump(include=named), **said, **more, "answers": len(shipment.told)}
