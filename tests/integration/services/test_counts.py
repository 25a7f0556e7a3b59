"""What an order costs, counted and not timed: Amazon's calls, statements, commits, events and their bytes.

The figures stand in docs/performance.md. Whoever makes one grow sees it here; whoever makes one shrink writes it down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from tests.integration.services.conftest import Start
from tests.parts.in_process import System


@contextmanager
def counted(system: System) -> Iterator[Counter[str]]:
    """Statements, commits, events on the wire and their bytes, of all services and the relay."""
    count: Counter[str] = Counter()

    def statement(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        if not text.startswith(("BEGIN", "PRAGMA")):
            count["statements"] += 1

    def commit(_connection: Any) -> None:
        count["commits"] += 1

    before, calls = len(system.on_the_wire), _calls(system)
    event.listen(system.database.engine, "before_cursor_execute", statement)
    event.listen(system.database.engine, "commit", commit)
    try:
        yield count
    finally:
        event.remove(system.database.engine, "before_cursor_execute", statement)
        event.remove(system.database.engine, "commit", commit)
    sent = system.on_the_wire[before:]
    count["events"] = len(sent)
    count["bytes"] = sum(len(value) for value in sent)
    count.update(_calls(system) - calls)


def _calls(system: System) -> Counter[str]:
    return Counter({name: of_it["calls"] for name, of_it in system.amazon.calls()["operations"].items()})


@pytest.fixture
def system(start: Start) -> System:
    """With what the first event of each service costs once behind it."""
    system = start(import_from="2026-11-01T00:00:00Z")
    (order_id,) = system.imported(count=1)
    system.store_says(order_id=order_id)
    system.run_until_idle()
    return system


def test_a_hundred_new_orders(system: System) -> None:
    system.advance(900)
    system.import_now()
    system.advance(900)  # what was read so far lies before the overlap
    system.place_orders(count=100)
    system.advance(180)
    with counted(system) as count:
        system.import_now()
    assert (count.pop("bytes") - 1) // 10_000 + 1 == 30  # tens of kB: names and addresses are not all as long
    assert count == {"searchOrders": 1, "statements": 1072, "commits": 11, "events": 103}


def test_ten_shipments(system: System) -> None:
    order_ids = system.imported(count=10)
    system.advance(60)
    with counted(system) as count:
        for order_id in order_ids:
            system.store_says(order_id=order_id)
            system.run_until_idle()
            system.clock.advance(1)
    assert count.pop("bytes") // 100 == 26
    assert count == {"confirmShipment": 10, "statements": 340, "commits": 70, "events": 10}
