"""What a tick of the ticker costs, with ever more orders and outbox rows behind it: time, statements, and pages read.

A tick plans slots, plans the sweep and relays; idle it publishes nothing, busy a batch of 100. The relay's `publish`
takes everything at once: Kafka's own time is not in it. PostgreSQL; the rows are loaded by INSERT … SELECT. Pages are
those of 8 kB that the tick's SELECTs look at, in memory or not (EXPLAIN BUFFERS), counted in ticks that are not timed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, text

from bench.parts import percentile, report
from orderbridge.database.migrate import upgrade
from orderbridge.database.unit_of_work import Database
from schemas.orders import OrderAged
from services.ticker.prune import prune
from services.ticker.relay import BATCH, Relay
from services.ticker.slots import plan_slots, plan_sweep
from tests.parts.databases import add_account
from tests.parts.pages_read import pages_read
from tests.parts.postgres import find_postgres
from tests.parts.publishing import FakeBroker

TICKS = 50
_ORDERS = """INSERT INTO orders (order_id, account_id, order_number, amazon_status, fulfilled_by, placed_at,
        amazon_updated_at, sequence, document)
    SELECT 'o' || n, 'main', 'AMZ-' || n, 'shipped', 'merchant', :now, :now, 1, '{}'
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n"""
_PUBLISHED = """INSERT INTO outbox (event_id, event_type, topic, key, body, posted_at, due_at, published_at)
    SELECT 'p' || n, 'order.imported', 'order.imported', 'o' || n, repeat('x', 200), :now, :now, :now
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n"""
_PLANNED = """INSERT INTO outbox (event_id, event_type, topic, key, body, posted_at, due_at)
    SELECT 'd' || n, 'shipment.check', 'shipment.check', 'o' || n, '{}', :now,
        CAST(:now AS timestamptz) + interval '1 day' + n * interval '1 millisecond'
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n"""
"""Half of the rows are published already, half are due tomorrow or later."""


def main() -> None:
    """Measure each size on top of the one before."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--rows", default="1000,1000000", help="numbers of orders and of outbox rows, ascending")
    given = parser.parse_args()
    sizes = [int(size) for size in given.rows.split(",")]
    postgres = find_postgres(fsync=True)
    try:
        database = Database(postgres.new_database())
        upgrade(database.engine)
        add_account(database, "main", "sealed", "http://127.0.0.1", '{"enabled": true}')
        result = {}
        for size, before in zip(sizes, [0, *sizes], strict=False):
            result[str(size)] = measure(database, before, size)
            print(size, result[str(size)], file=sys.stderr, flush=True)
        database.close()
    finally:
        postgres.close()
    report({"ticks": TICKS, "rows": result}, as_json=given.json)


def measure(database: Database, before: int, size: int, ticks: int = TICKS) -> dict[str, Any]:
    """Load up to so many orders and outbox rows, and tick: with nothing due, then with a batch due each time."""
    _load(database, before, size)
    relay = Relay(database, FakeBroker().publish, "bench")
    _tick(database, relay)  # takes the lease, plans the slot
    found = {name: _ticks(database, relay, ticks, due=due) for name, due in (("idle", 0), ("busy", BATCH))}
    began = time.perf_counter()
    prune(database)
    return {**found, "prune_ms": _ms(time.perf_counter() - began)}


def _ticks(database: Database, relay: Relay, ticks: int, *, due: int) -> dict[str, Any]:
    seconds, statements, pages = [], 0, 0
    for number in range(ticks + 5):
        with database.unit_of_work() as work:
            work.post_all(OrderAged(account_id="main", order_id=f"{number}-{one}") for one in range(due))
        if number < ticks:
            with _counted(database) as count:
                began = time.perf_counter()
                published = _tick(database, relay)
                seconds.append(time.perf_counter() - began)
            statements = max(statements, len(count))
        else:
            with pages_read(database.engine, "SELECT") as each:
                published = _tick(database, relay)
            pages = max(pages, sum(each))
        assert published == due
    return {
        "ms_p50": _ms(percentile(seconds, 0.5)),
        "ms_p99": _ms(percentile(seconds, 0.99)),
        "statements": statements,
        "pages": pages,
    }


def _tick(database: Database, relay: Relay) -> int:
    plan_slots(database)
    plan_sweep(database)
    return relay.tick().published


def _load(database: Database, before: int, size: int) -> None:
    half = (before + size) // 2
    with database.unit_of_work() as work:
        now = work.now
        for statement, first, last in (
            (_ORDERS, before + 1, size),
            (_PUBLISHED, before + 1, half),
            (_PLANNED, half + 1, size),
        ):
            work.session.execute(text(statement), {"now": now, "first": first, "last": last})
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))  # as autovacuum has done meanwhile


@contextmanager
def _counted(database: Database) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


if __name__ == "__main__":
    main()
