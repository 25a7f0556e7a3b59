"""No page of orders, runs or shipments reads a big table through, and each asks as much of few rows as of many.

Not timed: SQLite's plans and the number of statements say it on any machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, text

from orderbridge.database.models import PackageRow, Run
from orderbridge.orders.runs import RunFilter, latest_runs
from orderbridge.orders.search import OrderFilter, newest
from orderbridge.orders.shipments import confirmed, unconfirmed
from orderbridge.standing_metrics import read_standing
from services.console.lists import write_place
from tests.parts.console import ConsoleServer, Visitor
from tests.parts.in_process import System
from tests.parts.sandbox_server import SandboxServer

BIG = ("orders", "outbox", "personal_data", "packages", "attempts", "run_lines", "runs", "openings")
_SCAN = re.compile(rf"SCAN ({'|'.join(BIG)})\b")
_IN_ORDER = re.compile(r"SCAN (orders|packages|runs) USING (COVERING )?INDEX ix_\w+")
"""Along an index, in the page's own order: it ends with the page."""
_GATHERED = re.compile(r"SEARCH \w+ USING INDEX ix_(orders_(queue|amazon|acc)|packages_(state|ready)|runs_acc)\w*")
"""By what many rows may have in common: no harm, unless they are sorted then."""


@pytest.fixture
def system(sqlite_url: str, tmp_path: Path, sandbox: SandboxServer) -> Iterator[System]:
    """The system on SQLite."""
    with closing(System(sqlite_url, tmp_path, sandbox)) as system:
        yield system


@pytest.fixture
def visitor(system: System) -> Iterator[Visitor]:
    """An owner in the console."""
    with ConsoleServer(system.database) as console:
        yield console.signed_in("owner")


@contextmanager
def statements(system: System) -> Iterator[list[tuple[str, Any]]]:
    """What is read from the database meanwhile, with its parameters."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
            seen.append((statement, parameters))

    event.listen(system.database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(system.database.engine, "before_cursor_execute", note)


def plan(system: System, statement: str, parameters: Any) -> list[str]:
    """How SQLite goes about it."""
    with system.database.engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    return [row[3] for row in rows]


def busy(system: System) -> str:
    """Some of everything, on more than one page; returns an order with packages, calls and a refusal."""
    (order_id,) = system.imported(lines=[{"sku": "MUG-BLUE", "quantity": 3}])
    system.fault("confirmShipment", "400")
    one = [{"sku": "MUG-BLUE", "quantity": 1}]
    for number in range(3):
        system.store_says(order_id=order_id, package_id=f"P{number}", tracking_number=f"T{number}", lines=one)
    system.run_until_idle()
    return order_id


def pages(system: System, order_id: str) -> list[str]:
    """Each page with each filter, the first and a later one."""
    with system.database.unit_of_work() as work:
        place = write_place(newest(work, OrderFilter(), 1)[0][0])
        run = latest_runs(work, RunFilter(), 1)[0]
        run_place = write_place((run.started_at, run.run_id))
        open_one = unconfirmed(work, None, None, 1)[0]
        open_place = write_place((open_one.ship_by, open_one.order_id, open_one.package_key))
        dateless = write_place((None, open_one.order_id, open_one.package_key))
        taken = confirmed(work, None, 1)[0]
        taken_place = write_place((taken.confirmed_at, taken.order_id, taken.package_key))
    day = f"{system.now:%Y-%m-%d}"
    orders = ["", "account=main", "status=queue:New", "status=amazon:unshipped", f"since={day}", f"until={day}"]
    orders += [f"account=main&status=queue:New&since={day}", f"account=main&status=amazon:unshipped&until={day}"]
    runs = ["", "account=main", "kind=search", "problems=yes", "account=main&kind=search&problems=yes"]
    shipments = ["", *(f"state={one}" for one in ("waiting", "held", "refused")), "account=main"]
    return [
        *(f"/orders?{query}{more}" for query in orders for more in ("", f"&after={place}")),
        *(f"/orders?number={number}" for number in (order_id, f"AMZ-{order_id}", "SHOP-1", "114-0000000-0000000")),
        f"/orders/{order_id}",
        *(f"/runs?{query}{more}" for query in runs for more in ("", f"&after={run_place}")),
        f"/runs/{run.run_id}",
        f"/runs/{run.run_id}?after={write_place((0, 1))}",
        *(f"/shipments?{query}{more}" for query in shipments for more in ("", f"&after={open_place}")),
        f"/shipments?after={dateless}",
        *(f"/shipments?state=confirmed{more}" for more in ("", "&account=main", f"&after={taken_place}")),
    ]


def test_no_page_reads_a_big_table_through(system: System, visitor: Visitor) -> None:
    order_id = busy(system)
    found = []
    for page in pages(system, order_id):
        with statements(system) as seen:
            assert visitor.get(page).status_code in (200, 303), page
        for statement, parameters in seen:
            steps = plan(system, statement, parameters)
            sorts = any("USE TEMP B-TREE FOR ORDER BY" in step for step in steps)
            bad = [step for step in steps if _SCAN.match(step) and (sorts or not _IN_ORDER.match(step))]
            bad += [step for step in steps if sorts and _GATHERED.match(step)]
            found += [(page, step, " ".join(statement.split())) for step in bad]
    assert found == []


@pytest.mark.parametrize("path", ["/", "/live"])
def test_the_overview_counts_seals_without_reading_them(system: System, visitor: Visitor, path: str) -> None:
    busy(system)
    with statements(system) as seen:
        assert visitor.get(path).status_code == 200
    (counts,) = [one for one in seen if "personal_data.seal IS NOT NULL" in one[0]]
    assert any("USING INDEX ix_sealed" in step for step in plan(system, *counts))


def test_what_prometheus_is_told_reads_no_big_table_through(system: System) -> None:
    busy(system)
    with statements(system) as seen, system.database.unit_of_work() as work:
        read_standing(work)
    steps = [step for statement in seen for step in plan(system, *statement)]
    scans = [step for step in steps if _SCAN.match(step) or step.startswith("SCAN mails")]
    assert [step for step in scans if not step.endswith("USING INDEX ix_outbox_dead_letters")] == []  # it has no others


def test_the_check_finds_a_scan(system: System, visitor: Visitor) -> None:
    order_id = busy(system)
    with system.database.engine.begin() as connection:
        connection.execute(text("DROP INDEX ix_outbox_key"))
    with statements(system) as seen:
        visitor.get(f"/orders/{order_id}")
    assert any(_SCAN.match(step) for statement in seen for step in plan(system, *statement))


def test_many_rows_take_as_many_statements_as_few(system: System, visitor: Visitor) -> None:
    order_id = busy(system)
    paths = ("/orders", f"/orders/{order_id}", "/runs", "/shipments", "/shipments?state=confirmed")

    def counts() -> list[int]:
        told = []
        for path in paths:
            with statements(system) as seen:
                assert visitor.get(path).status_code == 200
            told.append(len(seen))
        return told

    few = counts()
    assert max(few) <= 16
    for order in system.imported(count=30):
        system.store_says(order_id=order)
    system.run_until_idle()
    with system.database.unit_of_work() as work:
        assert len(work.session.scalars(select(PackageRow.state)).all()) > 30
        assert work.session.scalars(select(Run.run_id)).all()
    assert counts() == few


def test_pages_stay_small(system: System, visitor: Visitor) -> None:
    order_ids = system.imported(count=60, lines=[{"sku": "MUG-BLUE", "quantity": 1}] * 2)
    system.fault("confirmShipment", "400", count=60)
    for order_id in order_ids:
        system.store_says(order_id=order_id, package_id="P" * 90, tracking_number="T" * 40)
    system.run_until_idle()
    with system.database.unit_of_work() as work:
        run_id = latest_runs(work, RunFilter(), 1)[0].run_id
    for path in ("/orders", f"/orders/{order_ids[0]}", "/runs", f"/runs/{run_id}", "/shipments"):
        answer = visitor.get(path)
        assert answer.status_code == 200
        assert len(answer.content) < 100_000, (path, len(answer.content))
