"""An import while Amazon is unwell, refuses, or has no quota left: the cursor stays, nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from orderbridge.amazon import AccessDenied, BadAnswer
from orderbridge.amazon import orders as amazon_orders
from orderbridge.amazon.operations import SEARCH_ORDERS
from orderbridge.amazon_calls import AmazonCalls, CallFailed
from orderbridge.database.models import AccountState, Attempt
from orderbridge.database.quotas import FAULTS_TO_CLOSE
from schemas.imports import ImportDue, ImportFinished
from schemas.orders import OrderImported
from services.importer import search_run
from tests.parts.in_process import ACCOUNT, System

FAULTS = ["429", "500", "503", "timeout", "html", "truncated", "drop_before_effect", "drop_after_effect"]


def cursor(system: System) -> Any:
    with system.database.unit_of_work() as work:
        return work.session.get_one(AccountState, ACCOUNT).cursor


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_leaves_the_cursor_and_the_run_goes_on(system: System, kind: str) -> None:
    order_ids = system.place_orders(count=2)
    system.advance(180)
    system.fault("searchOrders", kind)
    system.import_now()
    assert cursor(system) is None
    assert not system.told_of_orders()
    system.advance(200)
    assert sorted(event.order_id for event in system.events(OrderImported)) == sorted(order_ids)
    assert len(system.events(ImportFinished)) == 1
    assert cursor(system) is not None
    assert sum(system.calls("searchOrders").values()) == 2
    with system.database.unit_of_work() as work:
        outcomes = list(work.session.scalars(select(Attempt.outcome).order_by(Attempt.started_at)))
    assert len(outcomes) == 2
    assert outcomes[1] == "done"
    assert outcomes[0] not in (None, "done")


@pytest.mark.parametrize("kind", ["500", "timeout"])
def test_a_long_outage_is_waited_for_with_few_calls(system: System, kind: str) -> None:
    order_ids = system.place_orders(count=2)
    system.advance(180)
    system.fault("searchOrders", kind, count=10)
    system.import_now()
    system.advance(10)
    assert sum(system.calls("searchOrders").values()) == FAULTS_TO_CLOSE  # the breaker has closed
    system.advance(3600)
    assert sorted(event.order_id for event in system.events(OrderImported)) == sorted(order_ids)
    assert sum(system.calls("searchOrders").values()) == 11


def test_a_login_that_fails_is_waited_for(system: System) -> None:
    system.place_orders()
    system.advance(180)
    system.forget_access_token()
    system.fault("login", "503")
    system.import_now()
    assert system.calls("searchOrders") == {}
    system.advance(60)
    assert len(system.events(OrderImported)) == 1


def test_without_quota_it_gives_back_and_goes_on_at_its_moment(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """One order a page: the burst is spent, then a page goes whenever Amazon's bucket has refilled. Never a 429."""
    whole = amazon_orders.search_orders
    monkeypatch.setattr(search_run, "search_orders", lambda *a, **k: whole(*a, **{**k, "max_results": 1}))
    order_ids = system.imported(count=25)
    spent = sum(system.calls("searchOrders").values())
    assert spent == SEARCH_ORDERS.burst - 1
    assert len(system.events(OrderImported)) == spent
    assert cursor(system) is None
    interval = 1 / SEARCH_ORDERS.rate_per_second
    system.advance(interval - 1)
    assert len(system.events(OrderImported)) == spent
    system.advance(2)
    assert len(system.events(OrderImported)) == spent + 1
    system.advance(6 * interval)
    assert sorted(event.order_id for event in system.events(OrderImported)) == sorted(order_ids)
    assert set(system.calls("searchOrders")) == {"200"}


def test_another_client_that_spends_our_quota_is_waited_for(system: System) -> None:
    for _ in range(SEARCH_ORDERS.burst):
        assert system.amazon.limits.take(ACCOUNT, "searchOrders")
    system.place_orders()
    system.advance(120)
    system.import_now()
    system.advance(600)
    assert len(system.events(OrderImported)) == 1
    assert system.calls("searchOrders") == {"429": 1, "200": 1}


def test_a_refused_run_ends_and_says_why(system: System) -> None:
    system.imported()
    before = cursor(system)
    system.amazon.save_account(system.amazon_account().model_copy(update={"roles": []}))
    system.advance(600)
    system.import_now()
    run = system.events(ImportFinished)[-1]
    assert "Unauthorized" in run.problems[0]
    assert cursor(system) == before
    system.amazon.save_account(system.amazon_account())
    system.import_now()
    assert system.events(ImportFinished)[-1].problems == ()
    assert cursor(system) > before


def test_an_answer_that_makes_no_sense_is_not_asked_for_in_a_circle(system: System) -> None:
    """A 200 that is not what the model says is a fault too: tried again ever later, and the breaker closes."""
    calls = AmazonCalls(system.settings, system.database)

    def nonsense(_connection: Any) -> Any:
        raise BadAnswer("searchOrders", "the answer is not JSON", status=200)

    waits = []
    for _ in range(FAULTS_TO_CLOSE):
        with system.database.unit_of_work() as work:
            assert calls.reserve(work, ACCOUNT, SEARCH_ORDERS) is None
            with pytest.raises(CallFailed) as caught:
                calls.make(work, ACCOUNT, SEARCH_ORDERS, "a test", nonsense)
            waits.append(caught.value.retry_at - work.now)
    assert timedelta(0) < waits[0] < waits[1] < waits[2]
    with system.database.unit_of_work() as work:
        assert calls.reserve(work, ACCOUNT, SEARCH_ORDERS) is not None


ByNumber = Callable[[System, str], list[str]]


def ask_for(system: System, order_id: str) -> None:
    body = ImportDue(account_id=ACCOUNT, reason="order", order_id=order_id).model_dump_json()
    system.produce("import.due", body.encode())
    system.run_until_idle()


@pytest.mark.parametrize("kind", FAULTS)
def test_one_order_by_number_through_a_fault(system: System, kind: str) -> None:
    (order_id,) = system.place_orders()
    system.fault("getOrder", kind)
    ask_for(system, order_id)
    assert not system.told_of_orders()
    system.advance(60)
    assert [event.order_id for event in system.told_of_orders()] == [order_id]
    ask_for(system, order_id)
    assert len(system.told_of_orders()) == 1


def test_a_proxys_refusal_is_not_amazons(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 403 without Amazon's error list says nothing of our window: it is gone on with a minute later."""
    order_ids = system.place_orders(count=2)
    system.advance(180)
    whole = amazon_orders.search_orders

    def refuse(*_arguments: Any, **_options: Any) -> Any:
        raise AccessDenied(SEARCH_ORDERS.name, "Amazon answered 403 without an error list", status=403)

    monkeypatch.setattr(search_run, "search_orders", refuse)
    system.import_now()
    assert system.events(ImportFinished) == []
    monkeypatch.setattr(search_run, "search_orders", whole)
    system.advance(60)
    assert sorted(event.order_id for event in system.events(OrderImported)) == sorted(order_ids)
    assert system.events(ImportFinished)[-1].problems == ()
