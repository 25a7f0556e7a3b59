"""The importer killed at random during the import of a long history: no order is missing, none is told twice.

Most kills come at a random moment of its work, some while it starts. The seed is printed, and ORDERBRIDGE_CHAOS_SEED
replays it. The importer's lease and waits are shortened (`tests/parts/hasty_importer.py`).
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select

from orderbridge.database.models import HandlerFailure, OrderRow, OutboxRow, Run
from schemas.imports import ImportDue, ImportFinished
from tests.parts.distributed_house import DistributedHouse
from tests.parts.kafka import Kafka
from tests.parts.kafka_python import kafka as kafka_python
from tests.parts.process import wait_until
from tests.parts.worker_processes import WorkerProcesses

SEED = int(os.environ.get("ORDERBRIDGE_CHAOS_SEED") or random.randrange(1_000_000))
MONTHS = timedelta(days=540)
BATCH = 5_000


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_thirty_kills_during_a_history(kafka: Kafka, postgres_url: str, topic_prefix: str, tmp_path: Path) -> None:
    _run(tmp_path, kafka.bootstrap_servers, postgres_url, topic_prefix, orders=20_000, kills=30)


def _run(folder: Path, servers: str, url: str, prefix: str, *, orders: int, kills: int) -> None:
    print(f"seed {SEED}: ORDERBRIDGE_CHAOS_SEED={SEED} replays it")
    house = DistributedHouse(folder, servers, url, prefix, speed=60, workers=("ticker",))
    importer = WorkerProcesses(house.environment, ("tests.parts.hasty_importer",), folder / "logs")
    try:
        house.start()
        placed = _place(house, orders)
        importer.spawn("importer")
        with house.database.unit_of_work() as work:
            since = work.now - MONTHS
            work.post(ImportDue(account_id="main", reason="history", since=since))
        killed = _kill_at_random(house, importer, kills)
        print(f"{killed} kills while {_kept(house)} of {orders} orders came")
        wait_until(lambda: _finished(house) is not None, seconds=300, what="the history is through", interval=0.5)
        wait_until(lambda: _nothing_waits(house), seconds=120, what="all is published", interval=0.5)
        _check(house, servers, f"{prefix}order.imported", placed)
        assert killed == kills, "the import was over before the last kill"
    finally:
        importer.close()
        house.close()


def _place(house: DistributedHouse, orders: int) -> set[str]:
    """An even stream of shipped orders that ends before what the search reads."""
    start, end = datetime.now(UTC) - MONTHS + timedelta(days=1), datetime.now(UTC) - timedelta(days=33)
    placed: set[str] = set()
    for first in range(0, orders, BATCH):
        share = (end - start) * BATCH / orders
        wish = {
            "count": min(BATCH, orders - first),
            "created_at": (start + share * (first // BATCH)).isoformat(),
            "spread_over_seconds": share.total_seconds(),
            "status": "shipped",
            "history": True,
        }
        placed |= set(house.post(f"{house.sandbox}/_sandbox/orders", wish)["order_ids"])
    return placed


def _kill_at_random(house: DistributedHouse, importer: WorkerProcesses, kills: int) -> int:
    """Kill and start again until that was often enough, or the import is through; returns how often."""
    chance = random.Random(SEED)
    for number in range(kills):
        kept = _kept(house)
        if chance.random() < 0.2:  # at any moment from its start on
            _within(chance.uniform(0, 6), lambda: _finished(house) is not None)
        else:
            _within(30, partial(_went_on, house, kept))
            time.sleep(chance.uniform(0, 0.3))
        if _finished(house) is not None:
            return number
        importer.kill("importer")
    return kills


def _went_on(house: DistributedHouse, kept: int) -> bool:
    return _kept(house) > kept or _finished(house) is not None


def _within(seconds: float, done: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not done():
        time.sleep(0.05)


def _kept(house: DistributedHouse) -> int:
    with house.database.unit_of_work() as work:
        return work.session.scalar(select(func.count()).select_from(OrderRow)) or 0


def _finished(house: DistributedHouse) -> ImportFinished | None:
    """The history's log: of the run that was asked for, not of the first import's own last day."""
    with house.database.unit_of_work() as work:
        history = select(Run).where(Run.kind == "history", Run.finished_at.is_not(None))
        logs = [ImportFinished.model_validate_json(run.log or "") for run in work.session.scalars(history)]
    return next((log for log in logs if log.counts.seen > 1000 or log.updated_after < _long_ago()), None)


def _long_ago() -> datetime:
    return datetime.now(UTC) - timedelta(days=100)


def _nothing_waits(house: DistributedHouse) -> bool:
    topic = house.settings.topic_prefix
    with house.database.unit_of_work() as work:
        waiting = select(func.count()).select_from(OutboxRow).where(OutboxRow.published_at.is_(None))
        return not work.session.scalar(waiting.where(OutboxRow.topic.in_(("order.imported", f"{topic}order.imported"))))


def _check(house: DistributedHouse, servers: str, topic: str, placed: set[str]) -> None:
    finished = _finished(house)
    assert finished is not None
    assert finished.problems == ()
    with house.database.unit_of_work() as work:
        assert set(work.session.scalars(select(OrderRow.order_id))) == placed
        assert work.session.scalars(select(HandlerFailure.exception)).all() == []
        outbox = Counter(work.session.scalars(select(OutboxRow.key).where(OutboxRow.topic.endswith("order.imported"))))
        letters = select(func.count()).select_from(OutboxRow).where(OutboxRow.topic.endswith(".dead-letter"))
        assert work.session.scalar(letters) == 0
    assert outbox == Counter(placed)
    assert _on_topic(servers, topic) == Counter(placed)
    books = f"{house.storefront}/api/books"
    wait_until(lambda: set(house.get(books)["orders"]) == placed, seconds=300, what="the store has all", interval=2.0)
    calls = house.get(f"{house.sandbox}/_sandbox/calls")["operations"]
    assert {name: one["throttled"] for name, one in calls.items() if one["throttled"]} == {}


def _on_topic(servers: str, topic: str) -> Counter[str]:
    """How often each order was told, as the broker has it."""
    consumer = kafka_python.KafkaConsumer(
        topic, bootstrap_servers=servers, auto_offset_reset="earliest", consumer_timeout_ms=5000
    )
    told = Counter(message.key.decode() for message in consumer)
    consumer.close()
    return told
