"""A day of a thousand sellers, with the real scheduling in virtual time: import slots, outbox, relay and quotas.

What is real: the ticker's planning and relaying, and the reserving of each call. What is played: who handles an event
(an import reads a hundred orders a call, a history a month a report), Kafka, and Amazon, which counts with a bucket of
its own. The store's parcels come in waves of a quarter of an hour; several of an account are reserved at once, where
the shipper does it one by one. Sellers differ as 1, 1/2, 1/3 … (Zipf), and orders come as the day goes. A handler's
turn comes at the full minute. SQLite in a temporary folder. Virtual time has no work in it: what the machine needs is
in docs/scaling.md.
"""

from __future__ import annotations

import argparse
import heapq
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.progress import track

from bench.parts import percentile, report
from orderbridge.amazon.operations import (
    CONFIRM_SHIPMENT,
    CREATE_REPORT,
    GET_REPORT,
    GET_REPORT_DOCUMENT,
    SEARCH_ORDERS,
    Operation,
)
from orderbridge.bus.publisher import Outgoing
from orderbridge.database import quotas
from orderbridge.database.migrate import upgrade
from orderbridge.database.unit_of_work import Database
from schemas.imports import ImportDue
from services.ticker.relay import Relay
from services.ticker.slots import plan_slots, plan_sweep
from tests.parts.databases import add_account
from tests.parts.hand_clock import START, HandClock
from tests.parts.token_bucket import TokenBucket

_ORDERS_BY_HOUR = (2, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6, 6, 6, 5, 5, 5, 5, 5, 6, 7, 7, 6, 5, 3)
"""Shares of a day's orders, by the hour: least at night, most in the evening. Assumed."""
_PARCELS_BY_HOUR = (0, 0, 0, 0, 0, 0, 0, 5, 8, 10, 10, 10, 8, 10, 12, 14, 10, 3, 0, 0, 0, 0, 0, 0)
_CHANGES = 2.0
"""Of an order, an hour or more apart: it is placed, it is shipped (docs/scaling.md)."""
_OVERLAP = timedelta(minutes=10)
_PAGE = 100
_WAVE = timedelta(minutes=15)
_STEP = timedelta(minutes=1)
_MONTHS = 24
_HISTORY = (CREATE_REPORT, GET_REPORT, GET_REPORT_DOCUMENT)


class Sellers:
    """The sellers, their trade, and what of it waits."""

    def __init__(self, database: Database, clock: HandClock, accounts: int, orders_a_day: float, seed: int) -> None:
        self._database, self._clock = database, clock
        self._random = random.Random(seed)
        shares = [1 / number for number in range(1, accounts + 1)]
        self.a_day = {f"seller-{number}": orders_a_day * one / sum(shares) for number, one in enumerate(shares)}
        self._buckets: dict[tuple[str, str], TokenBucket] = {}
        self._read_up_to = dict.fromkeys(self.a_day, clock.now() - timedelta(hours=1))
        self._pages: dict[str, int] = {}
        self._parcels: dict[str, list[datetime]] = defaultdict(list)
        self._turns: list[tuple[datetime, str]] = []
        self.calls: Counter[tuple[int, str]] = Counter()
        self.waits: dict[str, list[float]] = defaultdict(list)
        self._since: dict[tuple[str, str], datetime] = {}
        self.backlog: Counter[int] = Counter()
        self.throttled = 0
        self.due: list[ImportDue] = []
        self.hour = 0

    # --- trade

    def changes(self, account: str, since: datetime, until: datetime) -> float:
        """How many orders Amazon would show as changed in between."""
        seconds = (until - since).total_seconds()
        share = _ORDERS_BY_HOUR[until.hour] / sum(_ORDERS_BY_HOUR)
        return _CHANGES * self.a_day[account] * share * seconds / 3600

    def wave(self) -> None:
        """The store says which parcels have left."""
        now = self._clock.now()
        share = _PARCELS_BY_HOUR[now.hour] / sum(_PARCELS_BY_HOUR) * (_WAVE / timedelta(hours=1))
        for account, a_day in self.a_day.items():
            expected = a_day * share
            count = int(expected) + (self._random.random() < expected % 1)
            if count and not self._parcels[account]:
                heapq.heappush(self._turns, (now, account))
            self._parcels[account] += [now] * count
        self.backlog[self.hour] = max(self.backlog[self.hour], sum(map(len, self._parcels.values())))

    # --- the handlers, played; the quota, real

    def publish(self, messages: Iterable[Outgoing]) -> dict[str, Exception | None]:
        """What the relay hands on."""
        taken: dict[str, Exception | None] = {}
        for message in messages:
            taken[message.name] = None
            if message.topic == ImportDue.event_type:
                self.due.append(ImportDue.model_validate_json(message.value))
        return taken

    def handle(self) -> None:
        """Imports and histories take their next step."""
        due, self.due = self.due, []
        for event in due:
            if event.reason == "history" or event.run_id is not None:
                self._history(event)
            else:
                self._import(event)

    def _import(self, event: ImportDue) -> None:
        account, now = event.account_id, self._clock.now()
        if event.reason == "slot":
            if account in self._pages:
                return  # a run is open: it goes on by itself
            changed = self.changes(account, self._read_up_to[account] - _OVERLAP, now)
            self._pages[account] = max(1, -(-int(changed) // _PAGE))
            self._read_up_to[account] = now
        while self._pages.get(account):
            if (not_before := self._reserve(account, SEARCH_ORDERS, 1)) is not None:
                self._post(ImportDue(account_id=account, reason="rest"), not_before)
                return
            self._pages[account] -= 1
        self._pages.pop(account, None)

    def _history(self, event: ImportDue) -> None:
        done = int(event.run_id or 0)
        while done < _MONTHS * len(_HISTORY):
            not_before = self._reserve(event.account_id, _HISTORY[done % len(_HISTORY)], 1)
            if not_before is not None:
                self._post(ImportDue(account_id=event.account_id, reason="rest", run_id=str(done)), not_before)
                return
            done += 1

    def confirm(self, until: datetime) -> None:
        """Parcels, in their accounts' turns, up to a moment; the clock goes along."""
        while self._turns and self._turns[0][0] <= until:
            at, account = heapq.heappop(self._turns)
            self._clock.set(max(at, self._clock.now()))
            parcels = self._parcels[account]
            while parcels:
                count = min(len(parcels), CONFIRM_SHIPMENT.burst - 1)
                if (not_before := self._reserve(account, CONFIRM_SHIPMENT, count)) is not None:
                    heapq.heappush(self._turns, (not_before, account))
                    break
                now = self._clock.now()
                self.waits[CONFIRM_SHIPMENT.name] += [(now - since).total_seconds() for since in parcels[:count]]
                del parcels[:count]

    def _reserve(self, account: str, operation: Operation, calls: int) -> datetime | None:
        key = (account, operation.name)
        now = self._clock.now()
        with self._database.unit_of_work() as work:
            not_before = quotas.reserve(
                work, *key, rate_per_second=operation.rate_per_second, burst=operation.burst, calls=calls
            )
        since = self._since.setdefault(key, now)
        if not_before is not None:
            return not_before
        if operation is not CONFIRM_SHIPMENT:
            self.waits[operation.name].append((now - since).total_seconds())
        del self._since[key]
        self.calls[self.hour, operation.name] += calls
        at_us = (now - START) // timedelta(microseconds=1)
        bucket = self._buckets.setdefault(
            key, TokenBucket(round(1_000_000 / operation.rate_per_second), operation.burst, at_us)
        )
        self.throttled += sum(not bucket.take(at_us) for _ in range(calls))
        return None

    def _post(self, event: ImportDue, at: datetime) -> None:
        with self._database.unit_of_work() as work:
            work.post(event, at)

    def open_imports(self) -> int:
        """Accounts whose run waits for quota."""
        return len(self._pages)


def simulate(
    accounts: int, orders: int, hours: int, histories: int, seed: int, *, quiet: bool = True
) -> dict[str, Any]:
    """So many hours from 07:00 on, of sellers with so many orders a month, some of whom read their history first."""
    clock = HandClock(START.replace(hour=7))
    ticks, plans, found, late = [], [], [], 0
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/scale.sqlite", clock)
        upgrade(database.engine)
        sellers = Sellers(database, clock, accounts, orders / 30, seed)
        for account in sellers.a_day:
            add_account(database, account, "sealed", "http://127.0.0.1", '{"enabled": true}')
        with database.unit_of_work() as work:
            for account in list(sellers.a_day)[:histories]:
                work.post(ImportDue(account_id=account, reason="history", since=clock.now() - timedelta(days=730)))
        relay = Relay(database, sellers.publish, "scale")
        steps = range(hours * 60)
        console = Console(stderr=True)
        for step in steps if quiet else track(steps, description="virtual minutes", console=console):
            now = START.replace(hour=7) + step * _STEP
            clock.set(max(now, clock.now()))
            sellers.hour = step // 60
            if now.minute * 60 % int(_WAVE.total_seconds()) == 0:
                sellers.wave()
            began = time.perf_counter()
            plan_slots(database)
            plan_sweep(database)
            plans.append(time.perf_counter() - began)
            more = True
            while more:
                began = time.perf_counter()
                tick = relay.tick()
                ticks.append(time.perf_counter() - began)
                more = tick.more
            sellers.handle()
            sellers.confirm(now + _STEP)
            late = max(late, sellers.open_imports())
            if step % 60 == 59:
                found.append(_hour(sellers, step // 60, accounts))
        database.close()
    return {
        "accounts": accounts,
        "orders_a_month": orders,
        "hours": found,
        "calls": dict(sum((Counter({name: n}) for (_, name), n in sellers.calls.items()), Counter())),
        "wait_s": {name: _figures(waits) for name, waits in sorted(sellers.waits.items())},
        "largest_seller_a_day": round(max(sellers.a_day.values())),
        "open_imports_at_most": late,
        "left": {"parcels": sum(map(len, sellers._parcels.values())), "imports": sellers.open_imports()},
        "throttled": sellers.throttled,
        "plan_ms": _figures([1000 * one for one in plans]),
        "tick_ms": _figures([1000 * one for one in ticks]),
    }


def _hour(sellers: Sellers, hour: int, accounts: int) -> dict[str, Any]:
    operations = (SEARCH_ORDERS, CONFIRM_SHIPMENT, *_HISTORY)
    share = {
        one.name: round(sellers.calls[hour, one.name] / (accounts * one.rate_per_second * 3600), 4)
        for one in operations
        if sellers.calls[hour, one.name]
    }
    return {"hour": (7 + hour) % 24, "of_all_quota": share, "parcels_waiting_at_most": sellers.backlog[hour]}


def _figures(values: list[float]) -> dict[str, float]:
    return {
        "p50": round(percentile(values, 0.5), 1),
        "p99": round(percentile(values, 0.99), 1),
        "max": round(max(values), 1),
    }


def main() -> None:
    """Simulate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    for name, value in (("accounts", 1000), ("orders", 10_000_000), ("hours", 24), ("histories", 20), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    began = time.monotonic()
    found = simulate(
        given.accounts, given.orders, given.hours, given.histories, given.seed, quiet=not sys.stderr.isatty()
    )
    report({"seed": given.seed, "seconds": round(time.monotonic() - began), **found}, as_json=given.json)


if __name__ == "__main__":
    main()
