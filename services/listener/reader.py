"""Reads one queue for as long as somebody wants it: receive, take each message, delete what was taken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Literal, Protocol

import structlog

from orderbridge.database.engine import is_outage
from orderbridge.database.unit_of_work import Database
from orderbridge.telemetry import NOTIFICATIONS
from services.listener.messages import take
from services.listener.queues import Message, QueueTrouble

log = structlog.get_logger()
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_STUCK_AFTER: Final = 120.0
"""Longer than a long poll, its time-out and the longest pause."""


class Source(Protocol):
    """What is read: a `Queue`, or a test's."""

    def receive(self) -> list[Message]:
        """Wait for messages."""
        ...

    def delete(self, messages: list[Message]) -> None:
        """Delete them."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Reader:
    """One queue's thread. What goes wrong is waited for with growing pauses, and told once."""

    def __init__(self, url: str, source: Source, database: Database, wait: Callable[[float], object] | None = None):
        self.url = url
        self.waiting_for: str | None = None
        self._source = source
        self._database = database
        self._stop = threading.Event()
        self._wait = wait or self._stop.wait
        self._troubles = 0
        self._moved_at = time.monotonic()
        self._thread = threading.Thread(target=self.run, name="queue", daemon=True)

    def start(self) -> None:
        """Begin to read, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End after the messages at hand. A long poll that stands open ends with the process."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait for its end."""
        self._thread.join(seconds)

    @property
    def state(self) -> Literal["ok", "waiting", "stuck"]:
        """For the health page."""
        if time.monotonic() - self._moved_at > _STUCK_AFTER:
            return "stuck"
        return "waiting" if self.waiting_for else "ok"

    def run(self) -> None:
        """Read until `stop`."""
        while not self._stop.is_set():
            self._moved_at = time.monotonic()
            trouble = self._round()
            if trouble is None:
                self._troubles, self.waiting_for = 0, None
                continue
            if trouble != self.waiting_for:
                log.warning("waiting for a queue", queue=self.url, trouble=trouble)
            self.waiting_for = trouble
            self._troubles += 1
            self._wait(min(_FIRST_PAUSE * 2 ** (self._troubles - 1), _LONGEST_PAUSE))
        self._source.close()

    def _round(self) -> str | None:
        """Take what has come. Returns what is to be waited for, if anything."""
        trouble: str | None = None
        try:
            taken: list[Message] = []
            for message in self._source.receive():
                try:
                    outcome: str = take(self._database, message.body)
                except Exception as error:
                    if is_outage(error):
                        trouble = f"the database ({type(error).__name__})"
                        break
                    # Left to the queue, which shows it again later, or moves it aside where that is set up.
                    log.exception("a message could not be taken", queue=self.url)
                    NOTIFICATIONS.labels("failed").inc()
                    continue
                NOTIFICATIONS.labels(outcome).inc()
                taken.append(message)
            self._source.delete(taken)
        except QueueTrouble as error:
            trouble = trouble or f"Amazon SQS ({error})"
        return trouble
