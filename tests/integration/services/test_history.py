"""What was placed long ago comes from reports, the last 30 days from the search: both end in the same orders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
from sqlalchemy import func, select

from orderbridge.amazon import NoAnswer
from orderbridge.database.models import OrderRow, PersonalDataRow
from schemas.imports import ImportDue, ImportFinished
from schemas.orders import OrderImported
from services.importer import history_run, imports, report_run
from tests.integration.services.conftest import Start
from tests.parts.hand_clock import START
from tests.parts.in_process import Killed, System

YEAR_AGO = START - timedelta(days=365)


def place_history(system: System, count: int = 400, **wish: object) -> list[str]:
    """Orders of a year, as a seller has them at Amazon."""
    span = (START - timedelta(days=1) - YEAR_AGO).total_seconds()
    return system.place_orders(
        count=count, created_at=YEAR_AGO, spread_over_seconds=span, **{"status": "shipped", "history": True, **wish}
    )


def finished(system: System, kind: str) -> list[ImportFinished]:
    return [run for run in system.events(ImportFinished) if run.kind == kind]


def imported_once(system: System, order_ids: list[str]) -> None:
    told = [event.order_id for event in system.events(OrderImported)]
    assert sorted(told) == sorted(order_ids)
    with system.database.unit_of_work() as work:
        assert work.session.scalar(select(func.count()).select_from(OrderRow)) == len(order_ids)


def test_a_first_import_of_a_year(start: Start) -> None:
    system = start(import_from=YEAR_AGO.isoformat(), import_fba=True)
    order_ids = place_history(system)
    system.advance(180)
    system.import_now()
    system.advance(3600)
    imported_once(system, order_ids)
    (history,) = finished(system, "history")
    assert history.problems == ()
    assert history.counts.imported > 300
    assert all(status == "200" or status == "202" for status in system.calls("createReport"))
    assert "429" not in {**system.calls("getReport"), **system.calls("searchOrders"), **system.calls("createReport")}
    # old orders are "Amazon Replaced" from the start, and in the store's Shipped queue
    for event in system.events(OrderImported):
        assert event.store.status.name == "Shipped"
        assert event.store.inventory == "none"
        if event.placed_at < START - timedelta(days=31):
            assert event.personal_data.state == "redacted"
    with system.database.unit_of_work() as work:
        alive = select(func.count()).select_from(PersonalDataRow).where(PersonalDataRow.redacted_at.is_(None))
        recent = [event for event in system.events(OrderImported) if event.placed_at > START - timedelta(days=30)]
        assert (work.session.scalar(alive) or 0) <= len(recent)


def test_from_a_date_after_the_first_import(anywhere: System) -> None:
    system = anywhere
    order_ids = place_history(system, count=120)
    system.advance(180)
    system.import_now()
    assert system.events(OrderImported) == []
    ask(system, since=YEAR_AGO)
    system.advance(3600)
    imported_once(system, order_ids)
    assert len(finished(system, "history")) == 1


def test_what_a_report_shows_unshipped_is_read_one_by_one(start: Start) -> None:
    system = start(import_from=YEAR_AGO.isoformat())
    shipped = place_history(system, count=20)
    (waiting,) = system.place_orders(created_at=START - timedelta(days=100), status="unshipped", history=True)
    system.advance(180)
    system.import_now()
    system.advance(3600)
    imported_once(system, [*shipped, waiting])
    order = system.store.orders[waiting]
    assert not any(line.order_item_id.startswith("sku:") for line in order.lines)
    system.store_says(order_id=waiting)
    system.run_until_idle()
    assert len(system.packages(waiting)) == 1


@pytest.mark.parametrize("operation", ["createReport", "getReport", "getReportDocument"])
def test_faults_of_reports(start: Start, operation: str) -> None:
    system = start(import_from=(START - timedelta(days=100)).isoformat())
    order_ids = system.place_orders(
        count=50, created_at=START - timedelta(days=90), spread_over_seconds=80 * 86400, status="shipped", history=True
    )
    for kind in ("500", "429", "timeout", "html"):
        system.fault(operation, kind)
    system.advance(180)
    system.import_now()
    system.advance(7200)
    imported_once(system, order_ids)
    (history,) = finished(system, "history")
    assert history.problems == ()


def test_killed_between_chunks(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(report_run, "CHUNK", 7)
    system = start(import_from=YEAR_AGO.isoformat())
    order_ids = place_history(system, count=100)
    whole, calls = history_run.store_chunk, 0

    def die_now_and_then(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        stored = whole(*arguments)  # type: ignore[arg-type]
        if calls % 3 == 0:
            raise Killed
        return stored

    monkeypatch.setitem(imports._STORE, "history", die_now_and_then)
    system.advance(180)
    died = 0
    system.produce("import.due", ImportDue(account_id="main", reason="now").model_dump_json().encode())
    end = system.now + timedelta(hours=5)
    while system.now < end:
        try:
            system.advance(60)
        except Killed:
            died += 1
            system.clock.advance(60)  # its lease runs out
            system.restart()
    assert died > 3
    imported_once(system, order_ids)


def ask(system: System, **more: object) -> None:
    with system.database.unit_of_work() as work:
        work.post(ImportDue.model_validate({"account_id": "main", "reason": "history", **more}))
        work.post(ImportDue(account_id="main", reason="now"))


def test_many_orders_to_be_read_one_by_one_come_in_small_lots(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run has in mind stays small, and the report is not read again for each of them."""
    monkeypatch.setattr(report_run, "CHUNK", 5)
    monkeypatch.setattr(report_run, "MOST_WAITING", 10)
    system = start(import_from=(START - timedelta(days=50)).isoformat())
    order_ids = system.place_orders(
        count=40,
        created_at=START - timedelta(days=45),
        spread_over_seconds=10 * 86400,
        status="unshipped",
        history=True,
    )
    system.advance(180)
    system.import_now()
    system.advance(7200)
    imported_once(system, order_ids)
    assert system.calls("getOrder") == {"200": 40}
    assert system.calls("getReportDocument")["200"] < 8


def test_an_expired_secret_leaves_nothing_of_the_history_out(start: Start) -> None:
    system = start(import_from=YEAR_AGO.isoformat())
    order_ids = place_history(system, count=60)
    system.advance(180)
    system.import_now()
    system.amazon.change_account("main", secret_expired=True)
    system.forget_access_token()
    system.advance(86400)
    assert finished(system, "history") == []
    system.amazon.change_account("main", secret_expired=False)
    system.advance(6 * 3600)
    imported_once(system, order_ids)
    assert finished(system, "history")[0].problems == ()


def test_a_document_whose_download_breaks_off_again_and_again_is_read_whole(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_run, "CHUNK", 5)
    whole, downloads = vars(report_run)["read_lines"], 0

    def break_off(*arguments: Any, **options: Any) -> Iterator[str]:
        nonlocal downloads
        downloads += 1
        lines = whole(*arguments, **options)
        try:
            yield from islice(lines, 12 * downloads)
            if next(lines, None) is not None:
                raise NoAnswer("downloadReportDocument", "it broke off")
        finally:
            lines.close()

    monkeypatch.setattr(report_run, "read_lines", break_off)
    system = start(import_from=(START - timedelta(days=50)).isoformat())
    order_ids = system.place_orders(
        count=80, created_at=START - timedelta(days=45), spread_over_seconds=86400, status="shipped", history=True
    )
    system.advance(180)
    system.import_now()
    system.advance(2 * 3600)
    assert downloads > 5
    imported_once(system, order_ids)
    assert finished(system, "history")[0].problems == ()


def test_a_report_that_never_comes_whole_is_left_out(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time something of it is read, it breaks off, and then it is lost."""
    monkeypatch.setattr(report_run, "CHUNK", 5)
    whole = vars(report_run)["read_lines"]
    system = start(import_from=(START - timedelta(days=50)).isoformat())

    def break_off(*arguments: Any, **options: Any) -> Iterator[str]:
        with closing(whole(*arguments, **options)) as lines:
            yield from islice(lines, 12)
        system.fault("getReportDocument", "html_200")
        raise NoAnswer("downloadReportDocument", "it broke off")

    monkeypatch.setattr(report_run, "read_lines", break_off)
    system.place_orders(
        count=80, created_at=START - timedelta(days=45), spread_over_seconds=86400, status="shipped", history=True
    )
    system.advance(180)
    system.import_now()
    system.advance(4 * 3600)
    (problem,) = finished(system, "history")[0].problems
    assert "were not read" in problem
