"""A seller's connection to the selling partner API: one call in, one answer or one `AmazonError` out."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

from orderbridge.amazon import wire
from orderbridge.amazon.answers import Model, read_model, to_utc
from orderbridge.amazon.errors import AccessDenied, BadAnswer, ConsentRevoked, Refused, error_for
from orderbridge.amazon.login import GrantlessLogin, Login
from orderbridge.amazon.operations import Operation

_LONGEST_USER_AGENT: Final = 500
_SLOWEST: Final = 0.001
_FASTEST: Final = 1_000.0
"""Calls a second: a rate beyond them is not believed. Amazon's own are 0.0055 (getReports) to some hundreds."""
_TOKEN_REFUSED: Final = re.compile(
    r"(?=.*\baccess token\b)(?=.*\b(missing|expired|invalid|revoked|malformed)\b)", re.I | re.S
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of 2xx.

    `headers` are case-insensitive; `seconds` is how long the call took; `rate_limit` is the rate in calls per second
    that Amazon says it applied, and `server_date` its clock, both if it told; `request_id` is for Amazon's support.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    seconds: float
    rate_limit: float | None
    server_date: datetime | None
    request_id: str | None


class Connection:
    """Calls operations as one seller, or with a `GrantlessLogin` as the application alone.

    May be shared among threads: each uses an HTTP session of its own.
    `api_url` is the region's endpoint; `application` is `name/version` for the User-Agent; `before_call` is called
    before every use of the network, the login's too, and stops it by raising; `timeout` is in seconds, to connect
    and for the longest silence; `now` is the clock by which access tokens age.
    """

    def __init__(
        self,
        api_url: str,
        login: Login | GrantlessLogin,
        *,
        before_call: Callable[[], None],
        now: Callable[[], datetime],
        application: str = "Orderbridge/0.1.0",
        timeout: wire.Timeout = (5, 20),
    ) -> None:
        self._api_url = api_url.rstrip("/")
        self._login = login
        self._before_call = before_call
        self._now = now
        self._timeout = timeout
        self._user_agent = user_agent(application)

    def call(
        self,
        operation: Operation,
        *,
        path_parameters: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Calls the operation once. Only a refused access token is renewed and the call made again, once.

        Query values are given as Amazon is to read them and are percent-encoded here; the body is sent as JSON.
        Raises an `AmazonError`, what `before_call` raises, and ValueError for a path parameter that is none or an
        operation that this kind of login does not open.
        """
        if operation.grantless is not isinstance(self._login, GrantlessLogin):
            raise ValueError(f"{operation.name} needs a {'GrantlessLogin' if operation.grantless else 'Login'}")
        url = self._api_url + _path(operation, path_parameters or {})
        if query:
            url += "?" + urlencode(query, quote_via=quote, safe="")
        token = self._access_token()
        try:
            return self._send(operation, url, body, token)
        except Refused as refusal:
            if not _token_was_refused(refusal):
                raise
        self._login.invalidate(token)
        token = self._access_token()
        try:
            return self._send(operation, url, body, token)
        except AccessDenied as refusal:
            if not (_token_was_refused(refusal) and "revoked" in refusal.message.lower()):
                raise
            revoked = ConsentRevoked(
                operation.name, refusal.message, status=refusal.status, code=refusal.code, request_id=refusal.request_id
            )
        raise revoked

    def _access_token(self) -> str:
        return self._login.access_token(now=self._now, before_call=self._before_call)

    def _send(self, operation: Operation, url: str, body: Mapping[str, Any] | None, token: str) -> Answer:
        headers = {"x-amz-access-token": token, "User-Agent": self._user_agent, "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        reply = wire.send(
            operation.name,
            operation.method,
            url,
            headers=headers,
            body=None if body is None else json.dumps(body).encode(),
            timeout=self._timeout,
            before_call=self._before_call,
        )
        if not reply.ok:
            server_date = _server_date(reply.headers.get("Date"))
            # An error's words are shown and logged: a token that comes back in them is left out.
            told = reply.body.replace(token.encode(), "…".encode())
            raise error_for(operation.name, reply.status, told, reply.request_id, server_date)
        if _is_web_page(reply):
            raise BadAnswer(
                operation.name, "a web page, not Amazon's API", status=reply.status, request_id=reply.request_id
            )
        return Answer(
            status=reply.status,
            headers=reply.headers,
            body=reply.body,
            seconds=reply.seconds,
            rate_limit=_rate_limit(reply.headers.get("x-amzn-RateLimit-Limit")),
            server_date=_server_date(reply.headers.get("Date")),
            request_id=reply.request_id,
        )


def read_answer(operation: Operation, model: type[Model], answer: Answer) -> Model:
    """The answer's body as the model. Raises `BadAnswer`, which names the fields and tells no value."""
    return read_model(operation.name, model, answer.body, status=answer.status, request_id=answer.request_id)


def user_agent(application: str) -> str:
    """`AppId/AppVersionId (Language=…; Platform=…)`, which Amazon demands, of at most 500 characters.

    Source: developer guide, "Include a User-Agent header in all requests". Raises ValueError for any other form.
    """
    text = f"{application} (Language=Python/{platform.python_version()}; Platform={platform.system() or 'unknown'})"
    if not re.fullmatch(r"[\x21-\x7e]+/[\x21-\x7e]+", application) or len(text) > _LONGEST_USER_AGENT:
        raise ValueError("the application must be named as name/version, in few characters of ASCII")
    return text


def _path(operation: Operation, parameters: Mapping[str, str]) -> str:
    for name, value in parameters.items():
        if value in ("", ".", ".."):
            raise ValueError(f"{operation.name}: {name} must not be {value!r}, which would make another path")
    return operation.path.format(**{name: quote(value, safe="") for name, value in parameters.items()})


def _token_was_refused(refusal: Refused) -> bool:
    """401, or a 403 that speaks of the access token; any other 403 is a matter of roles, and a new token no help."""
    if refusal.status == HTTPStatus.FORBIDDEN:
        return _TOKEN_REFUSED.search(refusal.message) is not None
    return refusal.status == HTTPStatus.UNAUTHORIZED


def _is_web_page(reply: wire.Reply) -> bool:
    """A proxy's or a hotel's page comes with 200 too, and must not pass for a confirmed shipment."""
    return "html" in reply.headers.get("Content-Type", "").lower() or reply.body.lstrip()[:1] == b"<"


def _rate_limit(text: str | None) -> float | None:
    try:
        rate = float(text or "")
    except ValueError:
        return None
    return rate if _SLOWEST <= rate <= _FASTEST else None


def _server_date(text: str | None) -> datetime | None:
    try:
        return to_utc(parsedate_to_datetime(text)) if text else None
    except (ValueError, OverflowError):
        return None
