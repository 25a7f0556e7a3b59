"""A tiny Amazon on 127.0.0.1: says what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from orderbridge.amazon import Connection, Login

LOGIN_PATH = "/auth/o2/token"
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Call:
    """A request as it came: `target` is undecoded, `port` the client's, one per connection."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    port: int

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """Decoded once, as Amazon does; each name at most once."""
        decoded = parse_qs(urlsplit(self.target).query, keep_blank_values=True, strict_parsing=True)
        assert all(len(values) == 1 for values in decoded.values())
        return {name: values[0] for name, values in decoded.items()}

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass(frozen=True)
class Said:
    """An answer; or, by `fault`, silence, a dropped connection, half the body, or a body that trickles for ever."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    fault: Literal["", "silent", "drop", "half", "trickle"] = ""


def said(content: Any, status: int = 200, **headers: str) -> Said:
    """An answer in JSON; an underscore in a header's name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Said(status, json.dumps(content).encode(), {"Content-Type": "application/json", **named})


def refused(status: int, code: str, message: str, details: str = "") -> Said:
    """An answer with Amazon's ErrorList."""
    return said({"errors": [{"code": code, "message": message, "details": details}]}, status)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of a client that hung up, which some tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Loopback:
    """`login` and `api` decide on the answers; `then` makes such a decision out of a list, its last one repeated."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.login: Callable[[Call], Said] = lambda _: said(
            {"access_token": f"Atza|{len(self.calls_to(LOGIN_PATH))}", "token_type": "bearer", "expires_in": 3600}
        )
        self.api: Callable[[Call], Said] = lambda _: said({})
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._refresh_token = f"Atzr|{id(self)}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def new_login(self) -> Login:
        """Equal credentials each time, which no other Loopback has: its URL is part of them."""
        return Login(self.url + LOGIN_PATH, "client", "s3cr3t", self._refresh_token, timeout=(2, 0.5))

    def connection(
        self,
        before_call: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = lambda: START,
        api_url: str | None = None,
    ) -> Connection:
        return Connection(api_url or self.url, self.new_login(), before_call=before_call, now=now, timeout=(2, 0.5))

    def calls_to(self, path: str) -> list[Call]:
        return [call for call in self.calls if call.path == path]

    @property
    def api_calls(self) -> list[Call]:
        return [call for call in self.calls if call.path != LOGIN_PATH]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                call = Call(self.command, self.path, dict(self.headers), body, self.client_address[1])
                loopback.calls.append(call)
                answer = (loopback.login if call.path == LOGIN_PATH else loopback.api)(call)
                try:
                    self._say(answer)
                except ConnectionError:  # a client that has seen enough
                    self.close_connection = True

            do_POST = do_DELETE = do_GET

            def _say(self, answer: Said) -> None:
                self.close_connection = bool(answer.fault)
                if answer.fault == "silent":
                    loopback.closing.wait(10)
                if answer.fault in ("silent", "drop"):
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if answer.fault == "trickle":
                    while not loopback.closing.wait(0.02):
                        self.wfile.write(b" ")
                elif answer.status != 204:
                    self.wfile.write(answer.body[: len(answer.body) // 2] if answer.fault == "half" else answer.body)

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing on standard error."""

        return Handler


def then(*answers: Said) -> Callable[[Call], Said]:
    """One answer after the other, the last one again and again."""
    waiting = list(answers)
    lock = threading.Lock()

    def decide(_: Call) -> Said:
        with lock:
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    return decide
