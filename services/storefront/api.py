"""What the store answers over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import HTMLResponse
from pydantic import ConfigDict

from schemas.base import Identifier, Model, ShortText
from schemas.shipments import OrderShipped, ShipDate, ShippedLine
from services.storefront.books import Books, Order
from services.storefront.buyers import Buyers
from services.storefront.pages import order_page, orders_page

_LONGEST = 256 * 1024
_PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


class ShipForm(Model):
    """What is filled in to ship a package; without `lines` it holds all that remains of the order."""

    model_config = ConfigDict(extra="forbid")
    carrier: ShortText
    tracking_number: ShortText
    package_id: Identifier | None = None
    ship_date: ShipDate | None = None
    lines: tuple[ShippedLine, ...] = ()


def create_api(
    books: Books, on_shipped: Callable[[], None], health: Callable[[], dict[str, Any]], buyers: Buyers
) -> FastAPI:
    """The app. `on_shipped` is called when a shipment waits in the books; `health` is ok if its `trouble` is None."""
    api = FastAPI(title="Storefront", docs_url=None, redoc_url=None)

    @api.get("/api/orders")
    def orders() -> list[dict[str, Any]]:
        return [_brief(order) for order in books.orders()]

    @api.get("/api/orders/{order_id}")
    def order(order_id: str) -> dict[str, Any]:
        found = _find(order_id)
        return _brief(found) | {"order": found.event.model_dump(mode="json")}

    @api.post("/api/orders/{order_id}/ship", status_code=202)
    def ship(order_id: str, form: ShipForm) -> dict[str, str]:
        event = OrderShipped(order_id=order_id, account_id=_find(order_id).event.account_id, **dict(form))
        if len(event.model_dump_json()) > _LONGEST:
            raise HTTPException(413, "Too many lines or codes for one event.")
        event_id = str(uuid.uuid4())
        books.ship(event_id, event)
        on_shipped()
        return {"event_id": event_id}

    @api.get("/api/books")
    def everything() -> dict[str, Any]:
        events = books.events()
        orders = {order.event.order_id: order for order in books.orders()}
        return {
            "orders": {name: {**_brief(order), "events": events.get(name, {})} for name, order in orders.items()},
            "shipments": [shipment.summary() for shipment in books.shipments()],
        }

    @api.get("/api/sales")
    def sales() -> dict[str, Any]:
        return books.sales()

    @api.get("/healthz")
    def healthz(response: Response) -> dict[str, Any]:
        report = health()
        response.status_code = 503 if report["trouble"] else 200
        return report

    @api.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse(orders_page(books.orders(), books.sales()), headers=_PAGE_HEADERS)

    @api.get("/orders/{order_id}")
    def page_of_one(order_id: str) -> HTMLResponse:
        found = _find(order_id)
        return HTMLResponse(order_page(found, buyers.of(found)), headers=_PAGE_HEADERS)

    def _find(order_id: str) -> Order:
        found = books.order(order_id)
        if found is None:
            raise HTTPException(404, "No such order.")
        return found

    return api


def _brief(order: Order) -> dict[str, Any]:
    event = order.event
    return {
        "order_id": event.order_id,
        "order_number": event.store.order_number,
        "status": order.queue(),
        "amazon_status": event.amazon_status,
        "fulfilled_by": event.fulfilled_by,
        "marketplace_id": event.marketplace_id,
        "lines": [line.model_dump(include={"order_item_id", "sku", "title", "quantity"}) for line in event.lines],
        "total": str(event.totals.total),
        "currency": event.totals.currency,
        "personal_data": event.personal_data.state,
        "sequence": event.sequence,
        "shipments": [{**shipment.summary(), "answers": shipment.answers} for shipment in order.shipments],
    }
