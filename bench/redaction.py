"""A night in which many orders come to their day at once, on PostgreSQL (with fsync) and real Kafka: is it linear?

The orders stand in the tables as an import leaves them, all under one key. From there on it is the real ticker and the
real redactor: `key.expired` to Kafka, the key destroyed, a hundred orders redacted in a transaction, `order.redacted`
to Kafka for each. `seconds` is until the last `order.redacted` was published.

Meanwhile one order after the other is imported by its number, and another one shipped: `import_ms` is from the wish to
the published `order.imported`, `shipment_ms` from the store's event to Amazon's call; beside it the same on an idle
house. `--orders 1000000` adds a night of so many to the two.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from kafka import KafkaProducer
from sqlalchemy import func, select, text

from bench.parts import arguments, kafka_and_postgres, percentile, report, ups_number
from orderbridge.database.models import Attempt, OutboxRow, PersonalDataRow
from orderbridge.vault.key_ring import FolderKeyRing
from orderbridge.vault.keys import installation_key
from schemas.generate import example
from schemas.imports import ImportDue
from schemas.orders import KeyExpired, OrderDocument
from tests.parts.distributed_house import WORKERS, DistributedHouse
from tests.parts.process import wait_until

NIGHTS = (10_000, 100_000)
IDLE_PROBES = 20
EVERY = 0.5
"""Seconds between two probes."""
_SEED = (
    """INSERT INTO orders (order_id, account_id, order_number, amazon_status, fulfilled_by, placed_at,
        amazon_updated_at, sequence, document)
    SELECT id, 'main', 'AMZ-' || id, 'shipped', 'merchant', :placed_at, :placed_at, 1,
        replace(:document, 'THE-ORDER', id)
    FROM (SELECT '114-' || lpad(n::text, 7, '0') || '-0000000' AS id
        FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n) ids""",
    """INSERT INTO personal_data (order_id, seal, dies_at)
    SELECT id, repeat('x', 1500), :dies_at
    FROM (SELECT '114-' || lpad(n::text, 7, '0') || '-0000000' AS id
        FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n) ids""",
)
"""As an import leaves them; in SQL, since a million rows are many for any other way."""


def main() -> None:
    """Measure one night after the other, each on top of those before."""
    given = arguments(__doc__, orders=0)
    nights = (*NIGHTS, given.orders) if given.orders > max(NIGHTS) else (given.orders,) if given.orders else NIGHTS
    with kafka_and_postgres() as (kafka, postgres), tempfile.TemporaryDirectory() as folder:
        house = DistributedHouse(
            Path(folder),
            kafka.bootstrap_servers,
            postgres.new_database(),
            "bench.",
            speed=1000,
            workers=WORKERS,
            store=False,
        )
        try:
            house.start()
            probes = _Probes(house, kafka.bootstrap_servers)
            idle = probes.run(lambda: len(probes.imports) >= IDLE_PROBES)
            runs = [_night(house, probes, first, count) for first, count in _places(nights)]
        finally:
            house.close()
    report({"runs": runs, "idle": idle}, as_json=given.json)


def _places(nights: tuple[int, ...]) -> list[tuple[int, int]]:
    """Where each night's order numbers begin."""
    return [(sum(nights[:number]), count) for number, count in enumerate(nights)]


def _night(house: DistributedHouse, probes: _Probes, first: int, count: int) -> dict[str, Any]:
    moment = _seed(house, first, count)
    began = time.monotonic()
    with house.database.unit_of_work() as work:
        due = work.now
        work.post(KeyExpired(moment=moment), name=f"key:{moment.isoformat()}")
    latencies = probes.run(lambda: _is_over(house, due))
    seconds = time.monotonic() - began
    assert _told(house) == first + count
    wait_until(
        lambda: not any(moment <= due for moment in _ring(house).alive()), seconds=60, what="the key is destroyed"
    )
    each = round(seconds / count * 1000, 2)
    night = {"orders": count, "seconds": round(seconds, 1), "ms_an_order": each, **latencies}
    print(night, file=sys.stderr, flush=True)
    return night


def _seed(house: DistributedHouse, first: int, count: int) -> datetime:
    """So many orders, and the key under which they are; its moment has come."""
    ring = _ring(house)
    now = house.database.clock.now()
    moment = ring.moment_for(now) - timedelta(hours=first)  # none that an earlier night has destroyed
    ring.key(moment, moment - timedelta(hours=1))
    document = OrderDocument.model_validate({**example("order.imported"), "order_id": "THE-ORDER"})
    values = {
        "first": first,
        "last": first + count - 1,
        "placed_at": now - timedelta(days=30),
        "document": document.model_dump_json(exclude_none=True),
        "dies_at": moment,
    }
    with house.database.unit_of_work() as work:
        for statement in _SEED:
            work.session.execute(text(statement), values)
    with house.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))  # as autovacuum has done over thirty days
    return moment


def _is_over(house: DistributedHouse, due: datetime) -> bool:
    """Nobody is alive whose day it was, and all is told; looked up, not counted, so that asking costs nothing."""
    alive = select(PersonalDataRow).where(PersonalDataRow.dies_at <= due, PersonalDataRow.redacted_at.is_(None))
    untold = select(OutboxRow).where(OutboxRow.topic == "order.redacted", OutboxRow.published_at.is_(None))
    with house.database.unit_of_work() as work:
        return not any(work.session.execute(select(query.exists())).scalar_one() for query in (alive, untold))


def _told(house: DistributedHouse) -> int:
    with house.database.unit_of_work() as work:
        query = select(func.count()).where(OutboxRow.topic == "order.redacted", OutboxRow.published_at.is_not(None))
        return work.session.execute(query).scalar_one()


def _ring(house: DistributedHouse) -> FolderKeyRing:
    settings = house.settings
    return FolderKeyRing(settings.key_ring, installation_key(settings.need("vault_key")), settings.key_ring_grid)


class _Probes:
    """Imports an order by its number, and ships it, again and again; each notes how long it took, in milliseconds."""

    def __init__(self, house: DistributedHouse, servers: str) -> None:
        self._house = house
        self._producer = KafkaProducer(bootstrap_servers=servers)
        self.imports: list[float] = []
        self.shipments: list[float] = []
        self._number = 0

    def run(self, is_over: Any) -> dict[str, Any]:
        """Probe until it is over; what was found."""
        self.imports, self.shipments = [], []
        stop = threading.Event()
        thread = threading.Thread(target=self._probe, args=(stop,))
        thread.start()
        try:
            wait_until(is_over, seconds=7200, what="the night is over", interval=0.5)
        finally:
            stop.set()
            thread.join()
        return {"import_ms": _figures(self.imports), "shipment_ms": _figures(self.shipments)}

    def _probe(self, stop: threading.Event) -> None:
        while not stop.wait(EVERY):
            self._number += 1
            (order_id,) = self._house.post(f"{self._house.sandbox}/_sandbox/orders", {"count": 1})["order_ids"]
            self.imports.append(self._import(order_id))
            self.shipments.append(self._ship(order_id))

    def _import(self, order_id: str) -> float:
        with self._house.database.unit_of_work() as work:
            asked = work.now
            work.post(ImportDue(account_id="main", reason="order", order_id=order_id))
        query = select(OutboxRow.published_at).where(
            OutboxRow.topic == "order.imported", OutboxRow.key == order_id, OutboxRow.published_at.is_not(None)
        )
        return self._milliseconds(query, asked, f"{order_id} is imported")

    def _ship(self, order_id: str) -> float:
        number = ups_number(self._number)
        said = self._house.database.clock.now()
        body = f'{{"order_id": "{order_id}", "carrier": "UPS", "tracking_number": "{number}"}}'
        self._producer.send("bench.order.shipped", key=order_id.encode(), value=body.encode())
        query = select(Attempt.started_at).where(
            Attempt.operation == "confirmShipment", Attempt.subject.startswith(order_id)
        )
        return self._milliseconds(query, said, f"{order_id} is shipped")

    def _milliseconds(self, query: Any, since: Any, what: str) -> float:
        found: list[Any] = []

        def is_there() -> bool:
            with self._house.database.unit_of_work() as work:
                found[:] = work.session.scalars(query).all()
            return bool(found)

        wait_until(is_there, seconds=300, what=what, interval=0.02)
        return float((found[0] - since) / timedelta(milliseconds=1))


def _figures(values: list[float]) -> dict[str, Any]:
    return {
        "count": len(values),
        "p50": round(percentile(values, 0.5)),
        "p95": round(percentile(values, 0.95)),
        "longest": round(max(values)),
    }


if __name__ == "__main__":
    main()
