"""What an interruption must not leave behind: open runs that nobody goes on with, spans that nobody reads."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import typer
from sqlalchemy import func, select

from orderbridge.accounts import find_account
from orderbridge.accounts.change_settings import change_settings
from orderbridge.accounts.disconnecting import disconnect_account
from orderbridge.accounts.setting_values import earliest_import
from orderbridge.amazon import BadAnswer
from orderbridge.amazon import orders as amazon_orders
from orderbridge.cli.imports import _day
from orderbridge.database.models import AccountState, Run
from sandbox.faults import Fault
from schemas.imports import ImportDue, ImportFinished
from schemas.orders import OrderImported
from services.importer import fetching, reconciliation
from tests.integration.services.conftest import Start
from tests.parts.hand_clock import START
from tests.parts.in_process import System

GERMANY = "A1PA6795UKMFR9"
UNITED_STATES = "ATVPDKIKX0DER"
LONG_AGO = START - timedelta(days=100)


def fault(system: System, **fault: Any) -> None:
    system.amazon.faults.add(Fault.model_validate({"operation": "searchOrders", "count": None, **fault}))


def told(system: System) -> list[str]:
    return sorted(event.order_id for event in system.events(OrderImported))


def state(system: System) -> AccountState:
    with system.database.unit_of_work() as work:
        return work.session.get_one(AccountState, "main")


def open_runs(system: System) -> int:
    with system.database.unit_of_work() as work:
        return work.session.scalar(select(func.count()).select_from(Run).where(Run.finished_at.is_(None))) or 0


def ask(system: System, **due: Any) -> None:
    with system.database.unit_of_work() as work:
        work.post(ImportDue.model_validate({"account_id": "main", **due}))
    system.run_until_idle()


def change(system: System, **changes: Any) -> None:
    with system.database.unit_of_work() as work:
        change_settings(work, "main", changes)


@pytest.fixture
def no_reconciliation(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would find what the search has left out, and hide that it did; and it reaches back for days only."""
    monkeypatch.setattr(reconciliation, "plan", lambda work, state: None)


def old_orders(system: System, count: int = 20, **wish: Any) -> list[str]:
    return system.place_orders(
        count=count,
        created_at=LONG_AGO + timedelta(days=1),
        spread_over_seconds=50 * 86400,
        **{"status": "shipped", "history": True, **wish},
    )


@pytest.mark.parametrize("interruption", ["disabled", "disconnected"])
def test_an_open_history_goes_on_after_an_interruption(start: Start, interruption: str) -> None:
    system = start(import_from=LONG_AGO.isoformat())
    order_ids = old_orders(system)
    system.advance(180)
    system.import_now()
    assert open_runs(system) == 1
    if interruption == "disabled":
        change(system, enabled="no")
    else:
        disconnect_account(system.settings, system.database, "main")
    system.advance(7200)
    assert told(system) == []
    if interruption == "disabled":
        change(system, enabled="yes")
    else:
        system.set_account(import_from=LONG_AGO.isoformat())
    ask(system, reason="slot")
    system.advance(3600)
    assert told(system) == sorted(order_ids)
    assert open_runs(system) == 0


@pytest.mark.parametrize("interruption", ["disabled", "disconnected"])
def test_history_that_was_asked_for_in_an_interruption_is_read_after_it(system: System, interruption: str) -> None:
    order_ids = old_orders(system)
    system.imported()
    if interruption == "disabled":
        change(system, enabled="no")
    else:
        disconnect_account(system.settings, system.database, "main")
    ask(system, reason="history", since=LONG_AGO)  # posted before, read after
    assert system.calls("createReport") == {}
    system.set_account()
    ask(system, reason="slot")
    system.advance(3600)
    assert set(order_ids) <= set(told(system))


def test_a_rest_that_waits_already_is_not_hurried_by_a_slot(start: Start) -> None:
    system = start(import_from=LONG_AGO.isoformat())
    order_ids = old_orders(system)
    system.advance(180)
    system.import_now()
    for _ in range(5):
        system.import_now()
    assert system.calls("createReport") == {"202": 1}
    assert system.calls("getReport") == {}
    system.advance(3600)
    assert told(system) == sorted(order_ids)


@pytest.mark.usefixtures("no_reconciliation")
def test_a_refused_marketplace_is_read_from_where_it_was_last_read(system: System) -> None:
    """Not from when it was refused: what came between the last run and the refusal was never shown."""
    system.imported(marketplace_id=UNITED_STATES)
    before = told(system)
    system.advance(3600)
    there = system.place_orders(count=2, marketplace_id=GERMANY)
    fault(system, kind="403", marketplace_id=GERMANY)
    system.advance(3600)
    system.import_now()
    system.advance(600)
    assert told(system) == before
    system.amazon.faults.clear()
    system.advance(86400)
    system.import_now()
    system.advance(600)
    assert told(system) == sorted([*before, *there])


@pytest.mark.usefixtures("no_reconciliation")
def test_a_marketplace_that_is_refused_for_days_is_read_from_the_first_refusal(system: System) -> None:
    fault(system, kind="403", marketplace_id=GERMANY)
    system.imported(marketplace_id=UNITED_STATES)
    system.advance(600)
    before = told(system)
    there = system.place_orders(count=2, marketplace_id=GERMANY)
    for _ in range(3):
        system.advance(86400)
        system.import_now()
        system.advance(600)
    asked = system.calls("searchOrders")["403"]
    system.import_now()
    assert system.calls("searchOrders")["403"] == asked  # once a day, no more
    system.amazon.faults.clear()
    system.advance(86400)
    system.import_now()
    system.advance(600)
    assert told(system) == sorted([*before, *there])


def test_a_dry_run_asks_for_a_refused_marketplace_and_moves_nothing(system: System) -> None:
    fault(system, kind="403", marketplace_id=GERMANY)
    system.imported(marketplace_id=UNITED_STATES)
    system.advance(600)
    system.advance(86400)
    before = vars(state(system)).copy()
    ask(system, reason="dry_run")
    system.advance(600)
    after = vars(state(system)).copy()
    assert all(len(moments) == 2 for moments in json.loads(after["denied_marketplaces"]).values())  # as 0.1.0 reads it
    for name in ("cursor", "read_again_from", "denied_marketplaces", "imported_from"):
        assert after[name] == before[name], name


def test_a_first_run_that_failed_for_days_leaves_no_gap(start: Start) -> None:
    """The reports reach up to 30 days before the first run: the search must begin there, whenever it succeeds."""
    system = start(import_from=LONG_AGO.isoformat())
    at_the_edge = system.place_orders(
        count=3,
        created_at=START - timedelta(days=30) + timedelta(hours=3),
        spread_over_seconds=3 * 3600,
        status="unshipped",
        history=True,
    )
    fault(system, kind="403", marketplace_id=GERMANY)
    fault(system, kind="403", marketplace_id=UNITED_STATES)
    fault(system, kind="403")
    system.advance(180)
    system.import_now()
    system.advance(3 * 86400)
    assert told(system) == []
    system.amazon.faults.clear()
    system.import_now()
    system.advance(3600)
    assert told(system) == sorted(at_the_edge)


def test_from_while_a_long_search_is_open_leaves_no_gap(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    at_the_edge = system.place_orders(
        count=3,
        created_at=START - timedelta(days=30) + timedelta(hours=3),
        spread_over_seconds=3 * 3600,
        status="unshipped",
        history=True,
    )
    system.imported()
    new = told(system)
    fault(system, kind="503")
    system.import_now()  # opens a run that Amazon's maintenance holds up
    ask(system, reason="history", since=LONG_AGO)
    system.advance(2 * 86400)
    system.amazon.faults.clear()
    system.advance(3600)
    system.import_now()
    system.advance(3600)
    assert told(system) == sorted([*new, *at_the_edge])


def test_an_order_that_getorder_garbles_holds_up_no_other(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    system = start(import_from=LONG_AGO.isoformat())
    order_ids = old_orders(system, count=3, status="unshipped")
    whole = amazon_orders.get_order
    bad = order_ids[1]

    def get_order(connection: Any, order_id: str) -> Any:
        answer = whole(connection, order_id)
        if order_id == bad:
            raise BadAnswer("getOrder", "orders.0.x: Field required")
        return answer

    monkeypatch.setattr(fetching, "get_order", get_order)
    system.advance(180)
    system.import_now()
    system.advance(4 * 3600)
    assert told(system) == sorted(set(order_ids) - {bad})
    (history,) = [run for run in system.events(ImportFinished) if run.kind == "history"]
    assert any(bad in problem for problem in history.problems)


@pytest.mark.parametrize("earlier", [True, False])
def test_import_from_can_be_changed_until_the_first_run_is_through(start: Start, *, earlier: bool) -> None:
    system = start()
    order_ids = old_orders(system)
    (recent,) = system.place_orders(created_at=START - timedelta(days=5), status="shipped", history=True)
    if not earlier:
        system.set_account(import_from=(START - timedelta(days=10)).isoformat())
    fault(system, kind="403")
    system.advance(180)
    system.import_now()
    assert state(system).first_run_at is None
    change(system, import_from=(LONG_AGO if earlier else START - timedelta(days=2)).isoformat())
    system.run_until_idle()
    system.amazon.faults.clear()
    system.import_now()
    system.advance(3600)
    system.import_now()
    assert told(system) == (sorted([*order_ids, recent]) if earlier else [])


def test_an_account_that_imported_before_the_upgrade_is_not_new(start: Start) -> None:
    """Migration 0004 leaves it a cursor, and no import date of its own."""
    system = start(import_from=LONG_AGO.isoformat())
    with system.database.unit_of_work() as work:
        work.session.add(AccountState(account_id="main", cursor=system.now, first_run_at=system.now))
    system.imported()
    system.advance(600)
    assert system.calls("createReport") == {}


def test_from_takes_the_same_first_day_as_the_setting(system: System) -> None:
    """And the day that its refusal names."""
    with system.database.unit_of_work() as work:
        account = find_account(work, "main")
    assert account is not None
    first = earliest_import(system.now, account).astimezone(account.zone).replace(tzinfo=None)
    assert _day(account, first, system.now).replace(tzinfo=None) == first
    with pytest.raises(typer.BadParameter, match=f"{first:%Y-%m-%d} at the earliest"):
        _day(account, first - timedelta(days=1), system.now)
