"""One HTTP server on loopback for the sandboxes of all tests, each with a clock that its test moves."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.seller_central import SellerCentral
from sandbox.server import create_app, create_server, listen


class SandboxServer:
    """One HTTP server for all tests; each gives it the sandbox that it plays."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self.url = ""

    def play(self, central: SellerCentral) -> None:
        """From now on this sandbox answers."""
        self._app = create_app(central)

    def between(self, wrap: Callable[[ASGIApp], ASGIApp]) -> None:
        """From now on something stands between this sandbox and its callers."""
        assert self._app is not None
        self._app = wrap(self._app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._app is not None
        await self._app(scope, receive, send)


@contextmanager
def sandbox_server() -> Iterator[SandboxServer]:
    """The server, on a free port of 127.0.0.1."""
    front, sandbox = FastAPI(), SandboxServer()
    front.mount("/", sandbox)
    listener, server = listen("127.0.0.1", 0), create_server(front)
    sandbox.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield sandbox
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive(), "".join(traceback.format_stack(sys._current_frames()[thread.ident or 0]))
