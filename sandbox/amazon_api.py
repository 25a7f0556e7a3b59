"""Amazon's door: the HTTP side of login, Orders 2026-01-01, confirmShipment and Sellers."""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from sandbox.accounts import Account
from sandbox.calls import call, finish, parsed, query_of, with_fault
from sandbox.errors import LoginError
from sandbox.faults import Call
from sandbox.seller_central import SellerCentral


def amazon_routes(central: SellerCentral) -> APIRouter:
    """The routes of login, Orders 2026-01-01, confirmShipment and Sellers."""
    router = APIRouter()

    @router.post("/auth/o2/token")
    async def login(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))

        def exchange() -> Response:
            try:
                return JSONResponse(central.login.exchange(form), headers={"Cache-Control": "no-store"})
            except LoginError as error:
                return JSONResponse(error.body(), error.status)

        account = central.login.account_of(form)
        fault = central.faults.next(Call("login", account=account.account if account else None))
        return finish(central, "login", with_fault(fault, exchange, {}))

    @router.get("/orders/2026-01-01/orders")
    async def search_orders(request: Request) -> Response:
        def operation(account: Account) -> Response:
            return JSONResponse(central.search_orders(query_of(request), account))

        return call(central, "searchOrders", request, operation)

    @router.get("/orders/2026-01-01/orders/{order_id}")
    async def get_order(request: Request, order_id: str) -> Response:
        def operation(account: Account) -> Response:
            return JSONResponse(central.get_order(order_id, query_of(request), account))

        return call(central, "getOrder", request, operation, order_id)

    @router.post("/orders/v0/orders/{order_id}/shipmentConfirmation")
    async def confirm_shipment(request: Request, order_id: str) -> Response:
        raw = await request.body()

        def operation(account: Account) -> Response:
            central.confirm_shipment(order_id, parsed(raw), account)
            return Response(status_code=204)

        return call(central, "confirmShipment", request, operation, order_id)

    @router.get("/sellers/v1/marketplaceParticipations")
    async def get_marketplace_participations(request: Request) -> Response:
        def operation(account: Account) -> Response:
            return JSONResponse(central.marketplace_participations(account))

        return call(central, "getMarketplaceParticipations", request, operation)

    return router
