"""A clock that tests move by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 24, 9, tzinfo=UTC)


class HandClock:
    """Stands still until it is moved. Two of them that disagree are two hosts."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def now(self) -> datetime:
        """The moment it was set to."""
        return self._now

    def set(self, now: datetime) -> None:
        """Set it, back too."""
        self._now = now

    def advance(self, **by: float) -> datetime:
        """Move it on: `advance(seconds=5)`. Returns the new moment."""
        self._now += timedelta(**by)
        return self._now
