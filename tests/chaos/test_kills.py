"""Workers killed at random while orders are imported and shipped: afterwards the books of Amazon and the store agree.

The seed is printed, and ORDERBRIDGE_CHAOS_SEED replays it.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from orderbridge.database.models import OutboxRow
from orderbridge.demo.books import compare
from tests.parts.distributed_house import WORKERS, DistributedHouse, Kills
from tests.parts.kafka import Kafka

SEED = int(os.environ.get("ORDERBRIDGE_CHAOS_SEED") or random.randrange(1_000_000))


@pytest.mark.timeout(420)
def test_a_few_kills(kafka: Kafka, postgres_url: str, topic_prefix: str, tmp_path: Path) -> None:
    _run(
        DistributedHouse(tmp_path, kafka.bootstrap_servers, postgres_url, topic_prefix, speed=60, workers=WORKERS),
        orders=30,
        kills=4,
        every=8.0,
        drain=240,
    )


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_twenty_kills(kafka: Kafka, postgres_url: str, topic_prefix: str, tmp_path: Path) -> None:
    workers = (*WORKERS, "shipper-2")
    _run(
        DistributedHouse(tmp_path, kafka.bootstrap_servers, postgres_url, topic_prefix, speed=60, workers=workers),
        orders=300,
        kills=20,
        every=15.0,
        drain=600,
    )


def _run(house: DistributedHouse, *, orders: int, kills: int, every: float, drain: float) -> None:
    print(f"seed {SEED}: ORDERBRIDGE_CHAOS_SEED={SEED} replays it")
    try:
        house.start()
        schedule = Kills(house, count=kills, every=every, seed=SEED)
        store = _Store(house)
        left, batch = orders, max(1, orders // (kills + 1))
        asked_at = placed_at = 0.0
        drained_by: float | None = None
        while drained_by is None or not store.everything_answered(orders):
            now = time.monotonic()
            assert drained_by is None or now < drained_by, f"not drained: {store.state()} after {schedule.killed}"
            house.watch()
            schedule.go_on()
            if left and now - placed_at > every / 2:
                count = min(batch, left)
                house.post(f"{house.sandbox}/_sandbox/orders", {"count": count, "lines": 2})
                left, placed_at = left - count, now
            if now - asked_at > 3:
                house.import_now()
                asked_at = now
            store.ship_what_came()
            if schedule.over and not left and drained_by is None:
                drained_by = now + drain
            time.sleep(0.2)
        _check(house, schedule)
    finally:
        house.close()


def _check(house: DistributedHouse, schedule: Kills) -> None:
    amazon, store = house.get(f"{house.sandbox}/_sandbox/books"), house.get(f"{house.storefront}/api/books")
    comparison = compare(amazon, store)
    print(f"killed {schedule.killed}; repeated {comparison.repeated}")
    assert comparison.lost == []
    assert comparison.doubled == []
    assert comparison.repeated <= len(schedule.killed)
    assert {shipment["state"] for shipment in store["shipments"]} == {"confirmed"}
    assert all(order["status"] == "SHIPPED" for order in amazon["orders"].values())
    calls = house.get(f"{house.sandbox}/_sandbox/calls")["operations"]
    assert {name: operation["throttled"] for name, operation in calls.items() if operation["throttled"]} == {}
    with house.database.unit_of_work() as work:
        assert work.session.query(OutboxRow).filter(OutboxRow.topic.endswith(".dead-letter")).all() == []


class _Store:
    """The merchant: ships every order once, one in five in two packages."""

    def __init__(self, house: DistributedHouse) -> None:
        self._house = house
        self._shipped: dict[str, int] = {}

    def ship_what_came(self) -> None:
        for order in self._house.get(f"{self._house.storefront}/api/orders"):
            order_id = order["order_id"]
            if order_id not in self._shipped and order["amazon_status"] == "unshipped":
                number = "1Z" + order_id.replace("-", "")
                first = {"order_item_id": order["lines"][0]["order_item_id"], "quantity": 1}
                if len(self._shipped) % 5 == 0:
                    self._say(order_id, package_id="A", tracking_number=number + "A", lines=[first])
                    self._say(order_id, package_id="B", tracking_number=number + "B")
                    self._shipped[order_id] = 2
                else:
                    self._say(order_id, tracking_number=number)
                    self._shipped[order_id] = 1

    def everything_answered(self, orders: int) -> bool:
        books = self._house.get(f"{self._house.storefront}/api/books")
        answered = [one for one in books["shipments"] if one["state"] in ("confirmed", "rejected")]
        return len(self._shipped) == orders and len(answered) == sum(self._shipped.values())

    def state(self) -> dict[str, Any]:
        books = self._house.get(f"{self._house.storefront}/api/books")
        states = [one["state"] for one in books["shipments"]]
        return {"orders": len(books["orders"]), **{state: states.count(state) for state in set(states)}}

    def _say(self, order_id: str, **body: Any) -> None:
        self._house.post(f"{self._house.storefront}/api/orders/{order_id}/ship", {"carrier": "UPS", **body})
