"""Each line that is logged while an event is handled names the event, its topic, its order; none after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from orderbridge.database.migrate import upgrade
from orderbridge.database.unit_of_work import Database, Work
from schemas.shipments import OrderShipped
from tests.parts.pipeline_bench import Bench, MovableClock, original

BODY = b'{"order_id": "114-1", "carrier": "ups", "tracking_number": "1Z"}'
ENVELOPE = [("ce_id", b"e-1"), ("ce_source", b"store"), ("ce_type", b"order.shipped"), ("ce_specversion", b"1.0")]


@pytest.fixture
def bench(sqlite_url: str) -> Iterator[Bench]:
    """A pipeline for `order.shipped`."""
    clock = MovableClock()
    database = Database(sqlite_url, clock)
    upgrade(database.engine)
    yield Bench(database, clock)
    database.close()


def seen_while_handled(bench: Bench, body: bytes, headers: list[tuple[str, bytes]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def handler(_event: OrderShipped, _work: Work) -> None:
        seen.update(structlog.contextvars.get_contextvars())

    bench.handler = handler
    assert bench.pipeline.process(original(body, headers=headers)) == "handled"
    return seen


def test_the_ids_are_on_each_line(bench: Bench) -> None:
    assert seen_while_handled(bench, BODY, ENVELOPE) == {"event_id": "e-1", "topic": "order.shipped", "order": "114-1"}
    assert structlog.contextvars.get_contextvars() == {}


def test_a_name_for_an_id_is_not_shown(bench: Bench) -> None:
    named = [("ce_id", b"Wilhelmina Vogelsang"), *ENVELOPE[1:]]
    seen = seen_while_handled(bench, BODY.replace(b"114-1", b"Wilhelmina Vogelsang"), named)
    assert seen == {"event_id": "order.shipped/0/0", "topic": "order.shipped"}
