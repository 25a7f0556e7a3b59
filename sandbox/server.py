"""The HTTP server: both doors in one application, on a port of its own."""

from __future__ import annotations

import signal
import socket
from datetime import UTC
from email.utils import format_datetime
from http import HTTPStatus
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.amazon_api import amazon_routes
from sandbox.authorisations import REDIRECT_URI
from sandbox.back_door import back_door_routes
from sandbox.calls import amazon_headers
from sandbox.clock import Clock, SystemClock
from sandbox.consent_pages import consent_routes
from sandbox.database import Database
from sandbox.errors import AmazonError, Impossible
from sandbox.notifications_api import notifications_routes
from sandbox.orders_v0_api import orders_v0_routes
from sandbox.reports_api import reports_routes
from sandbox.seller_central import SellerCentral
from sandbox.wire import Connection


def create_app(seller_central: SellerCentral) -> FastAPI:
    """The application; to be served by `create_server`, whose connections can be dropped."""
    app = FastAPI(title="Sandbox back door", docs_url="/_sandbox/docs", openapi_url="/_sandbox/openapi.json")
    for routes in (amazon_routes, orders_v0_routes, reports_routes, notifications_routes, consent_routes):
        app.include_router(routes(seller_central), include_in_schema=False)
    app.include_router(back_door_routes(seller_central))

    @app.exception_handler(Impossible)
    async def impossible(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, error.status if isinstance(error, Impossible) else 500)

    @app.exception_handler(HTTPException)
    async def nothing_there(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        refusal = AmazonError(status, HTTPStatus(status).phrase.replace(" ", ""), "No such operation in the sandbox.")
        return JSONResponse(refusal.body(), status, headers=amazon_headers())

    app.add_middleware(TellsTheTime, seller_central=seller_central)
    return app


class TellsTheTime:
    """Every answer's `Date` is by the sandbox's clock, which a test may move."""

    def __init__(self, app: ASGIApp, seller_central: SellerCentral) -> None:
        self._app = app
        self._seller_central = seller_central

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_date(message: Message) -> None:
            if message["type"] == "http.response.start":
                now = self._seller_central.clock.now().astimezone(UTC)
                MutableHeaders(scope=message)["Date"] = format_datetime(now, usegmt=True)
            await send(message)

        await self._app(scope, receive, with_date)


def create_server(app: FastAPI) -> uvicorn.Server:
    """A quiet server for the application; run it with `server.run(sockets=[listen(...)])`."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
            date_header=False,  # Amazon's clock is the sandbox's own
            timeout_graceful_shutdown=1,
            timeout_keep_alive=60,  # as load balancers have it: a call must seldom meet the closing of its connection
        )
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 picks a free one. Raises OSError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=512)
    # asyncio does it only for sockets that name their protocol; else each answer waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def serve(
    host: str,
    port: int,
    *,
    speed: float,
    seed: int,
    data: Path | None,
    clock: Clock | None = None,
    sqs_endpoint: str | None = None,
    redirect_uri: str = REDIRECT_URI,
) -> None:
    """Serve until SIGINT or SIGTERM. The first line on standard output says where; raises OSError if it cannot."""
    listener = listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    database = Database(data)
    central = SellerCentral(
        database,
        clock or SystemClock(),
        speed=speed,
        seed=seed,
        sqs_endpoint=sqs_endpoint,
        redirect_uri=redirect_uri,
    )
    server = create_server(create_app(central))
    # uvicorn raises the signal again when it has stopped: without this the exit status would tell of a violent end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    print(f"sandbox listening on http://{shown}:{listener.getsockname()[1]}", flush=True)
    server.run(sockets=[listener])
    database.close()
