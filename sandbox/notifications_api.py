"""Amazon's door to Notifications v1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from sandbox.accounts import Account
from sandbox.calls import call, grantless_call, parsed
from sandbox.seller_central import SellerCentral

_DESTINATIONS = "/notifications/v1/destinations"
_SUBSCRIPTIONS = "/notifications/v1/subscriptions/{kind}"


def notifications_routes(central: SellerCentral) -> APIRouter:
    """The routes of Notifications v1. Those about destinations and about subscriptions by id are grantless."""
    router = APIRouter()
    notifications = central.notifications

    def grantless(request: Request, operation: str, act: Callable[[str], dict[str, Any]]) -> Response:
        return grantless_call(central, operation, request, lambda client_id: JSONResponse(act(client_id)))

    @router.post(_DESTINATIONS)
    async def create_destination(request: Request) -> Response:
        body = parsed(await request.body())
        return grantless(request, "createDestination", lambda app: notifications.create_destination(body, app))

    @router.get(_DESTINATIONS)
    async def get_destinations(request: Request) -> Response:
        return grantless(request, "getDestinations", notifications.get_destinations)

    @router.get(_DESTINATIONS + "/{destination_id}")
    async def get_destination(request: Request, destination_id: str) -> Response:
        return grantless(request, "getDestination", lambda app: notifications.get_destination(destination_id, app))

    @router.delete(_DESTINATIONS + "/{destination_id}")
    async def delete_destination(request: Request, destination_id: str) -> Response:
        return grantless(
            request, "deleteDestination", lambda app: notifications.delete_destination(destination_id, app)
        )

    @router.post(_SUBSCRIPTIONS)
    async def create_subscription(request: Request, kind: str) -> Response:
        body = parsed(await request.body())

        def operation(account: Account) -> Response:
            return JSONResponse(notifications.create_subscription(kind, body, account))

        return call(central, "createSubscription", request, operation)

    @router.get(_SUBSCRIPTIONS)
    async def get_subscription(request: Request, kind: str) -> Response:
        def operation(account: Account) -> Response:
            return JSONResponse(notifications.get_subscription(kind, account))

        return call(central, "getSubscription", request, operation)

    @router.get(_SUBSCRIPTIONS + "/{subscription_id}")
    async def get_subscription_by_id(request: Request, kind: str, subscription_id: str) -> Response:
        return grantless(
            request,
            "getSubscriptionById",
            lambda app: notifications.get_subscription_by_id(kind, subscription_id, app),
        )

    @router.delete(_SUBSCRIPTIONS + "/{subscription_id}")
    async def delete_subscription_by_id(request: Request, kind: str, subscription_id: str) -> Response:
        return grantless(
            request,
            "deleteSubscriptionById",
            lambda app: notifications.delete_subscription(kind, subscription_id, app),
        )

    return router
