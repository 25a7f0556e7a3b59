"""Our HTTP server: uvicorn with bounds for who sends the head of a request without end, or not at all.

uvicorn bounds how long an idle connection is kept after an answer, and nothing before the first.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

LARGEST_HEAD: Final = 64 * 1024
"""Bytes of a request's line and headers."""
HEAD_SECONDS: Final = 10.0
"""From a connection's beginning, or a request's first byte, until its head is complete."""
MOST_UNWANTED: Final = 4 * 1024 * 1024
"""Bytes of a body that are still let come, and thrown away, after its request was refused: a client that is hung up on
while it sends does not see the answer."""
MOST_CONNECTIONS: Final = 500
"""Whoever comes while so many are open is answered 503."""


class _Protocol(H11Protocol):
    _late: asyncio.TimerHandle | None = None
    _unwanted = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._unwanted = self._unwanted + len(data) if self._is_answered() else 0
        if self._unwanted > MOST_UNWANTED:
            self.transport.close()
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        if not self._is_waited_for():
            self._forget()
        elif self._late is None:
            self._late = self.loop.call_later(HEAD_SECONDS, self._too_late)

    def _too_late(self) -> None:
        self._late = None
        if self._is_waited_for() and not self.transport.is_closing():
            self.transport.close()

    def _is_waited_for(self) -> bool:
        return self.conn.their_state is h11.IDLE or self._is_answered()

    def _is_answered(self) -> bool:
        """Whether what comes belongs to a request that was refused before its body was read."""
        return self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY

    def _forget(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def http_server(app: Any) -> uvicorn.Server:
    """A server for an ASGI app that reads no request's body of itself: the app bounds that."""
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=LARGEST_HEAD,
        limit_concurrency=MOST_CONNECTIONS,
    )
    return uvicorn.Server(config)
