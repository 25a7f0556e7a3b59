"""Serves an app over HTTP until the process is told to end, with its health page and its heartbeat: api and console."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import text

from orderbridge.bus.health import serve_health
from orderbridge.database.unit_of_work import Database
from orderbridge.heartbeat import heartbeat
from orderbridge.http_server import http_server
from orderbridge.ports import listen
from orderbridge.settings import Settings

log = structlog.get_logger()


def serve_http(
    app: Any,
    service: str,
    address: tuple[str, int],
    settings: Settings,
    database: Database,
    *,
    look: Callable[[], object] = lambda: None,
) -> None:
    """Serve the app at host and port until SIGTERM or SIGINT. It waits, and says so, while the database is away.

    `look` looks at what else it needs, and raises OSError while the key ring is away.
    """
    server = http_server(app)

    def stop(*_: object) -> None:
        server.should_exit = True

    def report() -> dict[str, Any]:
        try:
            look()
            with database.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except Exception as error:
            what = "the key ring" if isinstance(error, OSError) else "the database"
            return {"state": "waiting", "waiting_for": f"{what} ({type(error).__name__})"}
        return {"state": "ok"}

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with listen(*address) as listening:
        health = serve_health(settings.health_host, settings.health_port, service, report)
        log.info("started", port=listening.getsockname()[1], health_port=health.server_port)
        with heartbeat(database, service, report, settings.instance):
            server.run(sockets=[listening])
    health.shutdown()
    database.close()
