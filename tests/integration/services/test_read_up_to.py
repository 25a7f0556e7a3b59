"""Whether an account's import comes on is told by what was read, not by runs that end."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest

from orderbridge.amazon import orders as amazon_orders
from orderbridge.database.models import AccountState
from orderbridge.doctor import Finding
from orderbridge.doctor.imports import check_imports
from orderbridge.orders.read_up_to import read_up_to
from sandbox.faults import Fault
from services.importer import search_run
from tests.integration.services.conftest import Start
from tests.parts.hand_clock import START
from tests.parts.in_process import ACCOUNT, System


def read(system: System) -> datetime:
    with system.database.unit_of_work() as work:
        return read_up_to(work)[ACCOUNT]


def looked_over(system: System) -> Finding:
    with system.database.unit_of_work() as work:
        (finding,) = check_imports(work)
    return finding


@pytest.mark.parametrize("kind", ["403", "400", "html_200"])
def test_a_run_that_ends_in_vain_reads_nothing(system: System, kind: str) -> None:
    system.imported()
    before = read(system)
    assert looked_over(system).severity == "ok"
    system.amazon.faults.add(Fault.model_validate({"operation": "searchOrders", "kind": kind, "count": None}))
    for hours in range(5):
        system.advance(3600)
        system.import_now()
        system.advance(600)
        assert read(system) == before, hours
    with system.database.unit_of_work() as work:
        last_run_at = work.session.get_one(AccountState, ACCOUNT).last_run_at
    assert last_run_at is not None
    assert last_run_at > before + timedelta(hours=4)
    found = looked_over(system)
    assert found.severity == "error"
    assert "Its last import met with a problem: " in found.what
    system.amazon.faults.clear()
    system.advance(600)
    system.import_now()
    assert read(system) > before + timedelta(hours=5)
    assert looked_over(system).severity == "ok"


def test_a_first_run_that_reads_nothing_is_told_by_the_connection(system: System) -> None:
    system.amazon.faults.add(Fault.model_validate({"operation": "searchOrders", "kind": "500", "count": None}))
    system.import_now()
    system.advance(4 * 3600)
    assert read(system) <= START + timedelta(minutes=1)
    assert looked_over(system).severity == "warning"


@pytest.mark.parametrize("in_order", [True, False])
def test_a_long_run_comes_on_with_its_pages(start: Start, monkeypatch: pytest.MonkeyPatch, in_order: bool) -> None:
    whole = amazon_orders.search_orders

    def small_pages(*arguments: Any, **options: Any) -> Any:
        page = whole(*arguments, **{**options, "max_results": 2})
        return page if in_order else dataclasses.replace(page, entries=page.entries[::-1])

    monkeypatch.setattr(search_run, "search_orders", small_pages)
    system = start(import_from=(START - timedelta(days=20)).isoformat())
    placed = {"created_at": START - timedelta(days=19), "spread_over_seconds": 18 * 86400, "history": True}
    system.place_orders(count=100, status="shipped", **placed)
    system.advance(180)
    system.import_now()
    early = read(system)
    system.advance(1800)
    assert (read(system) > early) is in_order
    system.advance(6 * 3600)
    assert read(system) > START


def test_an_account_that_is_switched_off_is_not_told(start: Start) -> None:
    system = start(enabled=False)
    with system.database.unit_of_work() as work:
        assert read_up_to(work) == {}
