"""PostgreSQL is restored from a dump 50 shipments old: `orderbridge recover`, and the books agree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from orderbridge.database.models import OutboxRow, PackageRow
from orderbridge.demo.books import compare
from tests.parts.distributed_house import DistributedHouse
from tests.parts.kafka import Kafka
from tests.parts.postgres import dump, restore
from tests.parts.process import wait_until

BEFORE, AFTER, NEW = 6, 44, 6
"""Orders shipped before the dump, shipped after it, and placed and shipped after it."""


@pytest.fixture
def house(kafka: Kafka, postgres_url: str, topic_prefix: str, tmp_path: Path) -> Iterator[DistributedHouse]:
    workers = ("ticker", "importer", "shipper", "redactor")
    with closing(
        DistributedHouse(tmp_path, kafka.bootstrap_servers, postgres_url, topic_prefix, speed=100, workers=workers)
    ) as house:
        house.start()
        yield house


@pytest.mark.timeout(400)
def test_the_books_agree_after_a_restore(house: DistributedHouse, postgres_url: str, tmp_path: Path) -> None:
    shop = Shop(house)
    shop.place(BEFORE + AFTER)
    shop.ship_all(limit=BEFORE)
    shop.wait_until_answered()
    with house.database.unit_of_work() as work:
        moment = work.now
    dump(postgres_url, tmp_path / "dump")
    shop.ship_all()
    shop.wait_until_answered()
    shop.place(NEW)
    shop.ship_all()
    shop.correct_some(5)
    shop.wait_until_answered()
    before = shop.amazon()

    running = recover(house, moment.isoformat())
    assert running.returncode == 1
    assert "Still running: " in running.stderr
    assert "shipper" in running.stderr
    assert "the ticker" in running.stderr
    house.stop_workers()
    restore(postgres_url, tmp_path / "dump")
    with house.database.unit_of_work() as work:
        assert len(work.session.scalars(select(PackageRow)).all()) <= BEFORE + 2

    planned = json.loads(recover(house, moment.isoformat(), "--dry-run", "--json").stdout)
    done = json.loads(recover(house, moment.isoformat(), "--json").stdout)
    again = recover(house, moment.isoformat())

    assert planned["orders_to_read"] == done["orders_to_read"] == done["orders_read"]
    assert done["orders_to_read"] >= AFTER + NEW
    assert done["packages_taken_over"] >= AFTER + NEW
    assert planned["events_to_read_again"] == done["events_to_read_again"]
    assert done["events_to_read_again"][f"{house.settings.topic_prefix}orderbridge-shipper"] >= AFTER + NEW
    assert again.returncode == 0
    assert "Amazon was asked about 0 orders." in again.stdout
    assert "taken back" not in again.stdout
    assert again.stdout.endswith("Now start the services.\n")
    house.start_workers()
    house.import_now()
    wait_until(lambda: _is_idle(house), seconds=90, what="all is read again", interval=0.5)
    wait_until(lambda: _orders(house) == BEFORE + AFTER + NEW, seconds=60, what="all orders are here", interval=0.5)
    wait_until(lambda: _is_idle(house), seconds=90, what="nothing is left to do", interval=0.5)

    amazon, store = shop.amazon(), house.get(f"{house.storefront}/api/books")
    assert _without_repeats(amazon) == _without_repeats(before), "what Amazon was told has changed"
    found = compare(amazon, store)
    assert found.lost == []
    # An order that came after the dump is told as new once more: stores upsert by its number.
    assert [one for one in found.doubled if "imported 2 times" not in one] == []
    assert len(found.doubled) <= NEW
    assert {shipment["state"] for shipment in store["shipments"]} == {"confirmed"}
    assert all(order["status"] == "SHIPPED" for order in amazon["orders"].values())
    with house.database.unit_of_work() as work:
        rows = work.session.scalars(select(PackageRow)).all()
        assert work.session.scalars(select(OutboxRow.body).where(OutboxRow.topic.endswith(".dead-letter"))).all() == []
    assert {row.state for row in rows} == {"confirmed"}
    assert Counter(row.order_id for row in rows) == {
        order_id: len(order["packages"]) for order_id, order in amazon["orders"].items()
    }


class Shop:
    """Buyers at Amazon, and the store that ships what they ordered: every third order in two packages."""

    def __init__(self, house: DistributedHouse) -> None:
        self._house = house
        self._shipped: dict[str, dict[str, Any]] = {}

    def amazon(self) -> dict[str, Any]:
        """What Amazon was told."""
        books: dict[str, Any] = self._house.get(f"{self._house.sandbox}/_sandbox/books")
        return books

    def place(self, count: int) -> None:
        """Orders, until the store has them."""
        placed = self._house.post(f"{self._house.sandbox}/_sandbox/orders", {"count": count, "lines": 2})["order_ids"]

        def have_come() -> bool:
            self._house.import_now()
            return set(placed) <= {order["order_id"] for order in self._orders()}

        wait_until(have_come, seconds=90, what=f"{count} orders at the store", interval=2.0)

    def ship_all(self, limit: int = 1000) -> None:
        """Ship what the store has and has not shipped."""
        for order in [one for one in self._orders() if one["order_id"] not in self._shipped][:limit]:
            order_id, number = order["order_id"], "1Z" + order["order_id"].replace("-", "")
            if len(self._shipped) % 3 == 0:
                line = {"order_item_id": order["lines"][1]["order_item_id"], "quantity": 1}
                self._say(order_id, package_id="B", tracking_number=number + "B", lines=[line])
                self._say(order_id, package_id="A", tracking_number=number + "A")
            else:
                self._say(order_id, tracking_number=number)
            self._shipped[order_id] = order

    def correct_some(self, count: int) -> None:
        """Other tracking numbers for packages that are under way."""
        self.wait_until_answered()
        named = [one for one in self._books()["shipments"] if one["package_id"] == "A"]
        for shipment in named[-count:]:
            number = shipment["tracking_number"] + "-NEW"
            self._say(
                shipment["order_id"], package_id="A", tracking_number=number, lines=shipment["confirmed"]["lines"]
            )

    def wait_until_answered(self) -> None:
        """Everything that was said is answered."""

        def answered() -> bool:
            return {one["state"] for one in self._books()["shipments"]} == {"confirmed"}

        wait_until(answered, seconds=90, what="every shipment is confirmed", interval=0.5)

    def _orders(self) -> list[dict[str, Any]]:
        orders: list[dict[str, Any]] = self._house.get(f"{self._house.storefront}/api/orders")
        return sorted(orders, key=lambda order: order["order_id"])

    def _books(self) -> dict[str, Any]:
        books: dict[str, Any] = self._house.get(f"{self._house.storefront}/api/books")
        return books

    def _say(self, order_id: str, **body: Any) -> None:
        self._house.post(f"{self._house.storefront}/api/orders/{order_id}/ship", {"carrier": "UPS", **body})


def recover(house: DistributedHouse, since: str, *options: str) -> subprocess.CompletedProcess[str]:
    """The command, as an operator types it."""
    return subprocess.run(
        [sys.executable, "-m", "orderbridge", "recover", "--since", since, *options],
        env={
            **os.environ,
            **house.environment,
            "ORDERBRIDGE_SESSION_TIMEOUT_SECONDS": "2",
        },  # it waits longer than that
        capture_output=True,
        text=True,
        timeout=120,
    )


def _is_idle(house: DistributedHouse) -> bool:
    """Every worker has read its topics to their ends, and nothing is due."""
    states = [house.get(f"{house.health[worker]}/healthz") for worker in ("importer", "shipper", "redactor")]
    behind = sum(state["lag"] for state in states) + sum(state["partitions"] == 0 for state in states)
    with house.database.unit_of_work() as work:
        due = select(OutboxRow.position).where(OutboxRow.published_at.is_(None), OutboxRow.due_at <= work.now).limit(1)
        return behind == 0 and work.session.scalars(due).first() is None


def _orders(house: DistributedHouse) -> int:
    with house.database.unit_of_work() as work:
        return len(work.session.connection().exec_driver_sql("SELECT 1 FROM orders").all())


def _without_repeats(books: dict[str, Any]) -> dict[str, Any]:
    return {
        order_id: {number: package["content"] for number, package in order["packages"].items()}
        for order_id, order in books["orders"].items()
    }
