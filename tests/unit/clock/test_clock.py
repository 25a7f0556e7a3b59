"""The database's time, measured now and then, told by the host's monotonic clock in between."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from orderbridge import clock
from orderbridge.clock import DatabaseClock, HostClock
from orderbridge.database import engine
from tests.parts.hand_clock import START


class Away(Exception):
    """The database does not answer."""


class FakeDatabase:
    """A database whose clock is off, and the host's monotonic clock, both moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monotonic = 1000.0
        self.offset = timedelta(0)
        self.connecting = 0.0
        self.away = False
        self.measured = 0
        monkeypatch.setattr("orderbridge.clock.monotonic", lambda: self.monotonic)

    def time(self) -> datetime:
        return START + self.offset + timedelta(seconds=self.monotonic - 1000)

    def measure(self) -> tuple[datetime, float]:
        self.measured += 1
        if self.away:
            raise Away
        self.monotonic += self.connecting
        told = self.time(), self.monotonic
        self.monotonic += self.connecting
        return told


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeDatabase:
    """A database whose clock tests move."""
    return FakeDatabase(monkeypatch)


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="Linux has it")
def test_a_host_that_was_suspended_has_slept_in_its_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux does not count suspension in its monotonic clock: for up to a minute we were late by all of it."""
    monkeypatch.setattr("orderbridge.clock.clock_gettime", lambda which: {time.CLOCK_BOOTTIME: 3600.0}[which])
    assert clock.monotonic() == 3600.0
    assert vars(engine)["monotonic"] is clock.monotonic, "whose reading is compared with it"


def test_it_tells_the_databases_time(fake: FakeDatabase) -> None:
    fake.offset = timedelta(days=-3)
    clock = DatabaseClock(fake.measure)
    assert clock.now() == START - timedelta(days=3)
    fake.monotonic += 59
    assert clock.now() == fake.time()
    assert fake.measured == 1


def test_how_long_it_takes_to_be_told_makes_no_difference(fake: FakeDatabase) -> None:
    fake.connecting = 2.0
    clock = DatabaseClock(fake.measure)
    assert clock.now() == fake.time()


def test_it_measures_again_every_minute(fake: FakeDatabase) -> None:
    clock = DatabaseClock(fake.measure)
    clock.now()
    fake.offset = timedelta(seconds=7)  # somebody sets the server's clock
    fake.monotonic += 60
    assert clock.now() == fake.time() - timedelta(seconds=7)
    fake.monotonic += 0.001
    assert clock.now() == fake.time()
    assert fake.measured == 2


def test_how_often_can_be_chosen(fake: FakeDatabase) -> None:
    clock = DatabaseClock(fake.measure, every=timedelta(seconds=5))
    for _ in range(3):
        clock.now()
        fake.monotonic += 5.1
    assert fake.measured == 3


def test_while_the_database_is_away_the_last_measure_serves_on(fake: FakeDatabase) -> None:
    clock = DatabaseClock(fake.measure)
    clock.now()
    fake.away = True
    for _ in range(5):
        fake.monotonic += 61
        assert clock.now() == fake.time()
    assert fake.measured == 6
    fake.away = False
    fake.offset = timedelta(seconds=3)
    fake.monotonic += 61
    assert clock.now() == fake.time()


def test_never_measured_it_cannot_tell(fake: FakeDatabase) -> None:
    clock = DatabaseClock(fake.measure)
    fake.away = True
    with pytest.raises(Away):
        clock.now()
    fake.away = False
    assert clock.now() == fake.time()


def test_it_tells_utc_whatever_zone_the_database_answers_in(fake: FakeDatabase) -> None:
    def measure() -> tuple[datetime, float]:
        theirs, told_at = fake.measure()
        return theirs.astimezone(timezone(timedelta(hours=-8))), told_at

    now = DatabaseClock(measure).now()
    assert now == START
    assert now.tzinfo == UTC


def test_the_hosts_clock_tells_utc() -> None:
    before = datetime.now(UTC)
    now = HostClock().now()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo == UTC
