"""Each page of the console on SQLite with 100,000 orders: how long it takes and how large it is.

Most of the orders are shipped, one in 50 is not; each has its events, its seal, and a package if it is shipped. A page
is asked for over HTTP on loopback, in the process that serves it; the first three times are not counted.

`slowest` is the page with the largest p50; `milliseconds` has p50 and p95 of each, `bytes` its size.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import structlog
from sqlalchemy import Table, insert, select

from bench.parts import arguments, report
from orderbridge.database.models import Base, OrderRow, PackageRow
from orderbridge.database.unit_of_work import Database
from tests.parts.console import Visitor
from tests.parts.filled_console import FilledConsole, filled_console

_AT_ONCE = 2_000
_UNSHIPPED_EVERY = 50
_WARM_UP, _TIMES = 3, 30


def main() -> None:
    """Measure."""
    given = arguments(__doc__, orders=100_000)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        filled_console(Path(folder), lambda database: _multiply(database, given.orders)) as console,
    ):
        times, sizes = _measure(console)
    slowest = max(times, key=lambda path: times[path][0])
    report(
        {
            "orders": given.orders,
            "slowest": slowest,
            "slowest_p50_ms": times[slowest][0],
            "largest_bytes": max(sizes.values()),
            "milliseconds": times,
            "bytes": sizes,
        },
        as_json=given.json,
    )


def _multiply(database: Database, count: int) -> None:
    """Copies of the orders that are there, with what belongs to each, an order a minute into the past."""
    with database.unit_of_work() as work:
        shipped = set(work.session.scalars(select(PackageRow.order_id).where(PackageRow.state == "confirmed")))
        known = work.session.execute(select(OrderRow.__table__)).mappings().all()
        kinds = [[row for row in known if (row["order_id"] in shipped) is is_shipped] for is_shipped in (True, False)]
        of_order = {
            name: work.session.execute(select(Base.metadata.tables[name])).mappings().all()
            for name in ("personal_data", "packages", "outbox")
        }
    for first in range(0, count, _AT_ONCE):
        rows: dict[str, list[dict[str, Any]]] = {"orders": [], **{name: [] for name in of_order}}
        for number in range(first, min(first + _AT_ONCE, count)):
            rows_of_kind = kinds[number % _UNSHIPPED_EVERY == 0]
            model = rows_of_kind[number % len(rows_of_kind)]
            old, new = model["order_id"], f"{700 + number % 100}-{number:07}-{number:07}"
            order = _copied(dict(model), old, new, number)
            order["placed_at"] = model["placed_at"] - timedelta(minutes=number)
            rows["orders"].append(order)
            for name, models in of_order.items():
                for one in models:
                    if old in (one.get("order_id"), one.get("key")) and "dead-letter" not in one.get("topic", ""):
                        rows[name].append(_copied(dict(one), old, new, number))
        with database.unit_of_work() as work:
            for name, values in rows.items():
                if values:
                    table: Table = Base.metadata.tables[name]
                    work.session.execute(insert(table), values)
    with database.unit_of_work() as work:
        work.session.connection().exec_driver_sql("ANALYZE")


def _copied(row: dict[str, Any], old: str, new: str, number: int) -> dict[str, Any]:
    copied: dict[str, Any] = {
        name: text.replace(old, new) if isinstance(text, str) else text for name, text in row.items()
    }
    if "position" in copied:
        copied["event_id"] = f"{number:x}-{copied.pop('position')}"
        copied["name"] = None
        for name in ("posted_at", "due_at", "published_at"):  # in their hour, not all in the last
            copied[name] = copied[name] and copied[name] - timedelta(minutes=number)
    return copied


def _measure(console: FilledConsole) -> tuple[dict[str, tuple[float, float]], dict[str, int]]:
    visitor = Visitor(console.url)
    visitor.sign_in("anna")
    times, sizes = {}, {}
    for addresses in console.pages.values():
        for number, address in enumerate(addresses):
            taken = []
            for _ in range(_WARM_UP + _TIMES):
                began = time.perf_counter()
                answer = visitor.get(address)
                taken.append((time.perf_counter() - began) * 1000)
                assert answer.status_code < 500, address
            counted = taken[_WARM_UP:]
            name = address if number == 0 or len(address) < 50 else address[:50]
            times[name] = round(median(counted), 1), round(quantiles(counted, n=20)[-1], 1)
            sizes[name] = len(answer.content)
    return times, sizes


if __name__ == "__main__":
    main()
