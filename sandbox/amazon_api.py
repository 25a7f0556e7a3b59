"""Amazon's door: the HTTP side of login, Orders, confirmShipment and Sellers.

All handlers are `async` and never wait between reading and writing: they run one after the other on the server's only
thread, which is why nothing here needs a lock.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from sandbox.accounts import Account
from sandbox.errors import AmazonError, LoginError, invalid_input, quota_exceeded
from sandbox.faults import AFTER_EFFECT, Fault
from sandbox.seller_central import SellerCentral
from sandbox.wire import Dropped, Truncated

_LIMIT_SHOWN = (200, 204, 400, 404)
"""x-amzn-RateLimit-Limit is declared for success, 400 and 404 only (all models)."""


def amazon_routes(seller_central: SellerCentral) -> APIRouter:
    """The routes of Amazon's operations."""
    router = APIRouter()

    @router.post("/auth/o2/token")
    async def login(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))

        def exchange() -> Response:
            try:
                return JSONResponse(seller_central.login.exchange(form), headers={"Cache-Control": "no-store"})
            except LoginError as error:
                return JSONResponse(error.body(), error.status)

        fault = seller_central.faults.next("login", None)
        return _finish(seller_central, "login", _with_fault(fault, exchange))

    @router.get("/orders/2026-01-01/orders")
    async def search_orders(request: Request) -> Response:
        def operation(account: Account) -> Response:
            return JSONResponse(seller_central.search_orders(_query(request), account))

        return _call(seller_central, "searchOrders", request, operation)

    @router.get("/orders/2026-01-01/orders/{order_id}")
    async def get_order(request: Request, order_id: str) -> Response:
        def operation(account: Account) -> Response:
            return JSONResponse(seller_central.get_order(order_id, _query(request), account))

        return _call(seller_central, "getOrder", request, operation, order_id)

    @router.post("/orders/v0/orders/{order_id}/shipmentConfirmation")
    async def confirm_shipment(request: Request, order_id: str) -> Response:
        raw = await request.body()

        def operation(account: Account) -> Response:
            seller_central.confirm_shipment(order_id, _parsed(raw), account)
            return Response(status_code=204)

        return _call(seller_central, "confirmShipment", request, operation, order_id)

    @router.get("/sellers/v1/marketplaceParticipations")
    async def get_marketplace_participations(request: Request) -> Response:
        def operation(account: Account) -> Response:
            return JSONResponse(seller_central.marketplace_participations(account))

        return _call(seller_central, "getMarketplaceParticipations", request, operation)

    return router


def amazon_headers() -> dict[str, str]:
    """The headers of every answer of Amazon's."""
    return {"x-amzn-RequestId": str(uuid.uuid4())}


def _call(
    seller_central: SellerCentral,
    operation: str,
    request: Request,
    act: Callable[[Account], Response],
    order_id: str | None = None,
) -> Response:
    """One call of an operation: who calls, has he a token in the bucket, is a fault due, and then what he asked for."""

    def answer(account: Account) -> Response:
        try:
            return act(account)
        except AmazonError as error:
            return JSONResponse(error.body(), error.status)

    try:
        _check_user_agent(request.headers)
        account = seller_central.login.authenticate(request.headers.get("x-amz-access-token"), operation)
        if not seller_central.limits.take(account.account, operation):
            raise quota_exceeded()
        response = _with_fault(seller_central.faults.next(operation, order_id), lambda: answer(account))
    except AmazonError as error:
        response = JSONResponse(error.body(), error.status)
    if response.status_code in _LIMIT_SHOWN:
        response.headers["x-amzn-RateLimit-Limit"] = f"{seller_central.limits.rate(operation):g}"
    return _finish(seller_central, operation, response)


def _finish(seller_central: SellerCentral, operation: str, response: Response) -> Response:
    """Count the call. What never answers is counted by what became of its connection."""
    outcome = response.outcome if isinstance(response, Dropped | Truncated) else str(response.status_code)
    seller_central.count_call(operation, outcome)
    response.headers.update(amazon_headers())
    return response


def _with_fault(fault: Fault | None, act: Callable[[], Response]) -> Response:
    """Do `act` and answer, unless a fault comes before, between or after."""
    if fault is None:
        return act()
    response = act() if fault.kind in AFTER_EFFECT else None
    match fault.kind:
        case "429":
            error = quota_exceeded()
        case "500":
            error = AmazonError(500, "InternalFailure", "We encountered an internal error. Please try again.")
        case "503":
            error = AmazonError(503, "ServiceUnavailable", "Service is temporarily unavailable. Please try again.")
        case "html":
            return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", 502)
        case "timeout":
            return Dropped("timeout", fault.seconds)
        case "truncated" if response is not None:
            return Truncated(response)
        case _:
            return Dropped("dropped")
    return JSONResponse(error.body(), error.status)


def _check_user_agent(headers: Mapping[str, str]) -> None:
    # Amazon's guide asks for "AppId/AppVersionId (Language=…; Platform=…)"; well-known clients that send less are
    # served all the same, so only what is documented to be rejected is.
    user_agent = headers.get("user-agent", "").strip()
    if not user_agent:
        raise invalid_input("The User-Agent header is missing.")
    if len(user_agent) > 500:
        raise invalid_input("The User-Agent header is longer than 500 characters.")


def _query(request: Request) -> dict[str, str]:
    """The query's parameters; raises AmazonError 400 if one is repeated, since arrays are comma-separated."""
    pairs = request.query_params.multi_items()
    query = dict(pairs)
    if len(query) != len(pairs):
        raise invalid_input("A query parameter may not be repeated: arrays are comma-separated.")
    return query


def _parsed(raw: bytes) -> Any:
    """The JSON of a body; what is not JSON stays text, which no operation accepts and the books show."""
    try:
        body = json.loads(raw)
        # Python reads NaN and lone surrogates, which could not be shown in the books again.
        json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "replace")
    return body
