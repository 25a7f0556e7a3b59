"""The API over HTTP. Whatever is sent, each answer is a typed one, and none holds a word of the request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from pydantic import ValidationError
from pydantic.json_schema import models_json_schema
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from orderbridge.api_tokens import OPEN_PERSONAL_DATA, ApiToken, find_token
from orderbridge.database import quotas
from orderbridge.database.engine import is_outage
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.telemetry import OPENINGS
from orderbridge.vault.key_ring import KeyRing, WrongInstallationKey
from schemas.openings import MOST_SEALS, OpenAnswer, OpenRequest
from services.api.opening import open_one
from services.api.problems import Problem, insufficient_scope, invalid, limited, unauthorized, unavailable

log = structlog.get_logger()
BODY_SECONDS = 30.0
LONGEST_BODY = 2 * 1024 * 1024
"""Bytes: a hundred of the longest seals."""
SEALS_A_SECOND, SEALS_AT_ONCE = 20.0, 1000
"""What one token may open: a store's display and its label printers, not a copy of everything in a minute."""
Result = TypeVar("Result")
_REQUEST = "#/components/schemas/OpenRequest"
_OPEN = "/api/v1/personal-data/open"


def create_api(database: Database, ring: KeyRing) -> FastAPI:
    """The app. It keeps nothing in memory, so any number of processes may run it."""
    api = FastAPI(
        title="Orderbridge",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )

    @api.exception_handler(Problem)
    async def problem(_request: Request, error: Problem) -> Response:
        return error.response()

    @api.exception_handler(HTTPException)
    async def refused(_request: Request, error: HTTPException) -> Response:
        headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
        detail = "The API's calls are listed in /api/v1/openapi.json."
        return Problem(error.status_code, str(error.detail), detail, headers).response()

    @api.post(
        _OPEN,
        summary=f"Open up to {MOST_SEALS} seals of buyers' personal data",
        response_model=OpenAnswer,
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": _REQUEST}}}},
            "security": [{"bearer": [OPEN_PERSONAL_DATA]}],
        },
        responses={status: {"description": words} for status, words in _PROBLEMS.items()},
    )
    async def open_personal_data(request: Request) -> Response:
        secret = _bearer(request)
        await run_in_threadpool(_safely, lambda: _check(database, secret))  # before anything of the body is read
        wanted = await _body(request)
        answer = await run_in_threadpool(_safely, lambda: _opened(database, ring, secret, wanted))
        # Dumped here: FastAPI's own way would go through a representation, which shows nothing of personal data.
        return Response(
            answer.model_dump_json(exclude_none=True),
            media_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    api.openapi = lambda: _described(api)  # type: ignore[method-assign]  # FastAPI's own way to extend its document
    return api


def _described(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI document: FastAPI's, with what it cannot see, since we read the body ourselves."""
    if api.openapi_schema is None:
        document = get_openapi(title=api.title, version=api.version, routes=api.routes)
        _, asked = models_json_schema([(OpenRequest, "validation")], ref_template="#/components/schemas/{model}")
        parts = document.setdefault("components", {})
        parts["schemas"] = {**parts.get("schemas", {}), **asked["$defs"]}
        parts["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        api.openapi_schema = document
    return api.openapi_schema


def _opened(database: Database, ring: KeyRing, secret: str, wanted: OpenRequest) -> OpenAnswer:
    """Open them all: nothing leaves before its line in the audit log is committed."""
    with database.unit_of_work() as work:
        token = _token(work, secret)
        ring.alive()  # lists the folder: one that is away would look like a ring without keys
        not_before = quotas.reserve(
            work,
            f"token:{token.token_id}",
            "open",
            rate_per_second=SEALS_A_SECOND,
            burst=SEALS_AT_ONCE + 1,
            calls=len(wanted.seals),
        )
        if not_before is not None:
            raise limited(not_before, work.now)
        work.commit()  # other calls with this token need not wait for what follows
        opened = tuple(open_one(work, ring, token, one, wanted.purpose) for one in wanted.seals)
    for one in opened:
        OPENINGS.labels(wanted.purpose, one.state).inc()
    return OpenAnswer(seals=opened)


def _check(database: Database, secret: str) -> None:
    with database.unit_of_work() as work:
        _token(work, secret)


def _token(work: Work, secret: str) -> ApiToken:
    token = find_token(work, secret)
    if token is None:
        raise unauthorized("This token is unknown, revoked or over.", error="invalid_token")
    if OPEN_PERSONAL_DATA not in token.scopes:
        raise insufficient_scope(OPEN_PERSONAL_DATA)
    return token


def _bearer(request: Request) -> str:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise unauthorized("Send `Authorization: Bearer …` with a token of `orderbridge tokens create`.")
    return secret.strip()


async def _body(request: Request) -> OpenRequest:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
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
    try:
        return OpenRequest.model_validate_json(bytes(body))
    except ValidationError as error:
        raise invalid(error) from None


def _safely(work: Callable[[], Result]) -> Result:
    """Run a part of a request; what is no answer of ours becomes one, and is logged without its values."""
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


_PROBLEMS: dict[int | str, str] = {
    401: "No token, or none that is good.",
    403: "The token does not have the scope.",
    413: "The body is too long.",
    415: "The body is not JSON.",
    422: "The body is not what was expected; the detail names each wrong field.",
    429: "The token has opened as many as it may for now; Retry-After tells when it may again. Nothing was opened.",
    503: "The database or the key ring is away.",
}
