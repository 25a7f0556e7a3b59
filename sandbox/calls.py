"""One call of an operation of Amazon's: who calls, has he a token in the bucket, is a fault due, and then the answer.

All handlers are `async` and never wait between reading and writing: they run one after the other on the server's only
thread, which is why nothing here needs a lock.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from sandbox.accounts import Account
from sandbox.errors import AmazonError, invalid_input, quota_exceeded
from sandbox.faults import AFTER_EFFECT, Call, Fault
from sandbox.malformed import malformed, refused
from sandbox.seller_central import SellerCentral
from sandbox.wire import Dropped, Hanging, Truncated

_LIMIT_SHOWN = (200, 202, 204, 400, 404)
"""x-amzn-RateLimit-Limit is declared for success, 400 and 404 only (all models)."""

Act = Callable[[], Response]


def call(
    central: SellerCentral,
    operation: str,
    request: Request,
    act: Callable[[Account], Response],
    order_id: str | None = None,
) -> Response:
    """A call for a seller account: `act` is given the account."""

    def prepare() -> tuple[Call, Act]:
        account = central.login.authenticate(request.headers.get("x-amz-access-token"), operation)
        marketplaces = _marketplaces(central, request, order_id, account)
        query = dict(request.query_params)
        return Call(operation, order_id, account.account, marketplaces, query), lambda: act(account)

    return _answer(central, operation, request, prepare)


def grantless_call(
    central: SellerCentral, operation: str, request: Request, act: Callable[[str], Response]
) -> Response:
    """A call for an application, without any seller: `act` is given the client id."""

    def prepare() -> tuple[Call, Act]:
        client_id = central.login.authenticate_application(request.headers.get("x-amz-access-token"))
        return Call(operation, account=client_id, query=dict(request.query_params)), lambda: act(client_id)

    return _answer(central, operation, request, prepare)


def _answer(
    central: SellerCentral, operation: str, request: Request, prepare: Callable[[], tuple[Call, Act]]
) -> Response:
    try:
        _check_user_agent(request.headers)
        due, act = prepare()
        if not central.limits.take(due.account or "", operation):
            raise quota_exceeded()
        response = with_fault(central.faults.next(due), _refusing(act), due.query)
    except AmazonError as error:
        response = JSONResponse(error.body(), error.status)
    if response.status_code in _LIMIT_SHOWN:
        response.headers["x-amzn-RateLimit-Limit"] = f"{central.limits.rate(operation):g}"
    return finish(central, operation, response)


def _refusing(act: Act) -> Act:
    def answer() -> Response:
        try:
            return act()
        except AmazonError as error:
            return JSONResponse(error.body(), error.status)

    return answer


def with_fault(fault: Fault | None, act: Act, query: Mapping[str, str]) -> Response:
    """Do `act` and answer, unless a fault comes before, between or after."""
    if fault is None:
        return act()
    if (answer := refused(fault)) is not None:
        return answer
    response = act() if fault.kind in AFTER_EFFECT else None
    match fault.kind:
        case "timeout":
            return Dropped("timeout", fault.seconds)
        case "hang" if response is not None:
            return Hanging(response, fault.seconds)
        case "truncated" if response is not None:
            return Truncated(response)
        case _ if response is None or fault.kind == "drop_after_effect":
            return Dropped("dropped")
        case _:
            return malformed(fault, response, query)


def finish(central: SellerCentral, operation: str, response: Response) -> Response:
    """Count the call. What never answers is counted by what became of its connection."""
    outcome = response.outcome if isinstance(response, Dropped | Truncated) else str(response.status_code)
    central.count_call(operation, outcome)
    response.headers.update(amazon_headers())
    return response


def amazon_headers() -> dict[str, str]:
    """The headers of every answer of Amazon's."""
    return {"x-amzn-RequestId": str(uuid.uuid4())}


def query_of(request: Request) -> dict[str, str]:
    """The query's parameters; raises AmazonError 400 if one is repeated, since arrays are comma-separated."""
    pairs = request.query_params.multi_items()
    query = dict(pairs)
    if len(query) != len(pairs):
        raise invalid_input("A query parameter may not be repeated: arrays are comma-separated.")
    return query


def parsed(raw: bytes) -> Any:
    """The JSON of a body; what is not JSON stays text, which no operation accepts and the books show."""
    try:
        body = json.loads(raw)
        # Python reads NaN and lone surrogates, which could not be shown in the books again.
        json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "replace")
    return body


def _marketplaces(central: SellerCentral, request: Request, order_id: str | None, account: Account) -> frozenset[str]:
    if order_id is not None:
        return central.marketplaces_of(order_id)
    named = request.query_params.get("marketplaceIds") or request.query_params.get("MarketplaceIds")
    return frozenset(named.split(",") if named else account.marketplaces)


def _check_user_agent(headers: Mapping[str, str]) -> None:
    # Amazon's guide asks for "AppId/AppVersionId (Language=…; Platform=…)"; well-known clients that send less are
    # served all the same, so only what is documented to be rejected is.
    user_agent = headers.get("user-agent", "").strip()
    if not user_agent:
        raise invalid_input("The User-Agent header is missing.")
    if len(user_agent) > 500:
        raise invalid_input("The User-Agent header is longer than 500 characters.")
