"""The API over HTTP. Whatever is sent, each answer is a typed one, and none holds a word of the request."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException

from orderbridge.api_tokens import SCOPES
from orderbridge.database.unit_of_work import Database
from orderbridge.vault.key_ring import KeyRing
from schemas.openings import OpenRequest
from schemas.replays import ReplayRequest
from schemas.store_letters import ReplayLetter
from services.api.dead_letters import dead_letter_calls
from services.api.opening import opening_calls
from services.api.problems import Problem, ProblemDetails, invalid
from services.api.replays import replay_calls

_BODIES: Final = (OpenRequest, ReplayRequest, ReplayLetter)
"""What we read ourselves, so that FastAPI does not see it."""


def create_api(database: Database, ring: KeyRing, *, topic_prefix: str = "") -> FastAPI:
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

    @api.exception_handler(RequestValidationError)
    async def wrong(_request: Request, error: RequestValidationError) -> Response:
        return invalid(error.errors()).response()

    @api.exception_handler(HTTPException)
    async def refused(_request: Request, error: HTTPException) -> Response:
        headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
        detail = "The API's calls are listed in /api/v1/openapi.json."
        return Problem(error.status_code, str(error.detail), detail, headers).response()

    api.include_router(opening_calls(database, ring))
    api.include_router(replay_calls(database))
    api.include_router(dead_letter_calls(database, topic_prefix))
    api.openapi = lambda: _described(api)  # type: ignore[method-assign]  # FastAPI's own way to extend its document
    return api


def _described(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI document: FastAPI's, with what it cannot see, since we read bodies ourselves."""
    if api.openapi_schema is None:
        document = get_openapi(title=api.title, version=api.version, routes=api.routes)
        template = "#/components/schemas/{model}"
        _, asked = models_json_schema([(body, "validation") for body in _BODIES], ref_template=template)
        _, told = models_json_schema([(ProblemDetails, "serialization")], ref_template=template)
        parts = document.setdefault("components", {})
        parts["schemas"] = {**parts.get("schemas", {}), **asked["$defs"], "Problem": told["$defs"]["ProblemDetails"]}
        allowed = "; ".join(f"`{scope}`: {words}" for scope, words in SCOPES.items())
        parts["securitySchemes"] = {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": f"A token of `orderbridge tokens create`, or of the console. Scopes: {allowed}",
            }
        }
        api.openapi_schema = document
    return api.openapi_schema
