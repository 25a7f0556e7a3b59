"""What a sender gave as its time, however far from ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from orderbridge.bus.cause import CLOCKS, EPOCH, cause_of
from orderbridge.bus.envelope import Envelope
from schemas.failures import Original
from tests.parts.hand_clock import START

EARLIEST = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))  # in UTC there is no such moment
LATEST = datetime(9999, 12, 31, tzinfo=timezone(timedelta(hours=-12)))


@pytest.mark.parametrize(
    ("told", "believed"),
    [(EARLIEST, EPOCH), (datetime.min.replace(tzinfo=UTC), EPOCH), (LATEST, START + CLOCKS), (START, START)],
)
def test_a_time_that_cannot_be_is_not_believed(told: datetime, believed: datetime) -> None:
    original = Original(topic="t", partition=0, offset=1, timestamp=START, value=b"{}")
    cause = cause_of(original, Envelope("e", "s", None, told, {}), 0, START)
    assert cause.said_at == believed
    assert cause.rank[:1].isdigit()


def test_an_event_counts_the_same_however_late_it_is_handled() -> None:
    """By the clock at each handling, one that was given back would overtake its correction."""
    told = START + timedelta(hours=2)
    original = Original(topic="t", partition=0, offset=1, timestamp=START, value=b"{}", seen_at=START)
    first = cause_of(original, Envelope("e", "s", None, told, {}), 0, START)
    again = cause_of(original, Envelope("e", "s", None, told, {}), 0, START + timedelta(minutes=1))
    assert again.rank == first.rank
