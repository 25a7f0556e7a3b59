"""A daily report tells what the search did not: it is found, imported and reported."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from orderbridge.accounts.change_settings import change_settings
from orderbridge.database.models import OrderRow
from sandbox.accounts import BASE_ROLE
from schemas.imports import ImportDue, ImportFinished
from schemas.orders import OrderImported, OrderUpdated
from tests.integration.services.conftest import Start
from tests.parts.in_process import ACCOUNT, System


def reconcile(system: System, **more: Any) -> ImportFinished:
    """Run it as the importer plans it for itself after a day."""
    before = len(finished(system))
    for _ in range(30):
        system.import_now()
        system.advance(3600)
        if len(finished(system)) > before:
            return finished(system)[-1]
    raise AssertionError("no reconciliation within 30 hours")


def finished(system: System) -> list[ImportFinished]:
    return [run for run in system.events(ImportFinished) if run.kind == "reconciliation"]


def test_nothing_missing_is_nothing_reported(system: System) -> None:
    system.imported(count=5)
    run = reconcile(system)
    assert run.problems == ()
    assert (run.counts.seen, run.counts.unchanged) == (5, 5)
    assert system.calls("getOrder") == {}


def test_an_order_hidden_from_the_search_is_found(system: System) -> None:
    shown = system.imported(count=3)
    (hidden,) = system.place_orders(hidden=True)
    system.advance(180)
    system.import_now()
    assert hidden not in system.store.orders
    run = reconcile(system)
    assert hidden in system.store.orders
    assert [line.order_id for line in run.lines if line.problem] == [hidden]
    assert hidden in run.problems[0]
    assert sorted(event.order_id for event in system.events(OrderImported)) == sorted([*shown, hidden])
    assert system.calls("getOrder") == {"200": 1}


def test_a_change_that_the_search_never_showed_is_found(system: System) -> None:
    (order_id,) = system.imported()
    system.amazon.hide_order(order_id, hidden=True)
    system.amazon.change_order(order_id, lambda order, now: order.cancel("MERCHANT", "No stock", now))
    system.advance(180)
    system.import_now()
    assert system.store.orders[order_id].amazon_status == "unshipped"
    run = reconcile(system)
    assert system.store.orders[order_id].amazon_status == "cancelled"
    assert len(system.events(OrderUpdated)) == 1
    assert len(run.problems) == 1


def test_what_is_not_to_be_imported_is_not_missing(system: System) -> None:
    system.place_orders(fulfilled_by="AMAZON")
    system.imported()
    run = reconcile(system)
    assert run.problems == ()
    assert [why.reason for why in run.skipped_because] == ["fulfilled_by_amazon"]
    assert system.calls("getOrder") == {}


def test_what_is_skipped_for_its_program_is_not_read_each_day(start: Start) -> None:
    """Amazon's report does not tell programs. Those that are wanted again are found by it."""
    system = start(skip_programs=("PRIME",))
    skipped = system.place_orders(count=3, programs=["PRIME"])
    system.imported(programs=[])
    (hidden,) = system.place_orders(hidden=True, programs=["PRIME"])
    run = reconcile(system)
    assert run.problems == ()
    assert [(why.reason, why.orders) for why in run.skipped_because] == [("program_skipped", 4)]
    assert system.calls("getOrder") == {"200": 1}
    reconcile(system)
    assert system.calls("getOrder") == {"200": 1}
    with system.database.unit_of_work() as work:
        change_settings(work, ACCOUNT, {"skip_programs": "PREMIUM"})
    reconcile(system)
    assert {*skipped, hidden} <= set(system.store.orders)


def test_once_a_week_it_reaches_back_thirty_days(system: System) -> None:
    system.imported()
    for _ in range(9 * 24 // 6):
        system.advance(6 * 3600)
        system.import_now()
    spans = [round((run.finished_at - run.updated_after).total_seconds() / 86400) for run in finished(system)]
    assert len(spans) in (8, 9)
    assert spans.count(30) in (1, 2)
    assert set(spans) == {7, 30}
    with system.database.unit_of_work() as work:
        assert len(work.session.scalars(select(OrderRow)).all()) == 1
        work.post(ImportDue(account_id="main", reason="now"))


def test_an_order_that_came_without_its_address_is_read_again(system: System) -> None:
    """One such order is no missing role, and Amazon's search shows it no more."""
    system.amazon.change_account(ACCOUNT, roles=[BASE_ROLE])
    (order_id,) = system.imported()
    system.advance(3600)
    system.import_now()
    assert system.store.orders[order_id].personal_data.state == "missing"
    system.amazon.save_account(system.amazon_account())
    reconcile(system)
    assert system.opened(order_id).address_lines
    assert system.calls("getOrder") == {"200": 1}
