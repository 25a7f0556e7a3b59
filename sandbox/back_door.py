"""The back door: what a simulated world does to orders, and what the sandbox has seen. Amazon has none of this."""

from __future__ import annotations

import json
import random
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse, JSONResponse, Response

from sandbox.accounts import Account, KnownRoles
from sandbox.catalogue import CANCEL_REASONS
from sandbox.clock import to_amazon
from sandbox.faults import Fault
from sandbox.orders import Order
from sandbox.placing import OrderWish
from sandbox.reports import ReportSettings
from sandbox.seller_central import SellerCentral

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Amazon sandbox</title></head>
<body>
<h1>A local Seller Central</h1>
<p>This program plays Amazon: login, searchOrders, getOrder, confirmShipment, with Amazon's limits and refusals.
Its orders and people are made up.</p>
<ul>
<li><a href="/apps/manage">Manage your apps</a>: what a seller has authorised, and the button that ends it</li>
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


class PackageEdit(BaseModel):
    """The body of `…/packages/{reference_id}`: what a seller changes by hand."""

    model_config = ConfigDict(extra="forbid")
    tracking_number: Annotated[str, Field(min_length=1)] | None = None
    quantities: dict[str, int] = {}
    """By orderItemId; those that are left out leave the package. Without any its lines stay."""


class Roles(BaseModel):
    """The body of `…/roles`."""

    model_config = ConfigDict(extra="forbid")
    roles: KnownRoles


class NewToken(BaseModel):
    """The body, if any, of `…/grant-consent`."""

    model_config = ConfigDict(extra="forbid")
    refresh_token: Annotated[str, Field(min_length=1)]


class NewSecret(BaseModel):
    """The body, if any, of `…/renew-secret`."""

    model_config = ConfigDict(extra="forbid")
    client_secret: Annotated[str, Field(min_length=1)]


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
    async def save_account(account: Account) -> Account:
        """Add a seller account, or put another in its place; `client_id` and `client_secret` make its app private."""
        seller_central.save_account(account)
        return account

    @router.post("/_sandbox/accounts/{account}/roles")
    async def change_roles(account: str, wish: Roles) -> Account:
        return seller_central.change_account(account, roles=wish.roles)

    @router.post("/_sandbox/accounts/{account}/revoke-consent")
    async def revoke_consent(account: str) -> Account:
        """Login answers `invalid_grant`, and tokens that are out are refused."""
        return seller_central.change_account(account, consent=False)

    @router.post("/_sandbox/accounts/{account}/grant-consent")
    async def grant_consent(account: str, wish: NewToken | None = None) -> Account:
        """The seller authorises the application again: with the same refresh token, unless another is given."""
        changes = {"refresh_token": wish.refresh_token} if wish else {}
        return seller_central.change_account(account, consent=True, **changes)

    @router.post("/_sandbox/accounts/{account}/expire-secret")
    async def expire_secret(account: str) -> Account:
        """Login answers `invalid_client`."""
        return seller_central.change_account(account, secret_expired=True)

    @router.post("/_sandbox/accounts/{account}/renew-secret")
    async def renew_secret(account: str, wish: NewSecret | None = None) -> Account:
        """The client secret is taken again: the same, unless another is given."""
        changes = {"client_secret": wish.client_secret} if wish else {}
        return seller_central.change_account(account, secret_expired=False, **changes)

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

    @router.post("/_sandbox/orders/{order_id}/packages/{reference_id}")
    async def change_package(order_id: str, reference_id: str, wish: PackageEdit) -> dict[str, str]:
        """The seller edits a package in Seller Central, past whoever confirmed it."""

        def edit(order: Order, now: datetime) -> None:
            order.change_package(reference_id, wish.tracking_number, wish.quantities, now)

        return _answer(order_id, seller_central.change_order(order_id, edit))

    @router.delete("/_sandbox/orders/{order_id}/packages/{reference_id}")
    async def delete_package(order_id: str, reference_id: str) -> dict[str, str]:
        """Amazon no longer has a package that it took."""
        status = seller_central.change_order(order_id, lambda order, now: order.delete_package(reference_id, now))
        return _answer(order_id, status)

    @router.post("/_sandbox/orders/{order_id}/hide")
    async def hide(order_id: str) -> dict[str, str]:
        """Searches do not find it any more; getOrder and reports do."""
        return _answer(order_id, seller_central.hide_order(order_id, hidden=True))

    @router.post("/_sandbox/orders/{order_id}/show")
    async def show(order_id: str) -> dict[str, str]:
        return _answer(order_id, seller_central.hide_order(order_id, hidden=False))

    @router.post("/_sandbox/reports")
    async def change_reports(settings: ReportSettings) -> ReportSettings:
        """How reports behave from now on."""
        seller_central.reports.settings = settings
        return settings

    @router.get("/_sandbox/notifications")
    async def notifications() -> Response:
        """The last thousand messages for queues, and what became of each."""
        messages = [
            {"arn": message.arn, "outcome": message.outcome, "body": json.loads(message.body)}
            for message in seller_central.notifications.queues.messages
        ]
        return JSONResponse({"messages": messages})

    @router.post("/_sandbox/notifications/repeat")
    async def repeat_notification() -> dict[str, bool]:
        """Send the last message once more, with the same NotificationId."""
        return {"sent": seller_central.notifications.repeat()}

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
