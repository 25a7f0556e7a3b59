"""Whether a worker makes progress: what `/healthz` tells, and why it is not ready."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from schemas.failures import Original

STUCK_AFTER = 90.0
"""Seconds a single message, or a partition with lag, may stand still before the worker counts as stuck."""


class Progress:
    """What a worker is doing right now; written by the worker's loop, read by its health page."""

    def __init__(self) -> None:
        self.waiting_for: str | None = None
        self.lag_of: Callable[[], dict[str, tuple[int, int]]] = dict
        """Per partition: next offset to commit, end of the partition."""
        self._lock = threading.Lock()
        self._at_work: dict[str, float] = {}
        self._handled = 0
        self._standing: dict[str, tuple[int, float]] = {}

    @contextmanager
    def at_work_on(self, original: Original) -> Iterator[None]:
        """Marks a message as being handled."""
        with self._lock:
            self._at_work[original.place()] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                del self._at_work[original.place()]
                self._handled += 1

    def report(self) -> dict[str, Any]:
        """State (`ok`, `waiting`, `stuck`), what for, lag, and how long the oldest message has been in hand."""
        now = time.monotonic()
        try:
            partitions = self.lag_of()
        except Exception:  # the consumer is being rebuilt: nothing is known of its partitions for a moment
            partitions = {}
        with self._lock:
            oldest = max((now - since for since in self._at_work.values()), default=0.0)
            handled = self._handled
        standing = self._standing_still(partitions, now)
        state = "ok"
        if self.waiting_for is not None:
            state = "waiting"
        elif oldest > STUCK_AFTER or standing > STUCK_AFTER:
            state = "stuck"
        return {
            "state": state,
            "waiting_for": self.waiting_for,
            "partitions": len(partitions),
            "lag": sum(max(end - done, 0) for done, end in partitions.values()),
            "handled": handled,
            "oldest_in_hand_seconds": round(oldest, 1),
        }

    def _standing_still(self, partitions: dict[str, tuple[int, int]], now: float) -> float:
        """Seconds for which the worst partition has had lag without moving."""
        worst = 0.0
        for name, (done, end) in partitions.items():
            before = self._standing.get(name)
            if end <= done or before is None or before[0] != done:
                self._standing[name] = (done, now)
            else:
                worst = max(worst, now - before[1])
        return worst
