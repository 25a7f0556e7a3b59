"""The listener: reads the queues that Amazon tells of changed orders, so that each reaches the store in seconds."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any, Final

import structlog
from sqlalchemy import select

from orderbridge.bus.health import serve_health
from orderbridge.database.engine import is_outage
from orderbridge.database.models import Subscription
from orderbridge.database.unit_of_work import Database
from orderbridge.doctor.at_start import warn_of_needless_sight
from orderbridge.heartbeat import heartbeat
from orderbridge.settings import load_settings
from orderbridge.telemetry import configure_logging
from services.listener.queues import Queue
from services.listener.reader import Reader, Source

log = structlog.get_logger()
LOOK_EVERY: Final = 5.0
"""Seconds after which a new subscription's queue is read, or one whose subscription ended no longer."""
_STOP_SECONDS: Final = 5.0


class Listener:
    """A reader for each queue that an account is subscribed to; accounts may share one."""

    def __init__(self, database: Database, open_queue: Callable[[str], Source]) -> None:
        self._database = database
        self._open_queue = open_queue
        self._readers: dict[str, Reader] = {}
        self._stop = threading.Event()
        self._database_away = False
        self._idle: bool | None = None

    def run(self) -> None:
        """Listen until `stop`."""
        while not self._stop.is_set():
            self.look()
            self._stop.wait(LOOK_EVERY)
        self.close()

    def stop(self, *_: Any) -> None:
        """Stop after the messages at hand."""
        self._stop.set()

    def close(self) -> None:
        """Stop reading. A long poll that stands open ends with the process: what it brings comes again."""
        for reader in self._readers.values():
            reader.stop()
        for reader in self._readers.values():
            reader.join(_STOP_SECONDS / len(self._readers))

    def look(self) -> None:
        """Read the queues that are subscribed to now, and no others."""
        try:
            with self._database.unit_of_work() as work:
                wanted = set(work.session.scalars(select(Subscription.queue_url)))
        except Exception as error:
            if not is_outage(error):
                raise
            self._database_away = True
            return
        self._database_away = False
        for url in self._readers.keys() - wanted:
            self._readers.pop(url).stop()
        for url in wanted - self._readers.keys():
            reader = self._readers[url] = Reader(url, self._open_queue(url), self._database)
            reader.start()
            log.info("listening", queue=url)
        if self._idle is not (not wanted):
            self._idle = not wanted
            if self._idle:
                log.info("no account is subscribed; `orderbridge notifications subscribe` does that")

    def report(self) -> dict[str, Any]:
        """The state for the health page. Without a subscription there is nothing to wait for: that is well."""
        readers = list(self._readers.values())
        troubles = [reader.waiting_for for reader in readers if reader.waiting_for]
        troubles += ["the database"] if self._database_away else []
        stuck = any(reader.state == "stuck" for reader in readers)
        return {
            "state": "stuck" if stuck else "waiting" if troubles else "ok",
            "waiting_for": troubles[0] if troubles else None if readers else "a subscription",
            "queues": {reader.url: reader.state for reader in readers},
        }


def main() -> None:
    """Run the listener until SIGTERM or SIGINT."""
    settings = load_settings()
    configure_logging(settings, "listener")
    warn_of_needless_sight(settings)
    database = Database(settings.database_url)
    listener = Listener(database, lambda url: Queue(url, settings.sqs_url))
    server = serve_health(settings.health_host, settings.health_port, "listener", listener.report)
    log.info("started", health=f"http://{server.server_address[0]!s}:{server.server_port}")
    signal.signal(signal.SIGTERM, listener.stop)
    signal.signal(signal.SIGINT, listener.stop)
    with heartbeat(database, "listener", listener.report, settings.instance):
        listener.run()
    database.close()
