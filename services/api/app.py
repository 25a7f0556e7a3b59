"""The api: opens personal data for stores. Several may run beside each other; none knows the console's pages."""

from __future__ import annotations

import signal
import socket
from typing import Any

import structlog
import uvicorn
from sqlalchemy import text

from orderbridge.bus.health import serve_health
from orderbridge.database.unit_of_work import Database
from orderbridge.heartbeat import heartbeat
from orderbridge.privacy.lost_ring import refuse_new_ring
from orderbridge.settings import load_settings
from orderbridge.telemetry import configure_logging
from orderbridge.vault.key_ring import FolderKeyRing
from orderbridge.vault.keys import installation_key
from services.api.web import create_api

log = structlog.get_logger()


def main() -> None:
    """Serve until SIGTERM or SIGINT. A missing or wrong installation key ends it at once."""
    settings = load_settings()
    configure_logging(settings, "api")
    key = installation_key(settings.need("vault_key"))
    database = Database(settings.database_url)
    refuse_new_ring(settings, database)
    ring = FolderKeyRing(settings.key_ring, key, settings.key_ring_grid)
    config = uvicorn.Config(
        create_api(database, ring),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=64 * 1024,
    )
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    def report() -> dict[str, Any]:
        try:
            ring.alive()
            with database.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except Exception as error:
            what = "the key ring" if isinstance(error, OSError) else "the database"
            return {"state": "waiting", "waiting_for": f"{what} ({type(error).__name__})"}
        return {"state": "ok"}

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    family = socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET
    with socket.create_server((settings.api_host, settings.api_port), family=family) as listening:
        health = serve_health(settings.health_host, settings.health_port, "api", report)
        log.info("started", port=listening.getsockname()[1], health_port=health.server_port)
        with heartbeat(database, "api", report, settings.instance):
            server.run(sockets=[listening])
    health.shutdown()
    database.close()
