"""One HTTP exchange: bounded in time and size, without retries, redirects, cookies or a word in any log."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import requests
from urllib3.exceptions import ConnectTimeoutError, DecodeError, HTTPError, NewConnectionError
from urllib3.exceptions import SSLError as TLSError

from orderbridge.amazon.errors import BadAnswer, NoAnswer, NotSent
from orderbridge.http_session import Session

LARGEST_BODY: Final = 10 * 1024 * 1024
"""Bytes, uncompressed. A page of 100 orders is well under one megabyte."""

LONGEST_EXCHANGE: Final = 60.0
"""Seconds. The read timeout bounds each silence; this bounds a body that trickles."""

_CHUNK: Final = 64 * 1024

BROKEN: Final = (requests.ConnectionError, requests.Timeout, HTTPError)
"""The exceptions by which `requests` and urllib3 tell that an exchange came to nothing."""

Timeout = tuple[float, float]
"""Seconds to connect, and the longest silence while waiting for the answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whatever its status. Header names are case-insensitive; `seconds` is until the last byte."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    seconds: float

    @property
    def ok(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def request_id(self) -> str | None:
        return self.headers.get("x-amzn-RequestId")


class _Session(Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """No redirect is one: `requests` would read its body, of any length, even when told not to follow."""
        return None


class _PerThread(threading.local):
    """`requests` sessions are not safe to share among threads. Accounts may share one: it holds nothing of theirs."""

    def __init__(self) -> None:
        self.session = _Session()


_threads = _PerThread()


def session() -> requests.Session:
    """This thread's session, whose connections stay open from call to call."""
    return _threads.session


def send(
    operation: str,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None,
    timeout: Timeout,
    before_call: Callable[[], None],
) -> Reply:
    """Sends one request, after `before_call`, and reads the whole answer.

    Raises what `before_call` raises; `NotSent` if no connection came about; `NoAnswer` if it broke or took too
    long; `BadAnswer` if an answer of 2xx is longer than `LARGEST_BODY` or cannot be decompressed.
    """
    before_call()
    started = time.monotonic()
    try:
        with session().request(
            method, url, headers=headers, data=body, timeout=timeout, allow_redirects=False, stream=True
        ) as response:
            reply_headers = response.headers
            content = _read(operation, response, started)
    except BROKEN as error:
        raise broken(operation, error) from None
    return Reply(response.status_code, reply_headers, content, time.monotonic() - started)


def broken(operation: str, error: Exception) -> NoAnswer:
    """What one of `BROKEN` means: `NotSent`, or `NoAnswer` where something may have gone out.

    Only the name is told: the text has the address, and with it the query.
    """
    kind = NotSent if _never_sent(error) else NoAnswer
    return kind(operation, f"no answer: {type(error).__name__}")


def _read(operation: str, response: requests.Response, started: float) -> bytes:
    """The body, uncompressed. An unreadable one of an error is dropped: its status is what counts."""
    content = bytearray()
    problem = None
    try:
        # read1 returns what has arrived, so that the clock is looked at even if the rest only trickles.
        while not problem and (chunk := response.raw.read1(_CHUNK, decode_content=True)):
            content += chunk
            if len(content) > LARGEST_BODY:
                problem = f"more than {LARGEST_BODY} bytes"
            if time.monotonic() - started > LONGEST_EXCHANGE:
                raise NoAnswer(operation, f"not complete after {LONGEST_EXCHANGE:.0f} s", status=response.status_code)
    except DecodeError:
        problem = "the body cannot be decompressed"
    if problem and response.ok:
        raise BadAnswer(operation, problem, status=response.status_code)
    return b"" if problem else bytes(content)


def _never_sent(error: Exception) -> bool:
    """Whether the connection itself failed: `requests` wraps urllib3's reason in its own exception's argument."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    wrapped = error.args[0] if error.args else None
    reason = getattr(wrapped, "reason", wrapped)
    if isinstance(reason, TLSError) and reason.args:
        return isinstance(reason.args[0], ssl.SSLCertVerificationError)
    return isinstance(reason, ConnectTimeoutError | NewConnectionError)
