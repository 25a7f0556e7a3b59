"""Answers that are wrong in themselves, whatever the wire does: what a client must not take for orders."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response

from sandbox.errors import AmazonError, invalid_input, quota_exceeded, unauthorized
from sandbox.faults import PAGING_TOKENS, Fault

_HUGE = 11 * 1024 * 1024

_REFUSALS: dict[str, Callable[[], AmazonError]] = {
    "400": lambda: invalid_input("Invalid request."),
    "403": lambda: unauthorized("The application may not call this operation for the seller."),
    "429": quota_exceeded,
    "500": lambda: AmazonError(500, "InternalFailure", "We encountered an internal error. Please try again."),
    "503": lambda: AmazonError(503, "ServiceUnavailable", "Service is temporarily unavailable. Please try again."),
    "token_refused": lambda: invalid_input("paginationToken is invalid."),
    "token_expired": lambda: invalid_input("paginationToken has expired."),
}


def refused(fault: Fault) -> Response | None:
    """The answer to a call that fails before it has an effect; None if the fault is of another sort."""
    match fault.kind:
        case "html":
            return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", 502)
        case "maintenance":
            return Response("Service Unavailable: down for maintenance", 503, media_type="text/plain")
        case "400" if fault.included_data:
            error = invalid_input(f"includedData has an invalid value: {fault.included_data!r}")
        case kind if kind in _REFUSALS:
            error = _REFUSALS[kind]()
        case _:
            return None
    return JSONResponse(error.body(), error.status)


def malformed(fault: Fault, response: Response, query: Mapping[str, str]) -> Response:
    """The answer with a fault in its body. What cannot have it (a refusal, an empty body) stays as it is."""
    if fault.kind == "html_200":
        return HTMLResponse("<html><body><h1>Sign in</h1></body></html>")
    body = bytes(response.body)
    if response.status_code >= 300 or not body:
        return response
    match fault.kind:
        case "truncated_json":
            return Response(body[: len(body) // 2], response.status_code, media_type="application/json")
        case "huge":
            # White space after the JSON is allowed, so that only its size is wrong.
            return Response(body + b" " * (_HUGE - len(body)), response.status_code, media_type="application/json")
        case "missing_field" | "wrong_type" | "same_page":
            answer = json.loads(body)
            if fault.kind == "same_page":
                _same_page(answer, query)
            else:
                _spoil(answer, missing=fault.kind == "missing_field")
            return JSONResponse(answer, response.status_code)
        case _:
            return response


def _same_page(answer: Any, query: Mapping[str, str]) -> None:
    token = next(query[name] for name in PAGING_TOKENS if query.get(name))
    inner = answer.get("payload", answer)
    if "paginationToken" in query:
        inner["pagination"] = {"nextToken": token}
    else:
        inner["NextToken" if "NextToken" in query else "nextToken"] = token


def _spoil(answer: Any, *, missing: bool) -> None:
    """Take away what is required, or let a list be text, in the first object that stands for the answer."""
    inner = answer.get("payload", answer)
    found = inner.get("orders") or inner.get("Orders") or inner.get("reports") or [inner.get("order", inner)]
    target = found[0]
    name = next((name for name in ("lastUpdatedTime", "LastUpdateDate") if name in target), next(iter(target), None))
    if missing:
        target.pop(name, None)
    elif "orderItems" in target:
        target["orderItems"] = "none"
    elif name is not None:
        target[name] = ["not", "a", "string"]
