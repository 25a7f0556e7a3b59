"""Each process says every few seconds, in a row of its own, that it is there and how it is: for the console.

A process that ends in peace takes its row along. One that was killed, or hangs, leaves a row that grows old.
"""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import delete

from orderbridge.bus.health import Report
from orderbridge.database.engine import is_outage
from orderbridge.database.models import ProcessRow
from orderbridge.database.unit_of_work import Database
from orderbridge.telemetry import describe

log = structlog.get_logger()
EVERY: Final = 5.0
"""Seconds between two beats."""
SILENT_AFTER: Final = timedelta(seconds=20)
"""So long without a beat, and the process counts as gone."""


@contextmanager
def heartbeat(database: Database, service: str, report: Report, instance: str | None = None) -> Iterator[None]:
    """Beat as long as the block runs, from a thread of its own. A database that is away is no trouble of the service's.

    `report` tells `state`, and of `waiting_for`, `lag` and `handled` what there is to tell.
    """
    beating = _Beating(database, service, report, instance or f"{socket.gethostname()}:{os.getpid()}")
    thread = threading.Thread(target=beating.run, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        beating.stopped.set()
        thread.join(timeout=2)
        beating.end()


class _Beating:
    def __init__(self, database: Database, service: str, report: Report, instance: str) -> None:
        self.stopped = threading.Event()
        self._database = database
        self._report = report
        self._known = {"process_id": str(uuid.uuid4()), "service": service, "instance": instance[:200]}
        self._started_at: datetime | None = None

    def run(self) -> None:
        """Until it is stopped. Nothing that goes wrong here ends the service."""
        while not self.stopped.is_set():
            try:
                self._beat()
            except Exception as error:
                if not is_outage(error):
                    log.error("no heartbeat", exception=describe(error))
            self.stopped.wait(EVERY)

    def end(self) -> None:
        """Take the row away: this process ends in peace."""
        try:
            with self._database.unit_of_work() as work:
                work.session.execute(delete(ProcessRow).where(ProcessRow.process_id == self._known["process_id"]))
        except Exception as error:
            if not is_outage(error):
                log.error("no heartbeat", exception=describe(error))

    def _beat(self) -> None:
        told = self._report()
        with self._database.unit_of_work() as work:
            now = work.now
            self._started_at = self._started_at or now
            values: dict[str, Any] = {
                "seen_at": now,
                "state": str(told["state"]),
                "waiting_for": str(told["waiting_for"])[:200] if told.get("waiting_for") else None,
                "lag": told.get("lag"),
                "handled": told.get("handled"),
            }
            statement = work.insert(ProcessRow).values(**self._known, started_at=self._started_at, **values)
            work.session.execute(statement.on_conflict_do_update(index_elements=["process_id"], set_=values))
