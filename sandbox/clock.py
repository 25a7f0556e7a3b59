"""Time: a clock that tests can replace, and the way Amazon writes moments."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_AMAZON_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z")


class Clock(Protocol):
    """Wall clock for dates, monotonic clock (seconds) for rates: setting the host's time must not refill a bucket."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...


class SystemClock:
    """The host's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock for tests: it stands still until it is advanced."""

    def __init__(self, now: datetime) -> None:
        self._start = now
        self._passed = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return self._passed

    def advance(self, seconds: float) -> None:
        self._passed += seconds


def to_amazon(moment: datetime) -> str:
    """`moment` as Amazon writes it: whole seconds, UTC, `Z` (as in the examples of orders_2026-01-01.json)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_amazon(text: str) -> datetime:
    """Read a date-time parameter; raises ValueError unless it is `YYYY-MM-DDTHH:MM:SS[.fff]Z`.

    Amazon's operations reject offsets such as `+00:00`, as sellers report; RFC 3339 alone would allow them.
    """
    if not _AMAZON_TIME.fullmatch(text):
        raise ValueError(f"not an ISO 8601 date-time in UTC: {text!r}")
    return datetime.fromisoformat(text)


def to_record(moment: datetime) -> str:
    """`moment` with microseconds, for records: all of the same width, so that they sort as text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
