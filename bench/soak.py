"""Hours of steady trade: does memory stay flat, do tables and topics come to rest, does nothing fall behind?

Every service is a process, on Apache Kafka and PostgreSQL of their own, beside the sandbox and the example store.
Orders come evenly, spread over the accounts, `--speed` times as many as `--orders-a-day` says; the sandbox's quotas are
so much wider. Rows and events are kept for an eighth of the run, and not for days, so that they reach their height
within its first third. A sample every 30 s goes to `build/soak/`, a JSON object a line.

It ends with status 1, naming what is not flat, not bounded or late. Memory is USS: what would be free if the process
ended (`tests/parts/soak/samples.py`). When the trade is over, and all is done, the books of Amazon and of the store
are compared.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import structlog
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

import tests.parts.kafka_python  # noqa: F401 - before the bus, which imports Kafka
from bench.parts import arguments, kafka_and_postgres, report
from orderbridge.database.models import OutboxRow, PackageRow
from orderbridge.demo.books import compare
from tests.parts.chaos.trade import CANCELLED, OLD, UNPAID, UNSURE, Trade
from tests.parts.soak.house import Looker, SoakHouse
from tests.parts.soak.judgement import Judgement, judge
from tests.parts.soak.samples import Sampler
from tests.parts.soak.service import PRUNINGS
from tests.parts.soak.tables import PUBLISHED

SAMPLE_EVERY = 30.0
KEPT_PART = 8
"""Of the run, for which rows and events are kept."""
LEAST_KEPT = 150.0
"""Seconds: the slot of an import that is forgotten while it lasts would be planned again."""
KAFKA_LOOKS_EVERY = 300.0
"""Seconds; Kafka's own default. A segment is deleted a minute after that."""
DAY_30 = (240.0, 480.0)
"""Seconds until the 30 days of an old order are over: two imports come before."""
_DRAIN = 600.0
_FOLDER = Path(__file__).parents[1] / "build" / "soak"
_say = Console(stderr=True, highlight=False)


def kind_of(number: int) -> str:
    """Of 20 orders one pays later, one is cancelled, one's buyer asks to cancel, three are almost 30 days old."""
    return {3: UNPAID, 13: UNPAID, 8: CANCELLED, 18: UNSURE, 5: OLD, 11: OLD, 16: OLD}.get(number % 20, "")


def main() -> None:
    """Soak, judge, and end with 1 if something is not as it must be."""
    given = arguments(__doc__, minutes=120, accounts=10, orders_a_day=2000, speed=5, seed=1)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    signal.signal(signal.SIGTERM, _interrupt)  # what was started ends with it
    seconds = given.minutes * 60.0
    orders = round(given.accounts * given.orders_a_day * given.speed * seconds / 86400)
    keep = max(seconds / KEPT_PART, LEAST_KEPT)
    _FOLDER.mkdir(parents=True, exist_ok=True)
    file = _FOLDER / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.jsonl"
    with kafka_and_postgres() as (kafka, postgres), tempfile.TemporaryDirectory() as folder:
        house = SoakHouse(Path(folder), kafka, postgres, accounts=given.accounts, speed=given.speed, keep=keep)
        try:
            _say.print(
                f"{orders} orders in {given.minutes} min; rows are kept for {keep / 60:.1f} min; samples in {file}"
            )
            house.start()
            trade = Trade(house, given.seed, orders, seconds, DAY_30, float("inf"), house.accounts, orders, kind_of)
            samples, waiting = _soak(house, trade, seconds, given.seed, file)
            result = _judged(house, samples, keep, waiting)
        finally:
            house.close()
    result.figures |= {"placed": len(trade.placed), "shipments_said": trade.said, "seed": given.seed}
    if not given.json:
        _show(result)
    report({"minutes": given.minutes, "samples": len(samples), **asdict(result)}, as_json=given.json)
    if result.complaints:
        sys.exit("\n".join(["Not as it must be:", *result.complaints]))


def _soak(house: SoakHouse, trade: Trade, seconds: float, seed: int, file: Path) -> tuple[list[dict[str, Any]], str]:
    """The samples of the trade, and what was still undone some minutes after its end."""
    sampler, samples, looker = Sampler(house), [], Looker(house, trade.placed, seed)
    trade.start()
    looker.start()
    try:
        with file.open("w") as lines:
            began = time.monotonic()
            while (at := time.monotonic() - began) < seconds:
                samples.append(sampler.sample() | {"pages": dict(looker.answers), "ended": house.ended()})
                lines.write(json.dumps(samples[-1]) + "\n")
                lines.flush()
                _progress(samples[-1], trade)
                house.mail.mails.clear()
                house.mail.envelopes.clear()
                if trade.trouble is not None:
                    raise trade.trouble
                time.sleep(max(0.0, min(SAMPLE_EVERY - (time.monotonic() - began - at), seconds)))
        looker.stop()
        waiting = _drained(lambda: _undone(house, trade))
    finally:
        looker.stop()
        trade.stop()
    return samples, waiting


def _drained(undone: Callable[[], str]) -> str:
    end = time.monotonic() + _DRAIN
    while (waiting := undone()) and time.monotonic() < end:
        time.sleep(5)
    return waiting


def _undone(house: SoakHouse, trade: Trade) -> str:
    """What the store or Amazon still waits for; nothing if the books may be compared."""
    if not trade.everything_said():
        return f"{len(trade.placed)} of {trade.orders} orders placed, {trade.said} shipments said"
    answered = PackageRow.state.in_(("confirmed", "rejected"))
    due = select(func.count()).where(OutboxRow.published_at.is_(None))
    with house.database.unit_of_work() as work:
        packages = work.session.scalar(select(func.count()).select_from(PackageRow).where(~answered))
        late = work.session.scalar(due.where(OutboxRow.due_at <= work.now))
    books = house.get(f"{house.storefront}/api/books")
    unanswered = sum(one["state"] not in ("confirmed", "rejected") for one in books["shipments"])
    found = {"open packages": packages, "due in the outbox": late, "without an answer": unanswered}
    return ", ".join(f"{name}: {count}" for name, count in found.items() if count)


def _judged(house: SoakHouse, samples: list[dict[str, Any]], keep: float, waiting: str) -> Judgement:
    # The inbox is kept half as long again; topics by the segment (a quarter), which Kafka looks for now and then.
    rest = 1.5 * keep + 2 * keep / PRUNINGS
    topics = 1.25 * keep + KAFKA_LOOKS_EVERY + 60
    found = judge(samples, rest_after=rest / 3600, topics_rest_after=topics / 3600)
    books = compare(house.get(f"{house.sandbox}/_sandbox/books"), house.get(f"{house.storefront}/api/books"))
    found.figures |= {"lost": len(books.lost), "doubled": len(books.doubled), "repeated": books.repeated}
    found.figures["pages"] = samples[-1]["pages"]
    found.complaints += [f"not done: {waiting}"] if waiting else []
    found.complaints += [f"books: {len(some)} {what}, such as {some[0]}" for what, some in _named(books) if some]
    found.complaints += [f"{name} has ended, and was started again or not" for name in house.ended()]
    found.complaints += [f"topic {name}: neither a retention nor compaction" for name in house.unbounded_topics()]
    return found


def _named(books: Any) -> tuple[tuple[str, list[str]], ...]:
    return ("lost", books.lost), ("doubled", books.doubled)


def _progress(sample: dict[str, Any], trade: Trade) -> None:
    memory = sum(one["uss_kib"] for name, one in sample["processes"].items() if name not in ("kafka", "postgres"))
    rows, lag = sample["rows"], sum(sample["lag"].values())
    topics = f"{sample['topic_bytes'] / 2**20:.0f} MiB" if sample["topic_bytes"] is not None else "?"
    went_wrong = f"429: {sample.get('throttled', '?')}, dead letters {sample['dead_letters']}"
    parts = (
        f"{sample['hours'] * 60:6.1f} min  {len(trade.placed)} placed, {rows['orders']} here, {trade.said} shipped",
        f"{sample['redacted']} redacted",
        f"lag {lag}",
        f"outbox {rows[PUBLISHED]}, inbox {rows['inbox']}",
        f"{memory / 1024:.0f} MiB, topics {topics}, database {sample['database_bytes'] / 2**20:.0f} MiB",
        f"{went_wrong}, retries {sample['retries']}",
    )
    _say.print("; ".join(parts), soft_wrap=True)


def _show(found: Judgement) -> None:
    def rows(title: str, heads: tuple[str, ...], lines: list[tuple[Any, ...]]) -> None:
        table = Table(*heads, title=title)
        for line in lines:
            table.add_row(*map(_cell, line))
        _say.print(table)

    memory = ("process", "first MiB", "last MiB", "KiB an hour", "±", "median", "descriptors", "threads", "flat")
    rows("Memory (USS), the last two thirds", memory, [(name, *one.values()) for name, one in found.memory.items()])
    tables = ("table", "middle third", "last third", "last", "judged by", "good")
    rows("Rows", tables, [(name, *one.values()) for name, one in sorted(found.tables.items())])
    lag = ("group", "first third", "middle", "last")
    rows("Greatest lag", lag, [(name, *three) for name, three in found.lag.items()])
    for line in found.not_judged:
        _say.print(f"Not judged: {line}")


def _cell(value: Any) -> str:
    return {None: "-", True: "yes", False: "NO"}[value] if value is None or isinstance(value, bool) else str(value)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
