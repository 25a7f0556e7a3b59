"""What can go wrong between us and Amazon, as one family of exceptions.

A caller asks two things of an error: what to do about it (its class), and whether Amazon may have acted on the
call all the same (`outcome_unknown`). No text here holds personal data: it is made of our own words, exception
names, and the codes and messages of Amazon's error list, which speak of the request and never of a buyer.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from http import HTTPStatus
from typing import ClassVar, Final, Literal

LOGIN: Final = "login"
"""The operation that errors of the token exchange name: no call to the selling partner API was made."""

_LONGEST_MESSAGE: Final = 1_000
_TOKEN: Final = re.compile(r"pagination ?token|next ?token|must match the original request", re.I)
# The values in capitals only: "fulfillment" in a sentence is a word like any other.
_INCLUDED_DATA: Final = re.compile(
    r"(?i:included ?data)|\b(?:BUYER|RECIPIENT|PROCEEDS|EXPENSE|PROMOTION|CANCELLATION|FULFILLMENT|PACKAGES|TAX|PAYMENT"
    r"|FULFILLMENT_ORDERS)\b"
)
_SHIP_DATE: Final = re.compile(r"ship(?:ping|ment)?[ _]?date", re.I)
_NOTHING_NAMED: Final = re.compile(
    r"(?:this is an |invalid ?input|the input you have submitted is not valid|please check your input and try again"
    r"|\W)*",
    re.I,
)


class AmazonError(Exception):
    """Anything that kept a call from giving a usable answer.

    `operation` is Amazon's name of it (`searchOrders`) or `LOGIN`; `status` the HTTP status, if one came; `code`
    Amazon's error code, if it gave one; `message` its words or ours; `request_id` is for Amazon's support;
    `server_date` is Amazon's clock, if it told.
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
        server_date: datetime | None = None,
    ) -> None:
        self.operation = operation
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.server_date = server_date
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

    @property
    def about(self) -> Literal["marketplace", "token", "role"]:
        """What access is lacking to, as far as Amazon's words go.

        `marketplace`: the words name one, and calls for the seller's others may do. `token`: a new access token was
        refused too. `role`: all else, which is mostly the bare "Access to requested resource is denied."; that may
        stand for a marketplace as well (models repository, issue 5295), so it pays to ask for each apart.
        """
        words = self.message.lower()
        if "marketplace" in words:
            return "marketplace"
        return "token" if "access token" in words else "role"


class LoginRefused(AmazonError):
    """Login with Amazon refused the application: its client id or secret is wrong or expired (`invalid_client`)."""


class ConsentRevoked(AmazonError):
    """The seller must authorise again: Login with Amazon refused the refresh token (`invalid_grant`, and the operation
    is `LOGIN`), or the API called an access token that was new "revoked" (403).
    """


def refuses_token(error: AmazonError) -> bool:
    """Whether a 400 is about the paging token: expired, garbled, or sent with other parameters than its first page.

    Amazon's words: "The paginationToken you have submitted is not valid. All parameters must match the original
    request except maxResultsPerPage." (SDK repository, issue 717); "We could not decode your NextToken" (docs, 522).
    """
    return _is_bad_request(error) and _TOKEN.search(error.message) is not None


def refuses_included_data(error: AmazonError) -> bool:
    """Whether a 400 names `includedData` or one of its values as what is wrong. False when in doubt."""
    return _is_bad_request(error) and not refuses_token(error) and _INCLUDED_DATA.search(error.message) is not None


def names_no_parameter(error: AmazonError) -> bool:
    """Whether a 400 only says that the input is not valid, so that any parameter may be meant.

    Amazon's words: "Invalid Input", "The input you have submitted is not valid. Please check your input and try
    again." In August 2026 a whole region answered InvalidInput to `includedData=FULFILLMENT` for half a day (models
    repository, issue 5365): the same question with fewer data sets may be worth one try.
    """
    return _is_bad_request(error) and _NOTHING_NAMED.fullmatch(error.message) is not None


def refuses_ship_date(error: AmazonError) -> bool:
    """Whether a 400 of `confirmShipment` is about the ship date.

    Amazon's words name the field: "shipDate must be formatted by ISO 8601 standards" (a public client's issue 698).
    """
    return _is_bad_request(error) and _SHIP_DATE.search(error.message) is not None


def _is_bad_request(error: AmazonError) -> bool:
    return isinstance(error, Refused) and error.status == HTTPStatus.BAD_REQUEST


def error_for(
    operation: str, status: int, body: bytes, request_id: str | None, server_date: datetime | None = None
) -> AmazonError:
    """The error for an answer outside 2xx, with what Amazon's ErrorList (`errors[].code, message, details`) says."""
    code, message = _words(body)
    kind = _kind(status)
    text = message or code or f"Amazon answered {status} without an error list"
    return kind(operation, text, status=status, code=code, request_id=request_id, server_date=server_date)


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
    return (_storable(str(code)) if code else None), _storable("; ".join(filter(None, sentences))[:_LONGEST_MESSAGE])


def _storable(text: str) -> str:
    """Without NUL and halves of surrogate pairs, which no database or encoding takes."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")
