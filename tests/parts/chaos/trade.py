"""The people: buyers who order, change their minds and cancel, and a store that ships every order."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from sqlalchemy.exc import SQLAlchemyError

from tests.parts.distributed_house import DistributedHouse
from tests.parts.shipment_plan import Plan, Wish, plan

_DAYS_30 = timedelta(days=30)
_PACKED_IN, _CORRECTED_AFTER = (0.0, 15.0), (15.0, 20.0)
"""Seconds. So the store ships on while nothing is imported."""
_REFUSALS = ("unknown_line", "more_than_ordered", "amazon_refused")
_BY_AMAZON, CANCELLED, UNSURE, UNPAID, OLD = "fba", "cancelled", "asks to cancel", "unpaid", "old"


def _kind(number: int) -> str:
    """What is special about the order of this number: half of them are plain."""
    if number % 20 in (4, 9, 14):
        return _REFUSALS[number % 20 // 5]
    if number % 20 in (7, 17):
        return OLD
    return {3: _BY_AMAZON, 8: CANCELLED, 13: UNSURE, 18: UNPAID}.get(number % 20, "")


@dataclass
class Trade:
    """Orders at Amazon all along, and what the store says; its thread works until `stop`."""

    house: DistributedHouse
    seed: int
    orders: int
    lasts: float
    """Seconds over which the orders come."""
    day_30: tuple[float, float]
    import_every: float
    accounts: tuple[str, ...] = ("main",)
    batches: int = 40
    kind_of: Callable[[int], str] = _kind
    """What is special about the order of a number."""
    asks_for_imports: bool = field(default=True, init=False)
    placed: dict[str, str] = field(default_factory=dict)
    """What is special about each order."""
    plan: Plan = field(default_factory=Plan)
    said: int = 0
    trouble: BaseException | None = None
    _unsaid: deque[tuple[float, Wish]] = field(default_factory=deque)
    _seen: set[str] = field(default_factory=set)
    _row: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._thread = threading.Thread(target=self._work, name="trade")
        self._released: list[tuple[float, str]] = []

    def start(self) -> None:
        """From now on."""
        self._thread.start()

    def stop(self) -> None:
        """The end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(60)

    def everything_said(self) -> bool:
        """Whether all orders are placed, and the store has said all there is to say. Raises what the thread raised."""
        placed = self.shipping() and len(self.placed) == self.orders
        return placed and self._seen == self.placed.keys() and not self._unsaid

    def shipping(self) -> bool:
        """Whether it is in full swing. Raises what the thread raised."""
        if self.trouble is not None:
            raise self.trouble
        return self.said >= self.orders // 10

    def have_some_refused(self) -> None:
        """Amazon answers 400 about some orders, whatever is said."""
        for order_id in self.of("amazon_refused"):
            self._have_refused(order_id)

    def of(self, kind: str) -> set[str]:
        """The orders of one kind."""
        return {order_id for order_id, its in self.placed.items() if its == kind}

    @property
    def old(self) -> set[str]:
        """The orders whose 30 days are over within the run."""
        return self.of(OLD)

    @property
    def cancelled(self) -> set[str]:
        """The orders that their buyers cancelled."""
        return self.of(CANCELLED)

    @property
    def asks_to_cancel(self) -> set[str]:
        """The orders whose buyers wish to cancel."""
        return self.of(UNSURE)

    def _work(self) -> None:
        began = asked = time.monotonic()
        batch = 0
        try:
            while not self._stopping.is_set():
                now = time.monotonic()
                due = min(self.batches, int((now - began) / self.lasts * self.batches) + 1)
                while batch < due:
                    self._place(self.orders * batch // self.batches, self.orders * (batch + 1) // self.batches)
                    batch += 1
                if self.asks_for_imports and now - asked > self.import_every:
                    asked = now
                    with suppress(SQLAlchemyError):  # the database is away
                        self.house.import_now()
                self._read_books()
                self._say(now)
                self._stopping.wait(0.3)
        except BaseException as trouble:
            self.trouble = trouble

    def _place(self, first: int, end: int) -> None:
        # The account moves on by one every 20 orders, or each would have kinds of its own.
        wishes = Counter(
            (self.kind_of(number), self.accounts[(number + number // 20) % len(self.accounts)])
            for number in range(first, end)
        )
        for (kind, account), count in wishes.items():
            wish: dict[str, Any] = {"count": count, "lines": 2, "programs": [], "account": account}
            if kind == _BY_AMAZON:
                wish["fulfilled_by"] = "AMAZON"
            elif kind == UNPAID:
                wish["status"] = "PENDING"
            elif kind == OLD:
                left = timedelta(seconds=self._chance.uniform(*self.day_30))
                wish["created_at"] = (datetime.now(UTC) - _DAYS_30 + left).isoformat()
            order_ids = self._amazon("orders", wish)["order_ids"]
            for order_id in order_ids:
                if kind == "amazon_refused":
                    self._have_refused(order_id)
                elif kind == UNPAID:
                    self._released.append((time.monotonic() + self._chance.uniform(1, 10), order_id))
                self.placed[order_id] = kind

    def _have_refused(self, order_id: str) -> None:
        fault = {"operation": "confirmShipment", "kind": "400", "count": None, "order_id": order_id}
        self._amazon("faults", fault)

    def _amazon(self, what: str, wish: dict[str, Any] | None = None) -> Any:
        return self.house.post(f"{self.house.sandbox}/_sandbox/{what}", wish or {})

    def _read_books(self) -> None:
        """What has changed in the store's file, which is there whether or not the store runs."""
        while self._released and self._released[0][0] < time.monotonic():
            self._amazon(f"orders/{self._released.pop(0)[1]}/release")
        file = self.house.settings.storefront_database
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as books:
            rows = books.execute(
                "SELECT rowid, order_id, document FROM documents WHERE rowid > ? ORDER BY rowid", (self._row,)
            ).fetchall()
        for row, order_id, document in rows:
            self._row = row
            latest = json.loads(document)["latest"]
            if latest is not None and order_id not in self._seen and order_id in self.placed:
                self._take(order_id, latest)

    def _take(self, order_id: str, latest: dict[str, Any]) -> None:
        kind = self.placed[order_id]
        if kind == CANCELLED:
            self._amazon(f"orders/{order_id}/cancel")
        elif kind == UNSURE:
            self._amazon(f"orders/{order_id}/request-cancel")
        elif kind == UNPAID and latest["amazon_status"] != "unshipped":
            return  # it comes again, paid
        else:
            reason = {_BY_AMAZON: "fulfilled_by_amazon"}.get(kind, kind if kind in _REFUSALS else None)
            number = len(self._seen)
            one = plan({order_id: latest}, {order_id: reason} if reason else {}, first=number)
            self.plan.wishes += one.wishes
            for wish in one.wishes:
                later = self._chance.uniform(*(_CORRECTED_AFTER if wish.event_id.endswith("/2") else _PACKED_IN))
                self._unsaid.append((time.monotonic() + later, wish))
        self._seen.add(order_id)

    def _say(self, now: float) -> None:
        for _ in range(len(self._unsaid)):
            due, wish = self._unsaid.popleft()
            if due > now:
                self._unsaid.append((due, wish))
            elif not self._ship(wish):  # the store is away; a correction stays behind what it corrects
                self._unsaid.appendleft((due, wish))
                return

    def _ship(self, wish: Wish) -> bool:
        """Whether the store has it in its books. Without its answer it is said again: the same package once more."""
        body = wish.event.model_dump(mode="json", exclude_none=True, exclude={"order_id", "account_id"})
        url = f"{self.house.storefront}/api/orders/{wish.event.order_id}/ship"
        try:
            requests.post(url, json=body, timeout=5).raise_for_status()
        except (requests.ConnectionError, requests.Timeout):
            return False
        self.said += 1
        return True
