"""Answers that go wrong on the wire: dropped, hanging and truncated connections.

ASGI has no word for "close this connection without an answer", so the server's protocol hands itself to the responses
below under the scope's key `sandbox.connection`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_KEY = "sandbox.connection"


class Connection(H11Protocol):
    """HTTP/1.1, and a way for a response to end the connection."""

    hanging = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in H11Protocol
        super().connection_made(transport)
        app = self.app

        async def app_with_connection(scope: Any, receive: Any, send: Any) -> None:
            scope[_KEY] = self
            await app(scope, receive, send)

        self.app = app_with_connection

    def shutdown(self) -> None:
        """Called when the server stops: whoever hangs on purpose must not hold it up."""
        super().shutdown()
        if self.hanging:
            self.transport.abort()


class Dropped(Response):
    """Closes the connection without an answer, after `hang_seconds`. `outcome` is what the books call it."""

    def __init__(self, outcome: str, hang_seconds: float = 0) -> None:
        super().__init__()
        self.outcome = outcome
        self._hang_seconds = hang_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection: Connection = scope[_KEY]
        connection.hanging = True
        with suppress(TimeoutError):
            await asyncio.wait_for(_disconnected(receive), self._hang_seconds)
        connection.transport.abort()
        await _disconnected(receive)


class Truncated(Response):
    """Announces the whole of another response's body, sends half of it and closes the connection."""

    outcome = "truncated"

    def __init__(self, whole: Response, hang_seconds: float = 0) -> None:
        super().__init__()
        self._whole = whole
        self._hang_seconds = hang_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection: Connection = scope[_KEY]
        body = bytes(self._whole.body)
        if not body:
            await Dropped(self.outcome, self._hang_seconds)(scope, receive, send)
            return
        await send(
            {"type": "http.response.start", "status": self._whole.status_code, "headers": self._whole.raw_headers}
        )
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        if self._hang_seconds:
            connection.hanging = True
            with suppress(TimeoutError):
                await asyncio.wait_for(_disconnected(receive), self._hang_seconds)
        connection.transport.close()
        await _disconnected(receive)


class Hanging(Truncated):
    """The same, but silent for `hang_seconds` before the connection is closed."""

    outcome = "hung"


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
