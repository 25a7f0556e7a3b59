"""What can go wrong between us and Amazon, as one family of exceptions.

A caller asks two things of an error: what to do about it (its class), and whether Amazon may have acted on the
call all the same (`outcome_unknown`). No text here holds personal data: it is made of our own words, exception
names, and the codes and messages of Amazon's error list, which speak of the request and never of a buyer.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import ClassVar, Final

LOGIN: Final = "login"
"""The operation that errors of the token exchange name: no call to the selling partner API was made."""

_LONGEST_MESSAGE: Final = 1_000


class AmazonError(Exception):
    """Anything that kept a call from giving a usable answer.

    `operation` is Amazon's name of it (`searchOrders`) or `LOGIN`; `status` the HTTP status, if one came; `code`
    Amazon's error code, if it gave one; `message` its words or ours; `request_id` is for Amazon's support.
    """

    may_have_acted: ClassVar[bool] = False

    def __init__(
        self,
        operation: str,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        self.operation = operation
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        known = [operation, *(str(part) for part in (status, code) if part is not None)]
        text = f"{' '.join(known)}: {message}"
        super().__init__(f"{text} (request {request_id})" if request_id else text)

    @property
    def outcome_unknown(self) -> bool:
        """Whether Amazon may have done what was asked. Never so when it was the login that failed."""
        return self.may_have_acted and self.operation != LOGIN


class Throttled(AmazonError):
    """429: this seller's quota for the operation is spent, by us or by another client."""


class Unwell(AmazonError):
    """5xx or 408: Amazon has a fault. A write may have taken effect."""

    may_have_acted = True


class NoAnswer(AmazonError):
    """Time ran out or the connection dropped: a write may have taken effect."""

    may_have_acted = True


class NotSent(NoAnswer):
    """No connection came about (name not resolved, refused, certificate not trusted): surely nothing was sent."""

    may_have_acted = False


class BadAnswer(AmazonError):
    """An answer that is not what Amazon's model says: no JSON, fields missing, a web page, a redirect, too long."""

    may_have_acted = True


class Refused(AmazonError):
    """4xx: Amazon understood and declined. `code` is None where the refusal was not in Amazon's own form."""


class NotFound(Refused):
    """404: Amazon does not know it."""


class AccessDenied(Refused):
    """403: the seller's consent or a role of the application does not cover this call."""


class LoginRefused(AmazonError):
    """Login with Amazon refused the application: its client id or secret is wrong or expired."""


class ConsentRevoked(AmazonError):
    """Login with Amazon refused the refresh token (`invalid_grant`): the seller must authorise again."""


def error_for(operation: str, status: int, body: bytes, request_id: str | None) -> AmazonError:
    """The error for an answer outside 2xx, with what Amazon's ErrorList (`errors[].code, message, details`) says."""
    code, message = _words(body)
    kind = _kind(status)
    text = message or f"Amazon answered {status} without an error list"
    return kind(operation, text, status=status, code=code, request_id=request_id)


def _kind(status: int) -> type[AmazonError]:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled
    # 408 says that the server gave up waiting, which is a fault of the moment like a 504, and no refusal.
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return Unwell
    if status == HTTPStatus.NOT_FOUND:
        return NotFound
    if status == HTTPStatus.FORBIDDEN:
        return AccessDenied
    return Refused if status >= HTTPStatus.BAD_REQUEST else BadAnswer


def _words(body: bytes) -> tuple[str | None, str]:
    """The first error's code and the messages of all, as far as the body is an ErrorList."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None, ""
    listed = content.get("errors") if isinstance(content, dict) else None
    errors = [error for error in listed if isinstance(error, dict)] if isinstance(listed, list) else []
    if not errors:
        return None, ""
    sentences = [" ".join(str(error[key]) for key in ("message", "details") if error.get(key)) for error in errors]
    code = errors[0].get("code")
    return (str(code) if code else None), "; ".join(filter(None, sentences))[:_LONGEST_MESSAGE]
