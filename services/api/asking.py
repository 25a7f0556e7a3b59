"""What every call of the API passes: its token and scope first, then its body, then work whose failures are answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog
from fastapi import Request, Response
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from orderbridge.api_tokens import ApiToken, find_token
from orderbridge.database.engine import is_outage
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.vault.key_ring import WrongInstallationKey
from services.api.problems import PROBLEM, Problem, insufficient_scope, invalid, unauthorized, unavailable

log = structlog.get_logger()
BODY_SECONDS = 30.0
LONGEST_BODY = 2 * 1024 * 1024
"""Bytes: a hundred of the longest seals."""
MOST_PARTS = 50_000
"""Values in a body, counted by its commas: each wrong one costs a kilobyte to tell."""
Result = TypeVar("Result")
Body = TypeVar("Body", bound=BaseModel)
_PROBLEMS: dict[int, str] = {
    401: "No token, or none that is good.",
    403: "The token does not have the scope.",
    404: "There is none of that id among those of the token.",
    408: "The body did not come.",
    409: "It cannot be done as things stand.",
    413: "The body is too long.",
    415: "The body is not JSON.",
    422: "What was sent is not what was expected; the detail names each wrong field.",
    429: "The token has asked for as much as it may for now; Retry-After tells when it may again. Nothing was done.",
    500: "A bug of ours; the log of the api says where.",
    503: "The database or the key ring is away.",
}
_WITH_BODY = (408, 413, 415, 422)


def described(
    scope: str, *, body: type[BaseModel] | None = None, required: bool = True, more: tuple[int, ...] = ()
) -> Any:
    """What a call's entry in the OpenAPI document has beside its answer: its scope, its body and its problems."""
    statuses = {401, 403, 500, 503, *more, *(_WITH_BODY if body is not None else ())}
    content = {PROBLEM: {"schema": _reference("Problem")}}
    extra: dict[str, Any] = {"security": [{"bearer": [scope]}]}
    if body is not None:
        schema = {"application/json": {"schema": _reference(body.__name__)}}
        extra["requestBody"] = {"required": required, "content": schema}
    return {
        "openapi_extra": extra,
        "responses": {status: {"description": _PROBLEMS[status], "content": content} for status in sorted(statuses)},
    }


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def admission(database: Database, scope: str) -> Callable[[Request], Awaitable[str]]:
    """A dependency: the secret of a token that is good and has the scope. Nothing else is looked at before."""

    async def admitted(request: Request) -> str:
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not secret.strip():
            raise unauthorized("Send `Authorization: Bearer …` with a token of `orderbridge tokens create`.")
        await safely(lambda: _check(database, secret.strip(), scope))
        return secret.strip()

    return admitted


def _check(database: Database, secret: str, scope: str) -> None:
    with database.unit_of_work() as work:
        token_of(work, secret, scope)


def token_of(work: Work, secret: str, scope: str) -> ApiToken:
    """The token, in the transaction of what it is for. Raises Problem unless it is good and has the scope."""
    token = find_token(work, secret)
    if token is None:
        raise unauthorized("This token is unknown, revoked or over.", error="invalid_token")
    if scope not in token.scopes:
        raise insufficient_scope(scope)
    return token


async def body_of(request: Request, model: type[Body], *, required: bool = True) -> Body:
    """The body, as JSON of the model; where it is not `required`, none at all is an empty one. Raises Problem."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and (required or kind):
        raise Problem(415, "Unsupported Media Type", "Send JSON, with `Content-Type: application/json`.")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LONGEST_BODY:
                    told = f"At most {LONGEST_BODY} bytes are read."
                    raise Problem(413, "Content Too Large", told, {"Connection": "close"})
    except TimeoutError:
        told = f"The body did not come within {BODY_SECONDS:.0f} s."
        raise Problem(408, "Request Timeout", told, {"Connection": "close"}) from None
    except ClientDisconnect:
        raise Problem(400, "Bad Request", "The body ended early.") from None
    if body.count(b",") > MOST_PARTS:
        raise Problem(413, "Content Too Large", f"At most {MOST_PARTS} parts are read.")
    if not (body or required):
        return model()
    try:
        return model.model_validate_json(bytes(body))
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False, include_context=False)) from None


def answered(answer: BaseModel, status: int = 200, **headers: str) -> Response:
    """The answer. Dumped here: FastAPI's own way would go through a representation, which shows no personal data."""
    return Response(
        answer.model_dump_json(exclude_none=True),
        status,
        media_type="application/json",
        headers={"Cache-Control": "no-store", **headers},
    )


async def safely(work: Callable[[], Result]) -> Result:
    """Run a part of a call in a thread; what is no answer of ours becomes one, and is logged without its values."""
    return await run_in_threadpool(_safely, work)


def _safely(work: Callable[[], Result]) -> Result:
    try:
        return work()
    except Problem:
        raise
    except (WrongInstallationKey, OSError) as error:
        log.critical("the key ring cannot be read", exc_info=error)
        raise unavailable("The key ring") from None
    except Exception as error:
        if is_outage(error):
            log.warning("the database is away", error=type(error).__name__)
            raise unavailable("The database") from None
        log.error("a request failed", exc_info=error)
        raise Problem(500, "Internal Server Error", "This is a bug of ours; the log of the api says where.") from None
