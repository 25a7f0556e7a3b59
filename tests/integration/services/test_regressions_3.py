"""What was found wrong in the import once more: each of these failed before it was mended."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from orderbridge.accounts.change_settings import change_settings
from orderbridge.accounts.onboarding import connect_account
from orderbridge.database import quotas
from orderbridge.database.models import Attention, Run
from sandbox.faults import Fault
from sandbox.orders import Order
from schemas.accounts import AccountAttention
from schemas.failures import DeadLetter
from schemas.imports import ImportDue, ImportFinished
from schemas.orders import OrderImported
from tests.integration.services.conftest import Start
from tests.parts.hand_clock import START
from tests.parts.in_process import ACCOUNT, System

GERMANY = "A1PA6795UKMFR9"
UNITED_STATES = "ATVPDKIKX0DER"


def imported(system: System) -> list[str]:
    return sorted(event.order_id for event in system.events(OrderImported))


def runs(system: System, kind: str) -> list[ImportFinished]:
    return [run for run in system.events(ImportFinished) if run.kind == kind]


def deliver(order: Order, now: datetime, level: str) -> None:
    """The order is of this service level."""
    order.facts["fulfillment"]["fulfillmentServiceLevel"] = level


def grant(system: System, marketplaces: list[str]) -> None:
    """What the seller takes part in; somebody connects the account again."""
    token = system.amazon_account().refresh_token
    system.amazon.change_account(ACCOUNT, marketplaces=marketplaces)
    connect_account(system.settings, system.database, ACCOUNT, token)
    system.run_until_idle()


@pytest.mark.parametrize("in_the_first_run", [False, True])
def test_a_marketplace_that_is_added_comes_with_its_earlier_orders(start: Start, in_the_first_run: bool) -> None:
    since = START - timedelta(days=100)
    system = start(import_from=since.isoformat())
    wish: dict[str, Any] = {"status": "shipped", "history": True}
    expected = []
    for marketplace_id in (UNITED_STATES, GERMANY):
        for days in (90, 45, 15):
            placed = START - timedelta(days=days)
            expected += system.place_orders(marketplace_id=marketplace_id, created_at=placed, **wish)
    before = system.place_orders(marketplace_id=GERMANY, created_at=since - timedelta(days=5), **wish)
    grant(system, [UNITED_STATES])
    system.advance(180)
    if in_the_first_run:
        system.fault("searchOrders", "503")
    system.import_now()
    if not in_the_first_run:
        system.advance(3 * 3600)
        assert len(imported(system)) == 3
    grant(system, [UNITED_STATES, GERMANY])
    system.advance(3 * 3600)
    system.import_now()
    system.advance(3 * 3600)
    assert imported(system) == sorted(expected)
    assert not set(before) & set(imported(system))


def test_a_window_that_starts_over_counts_each_order_once(start: Start) -> None:
    system = start(skip_marketplaces=[GERMANY])
    system.place_orders(count=60, marketplace_id=GERMANY)
    taken = system.place_orders(count=60, marketplace_id=UNITED_STATES)
    system.advance(180)
    system.amazon.faults.add(Fault.model_validate({"operation": "searchOrders", "kind": "token_refused", "count": 1}))
    system.import_now()
    system.advance(600)
    (run,) = runs(system, "search")
    assert "starts over" in run.problems[0]
    assert imported(system) == sorted(taken)
    assert (run.counts.seen, run.counts.imported, run.counts.skipped) == (120, 60, 60)
    assert [(why.reason, why.orders) for why in run.skipped_because] == [("marketplace_skipped", 60)]
    assert len(run.lines) == 120


def in_a_history_without_the_role(start: Start) -> tuple[System, list[str]]:
    """A history of 40 orders has begun to ask for each of them, and then the role is taken away."""
    system = start(import_from=(START - timedelta(days=100)).isoformat())
    wish: dict[str, Any] = {"status": "unshipped", "history": True}
    order_ids = system.place_orders(count=40, created_at=START - timedelta(days=60), **wish)
    system.advance(180)
    system.import_now()
    for _ in range(200):
        if system.calls("getOrder"):
            break
        system.advance_to_next()
    system.amazon.change_account(ACCOUNT, roles=[])
    return system, order_ids


def test_a_role_that_is_missing_holds_a_history_up_and_is_said_once(start: Start) -> None:
    system, order_ids = in_a_history_without_the_role(start)
    system.advance(6 * 3600)
    attentions = [one for one in system.events(AccountAttention) if one.trouble == "order_role_missing"]
    assert [one.ended_at for one in attentions] == [None]
    assert runs(system, "history") == []
    assert 20 < len(imported(system)) < 40, "the burst of getOrder"
    system.amazon.save_account(system.amazon_account())
    system.import_now()
    system.advance(3 * 3600)
    (run,) = runs(system, "history")
    assert imported(system) == sorted(order_ids)
    assert run.skipped_because == ()
    assert sum("Inventory and Order Tracking" in problem for problem in run.problems) == 1


def test_a_history_waits_while_each_of_five_marketplaces_is_asked_alone(start: Start) -> None:
    """Without quota for the search that takes a while, and then the role is known to be missing."""
    system, order_ids = in_a_history_without_the_role(start)
    assert len(system.amazon_account().marketplaces) == 5
    with system.database.unit_of_work() as work:
        quotas.throttled(work, ACCOUNT, "searchOrders")
    system.advance(6 * 3600)
    assert runs(system, "history") == []
    system.amazon.save_account(system.amazon_account())
    system.import_now()
    system.advance(3 * 3600)
    (run,) = runs(system, "history")
    assert (imported(system), run.skipped_because) == (sorted(order_ids), ())


def test_one_order_that_amazon_refuses_does_not_hold_a_history_up(start: Start) -> None:
    system = start(import_from=(START - timedelta(days=100)).isoformat())
    wish: dict[str, Any] = {"status": "unshipped", "history": True}
    order_ids = system.place_orders(count=5, created_at=START - timedelta(days=60), **wish)
    system.advance(180)
    system.amazon.faults.add(
        Fault.model_validate({"operation": "getOrder", "kind": "403", "count": None, "order_id": order_ids[2]})
    )
    system.import_now()
    system.advance(4 * 3600)
    (run,) = runs(system, "history")
    assert imported(system) == sorted({*order_ids} - {order_ids[2]})
    assert [(why.reason, why.orders) for why in run.skipped_because] == [("refused_by_amazon", 1)]
    assert not [one for one in system.events(AccountAttention) if one.trouble == "order_role_missing"]


def test_a_dry_run_does_not_call_a_redacted_order_updated(system: System) -> None:
    (order_id,) = system.imported(odd="gift")
    system.amazon.change_order(order_id, lambda order, now: order.request_cancel("I moved house", now))
    system.advance(300)
    system.import_now()
    system.advance(31 * 86400)
    assert system.store.orders[order_id].personal_data.state == "redacted"
    system.amazon.change_order(order_id, lambda order, now: setattr(order, "updated_at", now))
    system.advance(300)
    with system.database.unit_of_work() as work:
        work.post(ImportDue(account_id=ACCOUNT, reason="dry_run"))
    system.run_until_idle()
    told = len(system.told_of_orders())
    system.import_now()
    assert len(system.told_of_orders()) == told, "the import itself finds nothing new"
    with system.database.unit_of_work() as work:
        log = work.session.scalars(select(Run.log).where(Run.kind == "dry_run")).one()
    run = ImportFinished.model_validate_json(log or "")
    assert (run.counts.seen, run.counts.updated) == (1, 0)


def test_a_wait_for_amazon_is_counted_once(system: System) -> None:
    system.place_orders()
    system.advance(180)
    system.fault("searchOrders", "503", count=6)
    begun = system.now
    system.import_now()
    for _ in range(20):
        system.advance(2)
        system.import_now()  # a slot, or somebody, meets the waiting run
    system.advance(900)
    (run, *_) = runs(system, "search")
    assert 0 < run.waited_seconds <= (run.finished_at - begun).total_seconds()


def test_all_unmapped_words_are_named_and_told_once(start: Start) -> None:
    system = start(shipping_methods={"STANDARD": {"id": "1", "name": "By post"}})
    for level in ("EXPEDITED", "NEXT_DAY", "STANDARD", "SAME_DAY"):
        (order_id,) = system.place_orders()
        system.amazon.change_order(order_id, partial(deliver, level=level))
    system.advance(180)
    system.import_now()
    (told,) = (one for one in system.events(AccountAttention) if one.trouble == "mapping_missing")
    assert all(level in told.message for level in ("EXPEDITED", "NEXT_DAY", "SAME_DAY"))
    assert "STANDARD" not in told.message
    with system.database.unit_of_work() as work:
        change_settings(work, ACCOUNT, {"shipping_methods.NEXT_DAY": "2"})
    with system.database.unit_of_work() as work:
        (standing,) = work.session.scalars(select(Attention).where(Attention.trouble == "mapping_missing"))
        assert "NEXT_DAY" not in standing.message + standing.what_to_do
        assert "SAME_DAY" in standing.message
        assert standing.ended_at is None


def test_a_reason_that_this_version_does_not_know_opens_no_run(system: System) -> None:
    """It began a search, and failed where one was open."""
    system.produce("import.due", b'{"account_id": "main", "reason": "a newer one"}')
    system.run_until_idle()
    assert system.outcomes_of("import.due")[-1] == "dead-letter"
    (letter,) = system.events(DeadLetter)
    assert letter.reason == "unknown_reason"
    with system.database.unit_of_work() as work:
        assert work.session.scalars(select(Run)).all() == []
