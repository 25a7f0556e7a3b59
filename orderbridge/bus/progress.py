"""Whether a worker makes progress: what `/healthz` tells, and why it is not ready."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

STUCK_AFTER = 90.0
"""Seconds a single message, or a partition with lag, may stand still before the worker counts as stuck."""
WITHOUT_BROKER = 15.0
"""Seconds without Kafka before it is told: a new leader, or the next broker, is found sooner."""


class Progress:
    """What a worker is doing right now; written by the worker's loop, read by its health page."""

    def __init__(self, stuck_after: float = STUCK_AFTER) -> None:
        self.lag_of: Callable[[], dict[str, tuple[int, int]]] = dict
        """Per partition: next offset to commit, end of the partition."""
        self.has_broker: Callable[[], bool] = lambda: True
        """Whether the group has its coordinator: who is idle notices nothing else of Kafka being away."""
        self._stuck_after = stuck_after
        self._waiting_for: str | None = None
        self._lock = threading.Lock()
        self._at_work: dict[object, float] = {}
        self._handled = 0
        self._standing: dict[str, tuple[int, float]] = {}
        self._without_broker_since: float | None = None

    @property
    def waiting_for(self) -> str | None:
        """What all messages wait for, if they do."""
        return self._waiting_for

    @waiting_for.setter
    def waiting_for(self, what: str | None) -> None:
        if what is None and self._waiting_for is not None:
            with self._lock:  # whoever waited was not stuck: the others, which go on in a moment, start afresh
                self._at_work = dict.fromkeys(self._at_work, monotonic())
                self._standing.clear()
        self._waiting_for = what

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Marks a message as being handled.

        After a rebalance the same one may be in hand twice, for a moment: read again while the first is let go of.
        """
        mark = object()
        with self._lock:
            self._at_work[mark] = monotonic()
        try:
            yield
        finally:
            self.waiting_for = None  # if it was taken from us while it waited; others that still wait say so again
            with self._lock:
                del self._at_work[mark]
                self._handled += 1

    def report(self) -> dict[str, Any]:
        """State (`ok`, `waiting`, `stuck`), what for, lag, and how long the oldest message has been in hand."""
        now = monotonic()
        try:
            partitions = self.lag_of()
        except Exception:  # the consumer is being rebuilt: nothing is known of its partitions for a moment
            partitions = {}
        with self._lock:
            oldest = max((now - since for since in self._at_work.values()), default=0.0)
            handled = self._handled
            waiting_for = self.waiting_for or self._kafka_if_away(now)
            standing = self._standing_still(partitions if waiting_for is None else {}, now)
        state = "ok"
        if waiting_for is not None:
            state = "waiting"
        elif oldest > self._stuck_after or standing > self._stuck_after:
            state = "stuck"
        return {
            "state": state,
            "waiting_for": waiting_for,
            "partitions": len(partitions),
            "lag": sum(max(end - done, 0) for done, end in partitions.values()),
            "handled": handled,
            "oldest_in_hand_seconds": round(oldest, 1),
        }

    def _kafka_if_away(self, now: float) -> str | None:
        if self.has_broker():
            self._without_broker_since = None
            return None
        self._without_broker_since = self._without_broker_since or now
        return "Kafka" if now - self._without_broker_since > WITHOUT_BROKER else None

    def _standing_still(self, partitions: dict[str, tuple[int, int]], now: float) -> float:
        """Seconds for which the worst partition has had lag without moving."""
        standing = {}
        for name, (done, end) in partitions.items():
            before = self._standing.get(name)
            standing[name] = before if before is not None and before[0] == done and end > done else (done, now)
        self._standing = standing  # only what is assigned: a partition that comes back later starts afresh
        return max((now - since for _, since in standing.values()), default=0.0)
