"""The console: pages for people. Several may run beside each other; it never sees the key ring."""

from __future__ import annotations

import signal
import socket
from typing import Any

import structlog
import uvicorn
from sqlalchemy import text

from orderbridge.access.links import create_first_owner_link, first_owner_is_awaited
from orderbridge.bus.health import serve_health
from orderbridge.database.unit_of_work import Database
from orderbridge.heartbeat import heartbeat
from orderbridge.settings import load_settings
from orderbridge.telemetry import configure_logging
from services.console.site import Site, read_site
from services.console.web import create_console

log = structlog.get_logger()


def main() -> None:
    """Serve until SIGTERM or SIGINT. An address beyond loopback without TLS ends it at once."""
    settings = load_settings()
    configure_logging(settings, "console")
    site = read_site(settings)
    database = Database(settings.database_url)
    invite_first_owner(database, site)
    config = uvicorn.Config(
        create_console(database, site),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=64 * 1024,
    )
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    def report() -> dict[str, Any]:
        try:
            with database.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except Exception as error:
            return {"state": "waiting", "waiting_for": f"the database ({type(error).__name__})"}
        return {"state": "ok"}

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    family = socket.AF_INET6 if ":" in settings.console_host else socket.AF_INET
    with socket.create_server((settings.console_host, settings.console_port), family=family) as listening:
        health = serve_health(settings.health_host, settings.health_port, "console", report)
        log.info("started", port=listening.getsockname()[1], health_port=health.server_port)
        with heartbeat(database, "console", report, settings.instance):
            server.run(sockets=[listening])
    health.shutdown()
    database.close()


def invite_first_owner(database: Database, site: Site) -> None:
    """Print the link that makes the first owner, unless there is an owner, or such a link already."""
    with database.unit_of_work() as work:
        if not first_owner_is_awaited(work):
            return
        token = create_first_owner_link(work)
    print(
        f"The console has no owner yet. This link makes the first, once, for a day: {site.origin}/join/{token}",
        flush=True,
    )
