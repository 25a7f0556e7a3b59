"""Amazon's door to the deprecated reads of Orders v0, and to the restricted data tokens that they need.

Sources: ordersV0.json, tokens_2021-03-01.json. They exist so that other clients can be measured against the sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from sandbox.accounts import ADDRESS_ROLE, Account
from sandbox.calls import call, parsed, query_of
from sandbox.errors import AmazonError, invalid_input, unauthorized
from sandbox.orders import Order
from sandbox.seller_central import SellerCentral
from sandbox.views_v0 import address_v0, buyer_v0, item_buyer_v0, item_v0, order_v0

_ORDERS = "/orders/v0/orders"
_RESOURCE = re.compile(_ORDERS + r"(/[^/]+(/address|/buyerInfo|/orderItems|/orderItems/buyerInfo)?)?")
_ELEMENTS = frozenset({"buyerInfo", "shippingAddress", "buyerTaxInformation"})
_OF_PATH = {"/address": "shippingAddress", "/buyerInfo": "buyerInfo"}

Show = Callable[[Order, set[str]], dict[str, Any]]


def orders_v0_routes(central: SellerCentral) -> APIRouter:
    """The routes of Orders v0's reads and of createRestrictedDataToken."""
    router = APIRouter()

    def read(request: Request, operation: str, order_id: str, show: Show, needs: str | None = None) -> Response:
        def act(account: Account) -> Response:
            elements = _granted(central, request)
            if needs is not None and needs not in elements:
                raise unauthorized("The access token is not a restricted data token for this resource.")
            return JSONResponse({"payload": show(central.order_of(order_id, account), elements)})

        return call(central, operation, request, act, order_id)

    @router.get(_ORDERS)
    async def get_orders(request: Request) -> Response:
        def operation(account: Account) -> Response:
            return JSONResponse(central.search_orders_v0(query_of(request), account, _granted(central, request)))

        return call(central, "getOrdersV0", request, operation)

    @router.get(_ORDERS + "/{order_id}")
    async def get_order(request: Request, order_id: str) -> Response:
        return read(request, "getOrderV0", order_id, order_v0)

    @router.get(_ORDERS + "/{order_id}/orderItems")
    async def get_order_items(request: Request, order_id: str) -> Response:
        def show(order: Order, elements: set[str]) -> dict[str, Any]:
            items = [item_v0(order, item, elements) for item in order.facts["orderItems"]]
            return {"AmazonOrderId": order_id, "OrderItems": items}

        return read(request, "getOrderItemsV0", order_id, show)

    @router.get(_ORDERS + "/{order_id}/orderItems/buyerInfo")
    async def get_order_items_buyer_info(request: Request, order_id: str) -> Response:
        def show(order: Order, elements: set[str]) -> dict[str, Any]:
            items = [
                {"OrderItemId": item["orderItemId"], **item_buyer_v0(order, item)} for item in order.facts["orderItems"]
            ]
            return {"AmazonOrderId": order_id, "OrderItems": items}

        return read(request, "getOrderItemsBuyerInfoV0", order_id, show, "buyerInfo")

    @router.get(_ORDERS + "/{order_id}/buyerInfo")
    async def get_order_buyer_info(request: Request, order_id: str) -> Response:
        def show(order: Order, elements: set[str]) -> dict[str, Any]:
            return {"AmazonOrderId": order_id, **buyer_v0(order)}

        return read(request, "getOrderBuyerInfoV0", order_id, show, "buyerInfo")

    @router.get(_ORDERS + "/{order_id}/address")
    async def get_order_address(request: Request, order_id: str) -> Response:
        def show(order: Order, elements: set[str]) -> dict[str, Any]:
            address = address_v0(order, whole=True)
            return {"AmazonOrderId": order_id} | ({"ShippingAddress": address} if address else {})

        return read(request, "getOrderAddressV0", order_id, show, "shippingAddress")

    @router.post("/tokens/2021-03-01/restrictedDataToken")
    async def create_restricted_data_token(request: Request) -> Response:
        raw = await request.body()

        def operation(account: Account) -> Response:
            elements, resources = _requested(parsed(raw))
            if ADDRESS_ROLE not in account.roles:
                raise AmazonError(
                    403,
                    "Unauthorized",
                    "Application does not have access to one or more requested data elements: "
                    f"[{', '.join(sorted(set(elements))) or 'shippingAddress'}]",
                )
            token, seconds = central.login.restricted(account, elements, resources)
            return JSONResponse({"restrictedDataToken": token, "expiresIn": seconds})

        return call(central, "createRestrictedDataToken", request, operation)

    return router


def _requested(body: Any) -> tuple[list[str], list[str]]:
    """The data elements and paths of a CreateRestrictedDataTokenRequest; raises AmazonError 400."""
    resources = body.get("restrictedResources") if isinstance(body, dict) else None
    if not isinstance(resources, list) or not 1 <= len(resources) <= 50:
        raise invalid_input("restrictedResources must hold 1 to 50 values.")
    elements: list[str] = []
    paths = []
    for resource in resources:
        path = resource.get("path") if isinstance(resource, dict) else None
        if not isinstance(path, str) or resource.get("method") != "GET" or not _RESOURCE.fullmatch(path):
            raise invalid_input("A restricted resource is not one that needs a restricted data token.")
        wanted = resource.get("dataElements", [])
        if not isinstance(wanted, list) or not set(map(str, wanted)) <= _ELEMENTS:
            raise invalid_input("dataElements has an invalid value.")
        elements += wanted
        paths.append(path)
    return elements, paths


def _granted(central: SellerCentral, request: Request) -> set[str]:
    """The data elements that the call's token opens for its path; none for an ordinary token."""
    claims = central.login.restricted_claims(request.headers.get("x-amz-access-token", ""))
    path = request.url.path
    if claims is None or not any(_covers(resource, path) for resource in claims["resources"]):
        return set()
    elements = set(claims["elements"])
    return elements | {element for end, element in _OF_PATH.items() if path.endswith(end)}


def _covers(resource: str, path: str) -> bool:
    return bool(re.fullmatch(re.sub(r"\\{[^/]*\\}", "[^/]+", re.escape(resource)), path))
