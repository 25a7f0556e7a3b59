"""Shipments through everything that goes wrong at once: each package is at Amazon once, as the store last said it.

Amazon answers with 500 and 503, hangs, drops connections before and after the effect, and with 429, since another
client eats the quota; shippers are killed at random. The seed is printed, and ORDERBRIDGE_CHAOS_SEED replays it. What
is sent again after a crash with the same content is counted apart.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select

from orderbridge.accounts.onboarding import connect_account
from orderbridge.accounts.settings import AccountSettings
from orderbridge.database.models import HandlerFailure, OrderRow, OutboxRow, PackageRow, Quota
from orderbridge.store import Store
from schemas.imports import ImportDue
from schemas.shipments import ShipmentConfirmed, ShipmentRejected
from tests.parts.distributed_house import DistributedHouse
from tests.parts.greedy_client import greedy_client
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until
from tests.parts.shipment_plan import Content, Plan, plan
from tests.parts.shippers import Shippers

SEED = int(os.environ.get("ORDERBRIDGE_CHAOS_SEED") or random.randrange(1_000_000))
HASTY = ("tests.parts.hasty_shipper",)
REAL = ("orderbridge.service", "shipper")
SHARES = {
    "500": 0.02,
    "503": 0.02,
    "429": 0.02,
    "timeout": 0.02,
    "hang": 0.01,
    "html": 0.01,
    "truncated": 0.01,
    "drop_before_effect": 0.02,
    "drop_after_effect": 0.04,
}
"""Of the calls to confirm or to ask so many fail in each way: one in six in all."""


@dataclass(frozen=True)
class Size:
    """How much of it: `orders` of the seller are 1.25 shipments each, over so many accounts."""

    orders: int
    accounts: int
    refused: int
    kills: int
    every: float
    a_second: float
    speed: int
    drain: float


@pytest.mark.timeout(240)
def test_a_hundred_shipments(kafka: Kafka, postgres_url: str, topic_prefix: str, tmp_path: Path) -> None:
    size = Size(orders=80, accounts=1, refused=1, kills=3, every=3.0, a_second=12, speed=10, drain=90)
    _run(tmp_path, kafka, postgres_url, topic_prefix, HASTY, size)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_two_thousand_shipments(kafka: Kafka, postgres_url: str, topic_prefix: str, tmp_path: Path) -> None:
    size = Size(orders=1600, accounts=4, refused=5, kills=20, every=6.0, a_second=20, speed=10, drain=300)
    found = _run(tmp_path, kafka, postgres_url, topic_prefix, REAL, size)
    assert {"500", "503", "429", "timeout", "dropped", "hung"} <= found.keys(), "not everything went wrong"


def _run(folder: Path, kafka: Kafka, url: str, prefix: str, program: tuple[str, ...], size: Size) -> dict[str, int]:
    print(f"seed {SEED}: ORDERBRIDGE_CHAOS_SEED={SEED} replays it")
    workers = ("ticker", "importer")
    house = DistributedHouse(
        folder, kafka.bootstrap_servers, url, prefix, speed=size.speed, workers=workers, store=False
    )
    with closing(house):
        house.start()
        shop = _Shop(house, size)
        shippers = Shippers(house, 2, program)
        with closing(shippers), closing(shop):
            shippers.start()
            killed = _chaos(house, shop, shippers, size)
            began = time.monotonic()
            _drain(shop, size.drain)
            print(f"{killed} kills, drained in {time.monotonic() - began:.0f} s")
            calls = house.get(f"{house.sandbox}/_sandbox/calls")["operations"]["confirmShipment"]["by_status"]
            print(f"confirmShipment: {calls}")
            _check(house, shop, killed)
    found: dict[str, int] = calls
    return found


def _drain(shop: _Shop, seconds: float) -> None:
    try:
        wait_until(lambda: not shop.left(), seconds=seconds, what="every event is answered", interval=0.5)
    except TimeoutError as error:
        missing = sorted(shop.left())
        with shop.house.database.unit_of_work() as work:
            rows = work.session.scalars(select(PackageRow).where(PackageRow.order_id.in_(_orders(missing))))
            found = [f"{row.order_id} {row.package_key} {row.state} {row.hold_until} {row.failures}" for row in rows]
            quotas = [vars(row) for row in work.session.scalars(select(Quota).where(Quota.closed_until_us > 0))]
        raise AssertionError(f"{error}: {missing}; {found}; {quotas}; {work.now}") from None


def _orders(event_ids: list[str]) -> list[str]:
    return [event_id.partition("/")[0] for event_id in event_ids]


def _chaos(house: DistributedHouse, shop: _Shop, shippers: Shippers, size: Size) -> int:
    """All that goes wrong, until everything is said and the last kill is done; returns the number of kills."""
    chance = random.Random(SEED)
    killed = 0
    kill_at = time.monotonic() + size.every
    with _faults(house, shop), greedy_client(house.sandbox, list(shop.tokens.values())):
        while killed < size.kills or shop.has_more():
            shop.say()
            if killed < size.kills and time.monotonic() > kill_at:
                shippers.kill(chance.choice(shippers.names()))
                killed += 1
                kill_at = time.monotonic() + size.every * chance.uniform(0.5, 1.5)
            assert shippers.restart_dead() == [], "a shipper has ended by itself"
            house.watch()
            time.sleep(0.1)
    return killed


@contextmanager
def _faults(house: DistributedHouse, shop: _Shop) -> Iterator[None]:
    """A share of the calls fails, as long as the block lasts."""
    shop.have_some_refused()
    for operation in ("confirmShipment", "getOrder"):
        for kind, share in SHARES.items():
            wish = {"operation": operation, "kind": kind, "share": share, "count": None, "seconds": 0.5}
            house.post(f"{house.sandbox}/_sandbox/faults", wish)
    yield
    requests.delete(f"{house.sandbox}/_sandbox/faults", timeout=30).raise_for_status()
    shop.have_some_refused()


@dataclass
class _Shop:
    """The seller's accounts with their orders, and the store that ships them."""

    house: DistributedHouse
    size: Size
    tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number in range(self.size.accounts):
            self._connect(f"seller-{number}")
        orders, self._refused = self._place()
        self.plan: Plan = plan(orders, self._refused)
        random.Random(SEED).shuffle(self.plan.wishes)
        self.plan.wishes.sort(
            key=lambda wish: wish.event_id.endswith("/2")
        )  # a correction comes after what it corrects
        self._store = Store.from_settings(self.house.settings)
        self._began: float | None = None
        self._said = 0
        self._read: set[int] = set()
        self.answers: dict[str, list[ShipmentConfirmed | ShipmentRejected]] = defaultdict(list)

    def say(self) -> None:
        """Whatever is to be said by now."""
        self._began = self._began or time.monotonic()
        due = int((time.monotonic() - self._began) * self.size.a_second)
        for wish in self.plan.wishes[self._said : due]:
            self._store.shipped(wish.event, event_id=wish.event_id)
        self._said = max(self._said, min(due, len(self.plan.wishes)))

    def have_some_refused(self) -> None:
        """Amazon answers 400 about some orders, whatever is said."""
        for order_id, reason in self._refused.items():
            if reason == "amazon_refused":
                fault = {"operation": "confirmShipment", "kind": "400", "count": None, "order_id": order_id}
                self.house.post(f"{self.house.sandbox}/_sandbox/faults", fault)

    def has_more(self) -> bool:
        """Whether there is more to be said."""
        return self._said < len(self.plan.wishes)

    def left(self) -> set[str]:
        """The events that nothing corrects and that have no answer yet."""
        topics = (ShipmentConfirmed.event_type, ShipmentRejected.event_type)
        with self.house.database.unit_of_work() as work:
            columns = select(OutboxRow.position, OutboxRow.topic, OutboxRow.body)
            rows = work.session.execute(columns.where(OutboxRow.topic.in_(topics))).all()
        for position, topic, body in rows:
            if position not in self._read:  # never "what is behind the last": a row may be committed after later ones
                self._read.add(position)
                kind = ShipmentConfirmed if topic == topics[0] else ShipmentRejected
                answer: ShipmentConfirmed | ShipmentRejected = kind.model_validate_json(body)
                self.answers[answer.caused_by].append(answer)
        return self.plan.to_be_answered().keys() - self.answers.keys()

    def close(self) -> None:
        """Disconnect."""
        self._store.close()

    def _connect(self, account: str) -> None:
        self.tokens[account] = f"Atzr|{account}-{SEED}"
        self.house.post(
            f"{self.house.sandbox}/_sandbox/accounts", {"account": account, "refresh_token": self.tokens[account]}
        )
        settings = AccountSettings(enabled=True, import_fba=True, import_from=datetime.now(UTC) - timedelta(days=31))
        connect_account(self.house.settings, self.house.database, account, self.tokens[account], settings)

    def _place(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Orders of all accounts, imported; and the reason for which some must be refused."""
        base = {"lines": 2, "history": True, "programs": [], "status": "UNSHIPPED"}
        base["created_at"] = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        refused: dict[str, str] = {}
        for account in self.tokens:
            share = base | {"account": account}
            self._ask({**share, "count": self.size.orders // self.size.accounts})
            for reason in ("unknown_line", "more_than_ordered", "amazon_refused"):
                refused |= dict.fromkeys(self._ask({**share, "count": self.size.refused}), reason)
            fba = self._ask({**share, "count": self.size.refused, "fulfilled_by": "AMAZON"})
            refused |= dict.fromkeys(fba, "fulfilled_by_amazon")
            with self.house.database.unit_of_work() as work:
                work.post(ImportDue(account_id=account, reason="now"))
        books = self.house.get(f"{self.house.sandbox}/_sandbox/books")["orders"]
        wait_until(lambda: self._imported() == books.keys(), seconds=120, what="the orders are here", interval=0.5)
        return books, refused

    def _ask(self, wish: dict[str, Any]) -> list[str]:
        order_ids: list[str] = self.house.post(f"{self.house.sandbox}/_sandbox/orders", wish)["order_ids"]
        return order_ids

    def _imported(self) -> set[str]:
        with self.house.database.unit_of_work() as work:
            return set(work.session.scalars(select(OrderRow.order_id)))


def _check(house: DistributedHouse, shop: _Shop, kills: int) -> None:
    books = house.get(f"{house.sandbox}/_sandbox/books")["orders"]
    at_amazon = {
        order_id: sorted((_content(package["content"]) for package in order["packages"].values()), key=str)
        for order_id, order in books.items()
    }
    assert at_amazon == shop.plan.content_by_order()
    for event_id, reason in shop.plan.to_be_answered().items():
        told = {one.reason if isinstance(one, ShipmentRejected) else None for one in shop.answers[event_id]}
        assert told == {reason}, event_id
    corrected = shop.plan.corrected()
    identical = Counter(
        {order_id: sum(p["identical"] for p in books[order_id]["packages"].values()) for order_id in books}
    )
    repeated = {order_id: count for order_id, count in identical.items() if count and order_id not in corrected}
    print(f"identical calls: {identical.total()}, of packages that were never corrected: {sum(repeated.values())}")
    # Whoever is unsure asks first. Only a call still on its way while its shipper dies may be overtaken by the answer.
    assert sum(repeated.values()) <= kills
    with house.database.unit_of_work() as work:
        assert work.session.scalars(select(HandlerFailure.exception)).all() == []
        assert work.session.scalars(select(OutboxRow.body).where(OutboxRow.topic.endswith(".dead-letter"))).all() == []
        assert set(work.session.scalars(select(PackageRow.state))) == {"confirmed", "rejected"}


def _content(told: dict[str, Any]) -> Content:
    quantities: Counter[str] = Counter()
    for item in told["orderItems"]:
        quantities[item["orderItemId"]] += item["quantity"]
    return told["carrierCode"], told["trackingNumber"], dict(quantities)
