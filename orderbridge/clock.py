"""The one clock. Workers on machines whose clocks disagree must agree on what is due: it is the database's time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import clock_gettime
from typing import Protocol

_COUNTING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def monotonic() -> float:
    """Seconds that only grow, those included in which the machine was suspended: Linux leaves them out elsewhere."""
    return clock_gettime(_COUNTING)


class Clock(Protocol):
    """Tells the time; tests give one that they move by hand."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        ...


class HostClock:
    """The host's clock: right where the database is on the same host (SQLite)."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC)


Measure = Callable[[], tuple[datetime, float]]
"""The database's time, and at which moment of `monotonic()` it told it."""


class DatabaseClock:
    """The database's time: the host's monotonic clock plus an offset, measured at the first use and every minute.

    While the database is away the last offset serves on.
    """

    def __init__(self, measure: Measure, *, every: timedelta = timedelta(minutes=1)) -> None:
        self._measure = measure
        self._every = every.total_seconds()
        self._measured_at: float | None = None
        self._origin = datetime.now(UTC)
        self._measuring = threading.Lock()

    def now(self) -> datetime:
        """The present moment in UTC, by the database's clock. Raises what `measure` raises if it never answered."""
        reading = monotonic()
        if self._measured_at is None or reading - self._measured_at > self._every:
            self._synchronise_once()
            reading = monotonic()
        return self._origin + timedelta(seconds=reading)

    def _synchronise_once(self) -> None:
        """One thread measures; the others go on with the last offset, or wait for the first."""
        if self._measuring.acquire(blocking=self._measured_at is None):
            try:
                if self._measured_at is None or monotonic() - self._measured_at > self._every:
                    self._synchronise()
            finally:
                self._measuring.release()

    def _synchronise(self) -> None:
        try:
            theirs, told_at = self._measure()
        except Exception:
            if self._measured_at is None:
                raise
        else:
            self._origin = theirs.astimezone(UTC) - timedelta(seconds=told_at)
        self._measured_at = monotonic()
