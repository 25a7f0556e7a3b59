"""Twenty thousand orders a day, each with its changes: within Amazon's quotas, and without a backlog that grows."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Any

import pytest

from orderbridge.accounts.subscriptions import subscribe
from orderbridge.amazon import orders as amazon_orders
from orderbridge.database.models import AccountState
from sandbox.clock import to_amazon
from schemas.imports import ImportFinished
from services.importer import search_run
from services.listener.messages import take
from services.ticker.slots import plan_slots
from tests.integration.services.conftest import Start
from tests.parts.hand_clock import START
from tests.parts.in_process import ACCOUNT, System

ORDERS_A_DAY = 20_000
SHIPPED_AFTER = 75
"""Minutes: in another run than the order itself, so that no two changes fall together."""
ARN = "arn:aws:sqs:us-east-1:123456789012:orders"


class Trade:
    """Buyers and a seller at their usual pace, since long before the test."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.placed: deque[tuple[datetime, str]] = deque()
        self.changes = 0
        self.late: list[float] = []
        self._minutes = 0
        started = system.now - timedelta(minutes=SHIPPED_AFTER)
        earlier = ORDERS_A_DAY * SHIPPED_AFTER // 1440
        # Each already lies in the past when the first run begins.
        ids = system.place_orders(count=earlier, created_at=started, spread_over_seconds=SHIPPED_AFTER * 60)
        step = timedelta(minutes=SHIPPED_AFTER) / earlier
        self.placed += [(started + step * number, order_id) for number, order_id in enumerate(ids)]
        self.changes += earlier

    def minute(self) -> list[str]:
        """A minute of trade; returns the orders that were touched."""
        system, now = self.system, self.system.now
        self._minutes += 1
        due = ORDERS_A_DAY * self._minutes // 1440 - ORDERS_A_DAY * (self._minutes - 1) // 1440
        touched = system.place_orders(count=due)
        new = [(now, order_id) for order_id in touched]
        while self.placed and self.placed[0][0] <= now - timedelta(minutes=SHIPPED_AFTER):
            _, order_id = self.placed.popleft()
            self._ship(order_id)
            touched.append(order_id)
        self.placed += new
        self.changes += len(touched)
        return touched

    def _ship(self, order_id: str) -> None:
        account = self.system.amazon_account()
        order = self.system.amazon.order_of(order_id, account)
        items = [{"orderItemId": item, "quantity": count} for item, count in order.ordered.items()]
        package: dict[str, Any] = {
            "packageReferenceId": "1",
            "carrierCode": "UPS",
            "trackingNumber": "1Z1",
            "shipDate": to_amazon(self.system.now),
            "orderItems": items,
        }
        body = {"marketplaceId": order.marketplace_id, "packageDetail": package}
        self.system.amazon.confirm_shipment(order_id, body, account)


def throttled(system: System) -> dict[str, int]:
    return {name: calls["429"] for name in ("searchOrders", "getOrder") if "429" in (calls := system.calls(name))}


def cursor(system: System) -> datetime:
    with system.database.unit_of_work() as work:
        state = work.session.get_one(AccountState, ACCOUNT)
        assert state.cursor is not None
        return state.cursor


@pytest.mark.timeout(240)
def test_the_search_alone_carries_it(start: Start) -> None:
    """Some 20 pages an hour: no 429, each run is through long before the next, and the lag does not grow."""
    system = start(import_from=(START - timedelta(days=1)).isoformat())
    trade = Trade(system)
    system.advance(180)
    hours, lags = 2, []
    for minute in range(1, hours * 60 + 1):
        plan_slots(system.database)
        trade.minute()
        system.advance(60)
        if minute % 60 == 0:
            lags.append((system.now - cursor(system)).total_seconds())
    assert trade.changes > 2 * ORDERS_A_DAY * hours / 24
    assert throttled(system) == {}
    assert lags == sorted(lags, reverse=True)
    assert lags[0] < 600
    _, middle, last = (run for run in system.events(ImportFinished) if run.kind == "search")
    assert max(middle.waited_seconds, last.waited_seconds) < 600
    assert last.amazon_calls == 20
    assert not last.problems


@pytest.mark.timeout(240)
def test_notifications_carry_it_in_seconds(start: Start) -> None:
    """A `getOrder` for each change, a minute after it at the latest; the search comes after and finds nothing new."""
    system = start(import_from=(START - timedelta(days=1)).isoformat())
    trade = Trade(system)
    system.advance(180)
    system.import_now()
    trade.changes = 0
    subscribe(system.settings, system.database, ACCOUNT, ARN)
    sent = system.amazon.notifications.queues.messages
    behind = []
    for _ in range(20):
        touched = trade.minute()
        for message in sent:
            assert take(system.database, message.body) == "posted"
        sent.clear()
        system.advance(60)
        behind.append(sum(not is_there(system, order_id) for order_id in touched))
    assert max(behind) < 10
    assert set(behind[-10:]) == {0}
    system.import_now()
    assert throttled(system) == {}
    assert system.calls("getOrder") == {"200": trade.changes}
    swept = system.events(ImportFinished)[-1]
    assert (swept.counts.imported, swept.counts.updated) == (0, 0)


def test_a_run_that_takes_longer_than_its_slot_says_so_once(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = amazon_orders.search_orders
    monkeypatch.setattr(search_run, "search_orders", lambda *a, **k: whole(*a, **{**k, "max_results": 2}))
    system.imported(count=2)
    system.place_orders(count=90)
    system.advance(180)
    system.import_now()
    system.advance(3 * 3600)
    first, run = system.events(ImportFinished)
    assert first.problems == ()
    (problem,) = run.problems
    assert "20 pages of 100 an hour" in problem
    assert f"orderbridge notifications subscribe {ACCOUNT}" in problem
    assert run.counts.imported == 90


def is_there(system: System, order_id: str) -> bool:
    told = system.store.orders.get(order_id)
    real = system.amazon.order_of(order_id, system.amazon_account())
    return told is not None and told.amazon_status == real.status.lower()
