"""What the API answers when it cannot do what is asked: problem details (RFC 9457), without a word of the request."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel
from starlette.responses import JSONResponse

PROBLEM: Final = "application/problem+json"


class ProblemDetails(BaseModel):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    """The problem's kind."""
    status: int
    detail: str
    """What is wrong, and what to do."""
    retry_after: int | None = None
    """Seconds after which to ask again."""


class Problem(Exception):
    """An answer other than 2xx. `title` is the problem's kind, `detail` what is wrong and what to do."""

    def __init__(self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = {"Cache-Control": "no-store", **(headers or {})}
        self.more: dict[str, Any] = {}

    def response(self) -> JSONResponse:
        """The answer."""
        body = {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail, **self.more}
        return JSONResponse(body, self.status, self.headers, media_type=PROBLEM)


def unauthorized(detail: str, *, error: str | None = None) -> Problem:
    """401: no token, or none that is good (RFC 6750, section 3)."""
    challenge = 'Bearer realm="orderbridge"' + (f', error="{error}"' if error else "")
    return Problem(401, "Unauthorized", detail, {"WWW-Authenticate": challenge})


def insufficient_scope(scope: str) -> Problem:
    """403: the token may not do this (RFC 6750, section 3.1)."""
    challenge = f'Bearer realm="orderbridge", error="insufficient_scope", scope="{scope}"'
    detail = f"This token does not have the scope {scope}. `orderbridge tokens create` makes one that has."
    return Problem(403, "Forbidden", detail, {"WWW-Authenticate": challenge})


def limited(until: datetime, now: datetime) -> Problem:
    """429: the token has asked for as much as it may for now."""
    seconds = max(1, math.ceil((until - now) / timedelta(seconds=1)))
    problem = Problem(
        429, "Too Many Requests", f"Ask again in {seconds} s; nothing was done.", {"Retry-After": str(seconds)}
    )
    problem.more["retry_after"] = seconds
    return problem


def unavailable(what: str) -> Problem:
    """503: a part that the API needs is away."""
    return Problem(503, "Service Unavailable", f"{what} is away. Ask again.", {"Retry-After": "5"})


def invalid(found: Sequence[Any]) -> Problem:
    """422: what was sent is not what was expected; each wrong field is named, its value is not.

    `found` are the errors, as pydantic tells them.
    """
    known = [one for one in found if one["type"] != "extra_forbidden"]  # a name that the caller made up is his own
    words = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" if one["loc"] else one["msg"] for one in known[:10]]
    if len(known) < len(found):
        words.append("there are fields that this call does not have")
    return Problem(422, "Unprocessable Content", "; ".join(words) + ".")
