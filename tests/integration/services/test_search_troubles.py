"""Amazon refuses a marketplace or a data set, or has more than one token can page: nothing is lost, nothing stalls."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from orderbridge.amazon import orders as amazon_orders
from orderbridge.database.models import AccountState, Run, RunLineRow, UnmappedWord
from sandbox.faults import Fault
from schemas.imports import ImportDue, ImportFinished, RunLine
from schemas.orders import OrderImported
from services.importer import search_run
from tests.integration.services.conftest import Start
from tests.parts.hand_clock import START
from tests.parts.in_process import System

GERMANY = "A1PA6795UKMFR9"
UNITED_STATES = "ATVPDKIKX0DER"


def fault(system: System, **fault: Any) -> None:
    system.amazon.faults.add(Fault.model_validate({"operation": "searchOrders", "count": None, **fault}))


def told(system: System) -> list[str]:
    return sorted(event.order_id for event in system.events(OrderImported))


def last_run(system: System) -> ImportFinished:
    return system.events(ImportFinished)[-1]


def test_one_refused_marketplace_does_not_stop_the_others(system: System) -> None:
    here = system.place_orders(count=3, marketplace_id=UNITED_STATES)
    there = system.place_orders(count=2, marketplace_id=GERMANY)
    fault(system, kind="403", marketplace_id=GERMANY)
    system.advance(180)
    system.import_now()
    system.advance(600)
    assert told(system) == sorted(here)
    assert GERMANY in last_run(system).problems[0]
    assert system.calls("searchOrders").get("429") is None
    # it is asked for again ever later: until then a run goes by without it
    for wait in (15 * 60, 3600, 4 * 3600, 86400, 86400):
        system.advance(wait - 900)
        calls = sum(system.calls("searchOrders").values())
        system.import_now()
        assert sum(system.calls("searchOrders").values()) == calls + 1
        assert last_run(system).problems == ()
        system.advance(900)
        system.import_now()
        assert GERMANY in last_run(system).problems[0]
    # what came meanwhile is read then
    system.amazon.faults.clear()
    system.advance(86400)
    system.import_now()
    system.advance(600)
    assert told(system) == sorted([*here, *there])


def test_an_account_without_any_role_is_told_so_once(system: System) -> None:
    system.place_orders()
    system.amazon.change_account("main", roles=[])
    system.advance(180)
    system.import_now()
    system.advance(3600)
    run = last_run(system)
    assert len(run.problems) == 1
    assert "Inventory and Order Tracking" in run.problems[0]
    assert told(system) == []


@pytest.mark.parametrize("data", ["PAYMENT", "FULFILLMENT", "RECIPIENT"])
def test_a_refused_data_set_does_not_stall_the_import(system: System, data: str) -> None:
    """Models repository, issue 5365: a whole region answered 400 to FULFILLMENT for half a day."""
    order_ids = system.place_orders(count=3)
    fault(system, kind="400", included_data=data)
    system.advance(180)
    system.import_now()
    system.advance(600)
    run = last_run(system)
    assert len(run.problems) == 1
    if data == "FULFILLMENT":  # without a status nobody knows in which queue they belong
        assert told(system) == []
        assert [(why.reason, why.orders) for why in run.skipped_because] == [("status_not_told", 3)]
    else:
        assert told(system) == sorted(order_ids)
    system.amazon.faults.clear()
    system.import_now()
    assert told(system) == sorted(order_ids)
    assert all(system.store.orders[order_id].amazon_status == "unshipped" for order_id in order_ids)
    assert all(system.opened(order_id).address_lines for order_id in order_ids)


def test_a_data_set_that_is_refused_for_days_does_not_make_runs_longer(system: System) -> None:
    """Each run reads its own hour; what came without the data set is read again once, when Amazon tells it again."""
    fault(system, kind="400", included_data="FULFILLMENT")
    came = []
    for _ in range(24):
        came += system.place_orders(count=2)
        system.advance(3600)
        system.import_now()
    assert {run.counts.seen for run in system.events(ImportFinished)} == {2}
    assert told(system) == []
    system.amazon.faults.clear()
    system.import_now()
    system.advance(3600)
    assert told(system) == sorted(came)
    assert [run.counts.seen for run in system.events(ImportFinished)[24:]] == [0, 48]
    came += system.place_orders(count=2)
    system.advance(3600)
    system.import_now()
    assert last_run(system).counts.seen == 2
    assert told(system) == sorted(came)


def test_the_message_of_a_change_says_nothing_of_what_was_left_out(system: System) -> None:
    """An order that came without its status is not known, though the cursor is past it."""
    (order_id,) = system.place_orders()
    changed_at = system.now
    fault(system, kind="400", included_data="FULFILLMENT")
    system.advance(3600)
    system.import_now()
    with system.database.unit_of_work() as work:
        work.post(ImportDue(account_id="main", reason="changed", order_id=order_id, since=changed_at))
    system.run_until_idle()
    assert told(system) == [order_id]


def test_an_answer_that_does_not_say_how_far_it_reaches_moves_the_cursor(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`lastUpdatedBefore` is optional in Amazon's model."""
    whole = amazon_orders.search_orders

    def silent(*arguments: Any, **options: Any) -> amazon_orders.OrdersPage:
        return dataclasses.replace(whole(*arguments, **options), last_updated_before=None)

    monkeypatch.setattr(search_run, "search_orders", silent)
    came = []
    for _ in range(6):
        came += system.place_orders(count=2)
        system.advance(3600)
        system.import_now()
    assert [run.counts.seen for run in system.events(ImportFinished)] == [2] * 6
    assert cursor(system) == system.now - timedelta(minutes=3)
    assert told(system) == sorted(came)


@pytest.mark.parametrize("in_order", [True, False])
def test_a_window_is_cut_before_its_token_dies(start: Start, monkeypatch: pytest.MonkeyPatch, in_order: bool) -> None:
    whole = amazon_orders.search_orders

    def small_pages(*arguments: Any, **options: Any) -> Any:
        page = whole(*arguments, **{**options, "max_results": 2})
        if not in_order:
            return dataclasses.replace(page, entries=page.entries[::-1])
        return page

    monkeypatch.setattr(search_run, "search_orders", small_pages)
    monkeypatch.setattr(search_run, "MOST_PAGES", 5)
    system = start(import_from=(START - timedelta(days=20)).isoformat())
    order_ids = system.place_orders(
        count=60, created_at=START - timedelta(days=19), spread_over_seconds=18 * 86400, history=True, status="shipped"
    )
    system.advance(180)
    system.import_now()
    system.advance(6 * 3600)
    assert told(system) == sorted(order_ids)
    run = last_run(system)
    assert run.problems == ()
    assert run.counts.imported == 60
    if in_order:
        assert run.amazon_calls < 40
    assert system.calls("searchOrders").get("429") is None


def test_a_dry_run_tells_what_a_run_would_do_and_does_nothing(system: System) -> None:
    known = system.imported(count=2)
    new = system.place_orders(count=3)
    system.place_orders(count=1, fulfilled_by="AMAZON")
    system.advance(180)
    before = len(system.told)
    with system.database.unit_of_work() as work:
        work.post(ImportDue(account_id="main", reason="dry_run"))
    system.run_until_idle()
    assert len(system.told) == before
    with system.database.unit_of_work() as work:
        run = work.session.scalars(select(Run).where(Run.kind == "dry_run")).one()
        rows = work.session.scalars(select(RunLineRow.line).where(RunLineRow.run_id == run.run_id)).all()
    lines = [RunLine.model_validate_json(row) for row in rows]
    assert sorted(line.order_id for line in lines if line.did == "imported") == sorted(new)
    assert [line.reason for line in lines if line.did == "skipped"] == ["fulfilled_by_amazon"]
    assert run.finished_at is not None
    system.import_now()
    assert told(system) == sorted([*known, *new])


@pytest.mark.parametrize("kind", ["html", "html_200", "truncated_json", "huge", "missing_field", "wrong_type"])
def test_a_bad_answer_is_a_clear_problem_and_moves_no_cursor(system: System, kind: str) -> None:
    """An answer that cannot be read ends the run after three tries; one order that cannot takes no other with it."""
    system.imported()
    before = cursor(system)
    new = system.place_orders(count=2)
    fault(system, kind=kind)
    system.advance(180)
    system.import_now()
    system.advance(1800)
    run = last_run(system)
    one_order = kind in ("missing_field", "wrong_type")
    if kind == "html":  # a 502: Amazon is unwell, the run goes on by itself
        assert len(system.events(ImportFinished)) == 1
    else:
        assert len(run.problems) == 1
        assert "cannot be read" in run.problems[0]
    assert (cursor(system) == before) is not one_order
    system.amazon.faults.clear()
    system.advance(1800)
    system.import_now()
    assert set(new) <= set(told(system))


def cursor(system: System) -> object:
    with system.database.unit_of_work() as work:
        return work.session.get_one(AccountState, "main").cursor


def test_fields_that_no_model_names_are_counted_without_their_values(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = amazon_orders.search_orders

    def newer(*arguments: Any, **options: Any) -> amazon_orders.OrdersPage:
        return dataclasses.replace(whole(*arguments, **options), unknown_fields={"orderItems.shape": 2})

    monkeypatch.setattr(search_run, "search_orders", newer)
    system.imported(count=2)
    system.imported(count=1)
    with system.database.unit_of_work() as work:
        row = work.session.get_one(UnmappedWord, ("main", "field", "orderItems.shape"))
    assert row.times == 4
    assert last_run(system).problems == ()
