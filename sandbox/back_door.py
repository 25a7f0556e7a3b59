"""The back door: what a simulated world does to orders, and what the sandbox has seen. Amazon has none of this."""

from __future__ import annotations

import random
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.responses import HTMLResponse, JSONResponse, Response

from sandbox.accounts import CLIENT_ID, CLIENT_SECRET, Account
from sandbox.catalogue import CANCEL_REASONS
from sandbox.clock import to_amazon
from sandbox.faults import Fault
from sandbox.orders import Order
from sandbox.placing import OrderWish
from sandbox.seller_central import SellerCentral

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Amazon sandbox</title></head>
<body>
<h1>A local Seller Central</h1>
<p>This program plays Amazon: login, searchOrders, getOrder, confirmShipment, with Amazon's limits and refusals.
Its orders and people are made up.</p>
<ul>
<li><a href="/_sandbox/books">Books</a>: every order, and what Amazon was told about it</li>
<li><a href="/_sandbox/calls">Calls</a>: how often each operation was called, and how often throttled</li>
<li><a href="/_sandbox/health">Health</a></li>
<li><a href="/_sandbox/docs">What else the back door can do</a></li>
</ul>
</body></html>
"""


class Cancellation(BaseModel):
    """The body, if any, of `…/cancel` and `…/request-cancel`."""

    model_config = ConfigDict(extra="forbid")
    by: Literal["BUYER", "MERCHANT", "AMAZON"] = "BUYER"
    reason: str | None = None


def back_door_routes(seller_central: SellerCentral) -> APIRouter:
    """The routes under `/_sandbox`, and the front page."""
    router = APIRouter()

    @router.get("/", include_in_schema=False)
    async def front_page() -> Response:
        return HTMLResponse(_PAGE)

    @router.get("/_sandbox/health")
    async def health() -> dict[str, str | float]:
        return {"status": "ok", "now": to_amazon(seller_central.clock.now()), "speed": seller_central.speed}

    @router.post("/_sandbox/accounts")
    async def save_account(account: Account) -> dict[str, str | list[str]]:
        """Add a seller account, or change it (its roles, say)."""
        seller_central.save_account(account)
        return {**account.model_dump(), "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}

    @router.post("/_sandbox/orders")
    async def place_orders(wish: OrderWish) -> dict[str, list[str]]:
        return {"order_ids": seller_central.place_orders(wish)}

    @router.post("/_sandbox/orders/{order_id}/release")
    async def release(order_id: str) -> dict[str, str]:
        """Payment is authorised: PENDING becomes UNSHIPPED."""
        return _answer(order_id, seller_central.change_order(order_id, Order.release))

    @router.post("/_sandbox/orders/{order_id}/cancel")
    async def cancel(order_id: str, wish: Cancellation | None = None) -> dict[str, str]:
        wish = wish or Cancellation()
        reason = wish.reason or _some_reason(order_id)
        status = seller_central.change_order(order_id, lambda order, now: order.cancel(wish.by, reason, now))
        return _answer(order_id, status)

    @router.post("/_sandbox/orders/{order_id}/request-cancel")
    async def request_cancel(order_id: str, wish: Cancellation | None = None) -> dict[str, str]:
        """The buyer wishes to cancel; the seller decides."""
        reason = (wish and wish.reason) or _some_reason(order_id)
        status = seller_central.change_order(order_id, lambda order, now: order.request_cancel(reason, now))
        return _answer(order_id, status)

    @router.post("/_sandbox/orders/{order_id}/ship")
    async def ship(order_id: str) -> dict[str, str]:
        """Amazon ships an order that it fulfils."""
        return _answer(order_id, seller_central.change_order(order_id, Order.ship_by_amazon))

    @router.post("/_sandbox/faults")
    async def add_fault(fault: Fault) -> Fault:
        """The next calls of an operation fail."""
        seller_central.faults.add(fault)
        return fault

    @router.delete("/_sandbox/faults", status_code=204)
    async def clear_faults() -> Response:
        seller_central.faults.clear()
        return Response(status_code=204)

    # JSONResponse, since FastAPI's own way from dict to JSON is slow for thousands of orders.

    @router.get("/_sandbox/books")
    async def books() -> Response:
        return JSONResponse(seller_central.books())

    @router.get("/_sandbox/calls")
    async def calls() -> Response:
        return JSONResponse(seller_central.calls())

    return router


def _answer(order_id: str, status: str) -> dict[str, str]:
    return {"order_id": order_id, "status": status}


def _some_reason(order_id: str) -> str:
    return random.Random(order_id).choice(CANCEL_REASONS)
