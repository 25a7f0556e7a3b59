"""The first import of a seller with 18 months behind him: reports for what is old, the search for the last 30 days.

- `virtual_seconds`: by the sandbox's clock, which moves only while the import waits for Amazon's limits or for a report
  to be made; beside it the floor of a v0 loop, computed from Amazon's rates: it waits for nothing else.
- `orders_per_second`: the importer's own work, SQLite's included, with the time in Amazon's hands (network, and the
  sandbox's own work) taken out; `orders_per_cpu_second` is the same by this process's processor time, which tells more
  where the machine has other work. `with_relay` counts the relay's work on the outbox too (without Kafka's).
- `memory_mb`: resident memory of this process, which is the importer and the relay; the sandbox is another one. At the
  start (all is loaded, one account connected), after a tenth of the orders, at the end, and the peak.

`--profile` writes where the time goes to standard error.
"""

from __future__ import annotations

import argparse
import cProfile
import logging
import pstats
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
import requests
import structlog
import urllib3

from bench.far_sandbox import FarSandbox, far_sandbox
from bench.parts import report
from orderbridge.accounts.onboarding import connect_account
from orderbridge.accounts.settings import AccountSettings
from orderbridge.database.migrate import upgrade
from orderbridge.database.unit_of_work import Database
from sandbox.accounts import DEFAULT_ACCOUNT
from sandbox.limits import LIMITS
from schemas.imports import ImportDue
from tests.parts.hand_clock import START
from tests.parts.importers import Importers
from tests.parts.installation import installation

_MONTHS = 18
_SPAN = timedelta(days=_MONTHS * 365 / 12)
_PAGE = 100


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--postgres", action="store_true", help="a PostgreSQL with fsync instead of SQLite")
    given = parser.parse_args()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite:///{folder}/bench.sqlite"
        if given.postgres:
            from tests.parts.postgres import find_postgres

            postgres = find_postgres(fsync=True)
            stack.callback(postgres.close)
            url = postgres.new_database()
        sandbox = stack.enter_context(far_sandbox(START))
        _place(sandbox, given.orders)
        result = _measure(sandbox, url, folder, given.orders, profiled=given.profile)
    result = {"orders": given.orders, "months": _MONTHS, "database": url.partition(":")[0].partition("+")[0], **result}
    report(result, as_json=given.json)


def _place(sandbox: FarSandbox, orders: int) -> None:
    """An even stream of orders, of which one in 30 was cancelled and all others shipped; until an hour ago."""
    cancelled = orders // 30
    span = (_SPAN - timedelta(hours=30)).total_seconds()
    for count, status in ((orders - cancelled, "shipped"), (cancelled, "cancelled")):
        wish = {"count": count, "created_at": (START - _SPAN).isoformat(), "spread_over_seconds": span}
        sandbox.post("/_sandbox/orders", {**wish, "status": status, "history": True})


def _measure(sandbox: FarSandbox, url: str, folder: Path, orders: int, *, profiled: bool) -> dict[str, Any]:
    settings = installation(folder, url, sandbox.url)
    database = Database(url, sandbox)
    upgrade(database.engine)
    account = AccountSettings(enabled=True, import_from=START - _SPAN - timedelta(days=1))
    connect_account(settings, database, "main", DEFAULT_ACCOUNT.refresh_token, account)
    finished: dict[str, datetime] = {}
    told: Counter[str] = Counter()
    memory = _Memory()

    def seen(topic: str, value: bytes) -> None:
        told[topic] += 1
        if topic == "import.finished":
            finished["search" if b'"kind":"search"' in value else "history"] = sandbox.now()
        if told["order.imported"] == orders // 10:
            memory.note("at_a_tenth")

    importers = Importers(settings, database, seen=seen)
    with database.unit_of_work() as work:
        work.post(ImportDue(account_id="main", reason="now"))
    network, profile = _Network(), cProfile.Profile()
    handling = _Stopwatch()
    handle = importers._work
    importers._work = lambda lane: handling.run(lambda: handle(lane))  # type: ignore[method-assign]
    memory.note("start")
    began = time.perf_counter()
    with network, memory:
        if profiled:
            profile.enable()
        importers.run_until_idle()
        while len(finished) < 2:
            assert importers.next_due is not None
            sandbox.advance(max((importers.next_due - sandbox.now()).total_seconds(), 0))
            importers.run_until_idle()
        profile.disable()
    everything = time.perf_counter() - began
    memory.note("end")
    if profiled:
        pstats.Stats(profile, stream=sys.stderr).sort_stats("cumulative").print_stats(70)
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(45)
    assert told["order.imported"] == orders, f"{told} of {orders}"
    importers.close()
    database.close()
    seconds = {kind: (moment - START).total_seconds() for kind, moment in finished.items()}
    calls = {name: figures["calls"] for name, figures in sandbox.calls().items() if name != "login"}
    longest, floor = max(seconds.values()), _floor(orders)
    return {
        "ours": {
            "virtual_seconds": round(longest),
            "by_reports": round(seconds["history"]),
            "by_search": round(seconds["search"]),
            "calls": sum(calls.values()),
            "throttled": sum(figures["throttled"] for figures in sandbox.calls().values()),
            "orders_per_second": round(orders / (handling.seconds - network.seconds)),
            "orders_per_cpu_second": round(orders / handling.cpu_seconds),
            "with_relay": round(orders / (everything - network.seconds)),
            "memory_mb": memory.figures(),
        },
        "floor": {"virtual_seconds": round(floor), "calls": orders + -(-orders // _PAGE)},
        "ratio": round(longest / floor, 4),
        "ratio_of_reports": round(seconds["history"] / floor, 4),
    }


def _floor(orders: int) -> float:
    """Seconds that Amazon's limits alone cost a v0 loop, list and items asked for side by side."""
    lists, items = LIMITS["getOrdersV0"], LIMITS["getOrderItemsV0"]
    pages = -(-orders // _PAGE)
    return max((pages - lists.burst) / lists.rate, (orders - items.burst) / items.rate)


class _Stopwatch:
    """The seconds of what ran under it, by the wall and of the processor."""

    seconds = cpu_seconds = 0.0

    def run(self, work: Any) -> Any:
        began, cpu_began = time.perf_counter(), time.thread_time()
        try:
            return work()
        finally:
            self.seconds += time.perf_counter() - began
            self.cpu_seconds += time.thread_time() - cpu_began


class _Network(_Stopwatch):
    """The seconds spent waiting for an answer or for more of one."""

    def __enter__(self) -> None:
        send, read1 = requests.Session.send, urllib3.HTTPResponse.read1
        self._patches = [
            mock.patch.object(requests.Session, "send", lambda *a, **k: self.run(lambda: send(*a, **k))),
            mock.patch.object(urllib3.HTTPResponse, "read1", lambda *a, **k: self.run(lambda: read1(*a, **k))),
        ]
        for patch in self._patches:
            patch.start()

    def __exit__(self, *_: object) -> None:
        for patch in self._patches:
            patch.stop()


class _Memory:
    """Resident memory of this process, and its peak while in the block."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._noted: dict[str, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def note(self, name: str) -> None:
        self._noted.setdefault(name, self._process.memory_info().rss)

    def figures(self) -> dict[str, int]:
        return {name: round(size / 1e6) for name, size in self._noted.items()}

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        peak = 0
        while not self._over.wait(0.02):
            peak = max(peak, self._process.memory_info().rss)
        self._noted["peak"] = peak


if __name__ == "__main__":
    main()
