"""Many dead letters of a mebibyte each are looked through with few of them in memory at a time."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orderbridge.database.unit_of_work import Database
from orderbridge.dead_letters import find_letters
from schemas.failures import DeadLetter, Original
from tests.parts.console import ConsoleServer
from tests.parts.hand_clock import START

MIB = 1024 * 1024
LETTERS = 40
MOST = 32 * MIB
"""Each is 1.3 MiB in the database, and more while it is read."""


@pytest.fixture
def letters(database: Database) -> None:
    """Forty."""
    with database.unit_of_work() as work:
        for offset in range(LETTERS):
            original = Original(topic="order.shipped", partition=0, offset=offset, timestamp=START, value=b"x" * MIB)
            letter = DeadLetter(
                service="shipper", original=original, failures=0, reason="malformed", message="no JSON", failed_at=START
            )
            work.post(letter)


@contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST, f"{peak / MIB:.0f} MiB"


@pytest.mark.usefixtures("letters")
def test_they_are_looked_through_few_at_a_time(database: Database) -> None:
    with little_memory(), database.unit_of_work() as work:
        assert len({letter.said.original.offset for letter in find_letters(work)}) == LETTERS


@pytest.mark.usefixtures("letters")
@pytest.mark.parametrize("action", ["replay", "discard"])
def test_the_console_lists_and_settles_them(console: ConsoleServer, action: str) -> None:
    operator = console.signed_in("otto", "operator")
    with little_memory():
        page = operator.get("/dead-letters").text
        assert len(re.findall(r'href="/dead-letters/', page)) == LETTERS
        (up_to,) = set(re.findall(r'name="up_to" value="([0-9]+)"', page))
        form = {"service": "shipper", "reason": "malformed", "action": action, "up_to": up_to}
        assert f"count={LETTERS}" in operator.send("/dead-letters", form).headers["location"]
