"""A thousand shipments at once: how long they take beside what Amazon's quota allows, by one shipper and by four.

The floor is the quota's own: a burst of 10, then 2 calls a second, `--speed` times faster than life (at most 10: more
would make a jitter of 50 ms a token). Beside it the latency from a store's event to Amazon's call while the quota is
idle. The whole system, on real Kafka and PostgreSQL (fsync).
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from kafka import KafkaProducer
from sqlalchemy import text

from bench.latency import imported, measure, received_at
from bench.parts import arguments, kafka_and_postgres, percentile, report, ups_number
from tests.parts.distributed_house import DistributedHouse
from tests.parts.kafka import Kafka
from tests.parts.postgres import Postgres
from tests.parts.process import wait_until

_BURST, _RATE = 10, 2.0  # ordersV0.json, confirmShipment
_SHIPPERS = (1, 4)
_ONE_BY_ONE = 230


def main() -> None:
    """Measure."""
    given = arguments(__doc__, shipments=1000, speed=2)
    floor = (given.shipments - _BURST) / _RATE / given.speed
    with kafka_and_postgres() as (kafka, postgres):
        runs = {number: _at_once(kafka, postgres, number, given.shipments, given.speed) for number in _SHIPPERS}
        latencies = _latencies(kafka, postgres)
    worst = max(runs.values(), key=lambda run: float(run["seconds"]))
    result = {
        "shipments": given.shipments,
        "speed": given.speed,
        "shippers": list(runs),
        "ours": {"seconds": worst["seconds"], "throttled": sum(run["throttled"] for run in runs.values())},
        "floor": {"seconds": round(floor, 2)},
        "over_the_floor": round(worst["seconds"] / floor, 4),
        "by_shippers": {str(number): run for number, run in runs.items()},
        "latency_ms": {
            name: round(percentile(latencies, share) * 1000, 1) for name, share in (("p50", 0.5), ("p99", 0.99))
        },
    }
    report(result, as_json=given.json)


def _at_once(kafka: Kafka, postgres: Postgres, shippers: int, shipments: int, speed: int) -> dict[str, Any]:
    prefix = f"bench{shippers}."
    names = ("shipper", *(f"shipper-{number}" for number in range(2, shippers + 1)))
    with tempfile.TemporaryDirectory() as folder:
        house = DistributedHouse(
            Path(folder),
            kafka.bootstrap_servers,
            postgres.new_database(),
            prefix,
            speed=speed,
            workers=("ticker", "importer", *names),
        )
        try:
            house.start()
            orders = imported(house, shipments)
            producer = KafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
            for number, order_id in enumerate(orders):
                body = {"order_id": order_id, "carrier": "UPS", "tracking_number": ups_number(number)}
                producer.send(f"{prefix}order.shipped", key=order_id.encode(), value=json.dumps(body).encode())
            producer.flush()
            producer.close()
            started = time.time()
            wait_until(lambda: _taken(house) >= shipments, seconds=900, what="all are confirmed", interval=2.0)
            received = sorted(received_at(house).values())
            throttled = _by_status(house).get("429", 0)
            with house.database.unit_of_work() as work:
                slots = work.session.execute(
                    text("SELECT count(*) FROM outbox WHERE topic LIKE '%shipment.due' AND published_at IS NOT NULL")
                ).scalar_one()
        finally:
            house.close()
    return {
        "seconds": round(received[-1] - received[0], 2),
        "first_call_after_seconds": round(received[0] - started, 2),
        "throttled": throttled,
        "slots_per_shipment": round(slots / shipments, 2),
    }


def _by_status(house: DistributedHouse) -> dict[str, int]:
    operations = house.get(f"{house.sandbox}/_sandbox/calls")["operations"]
    statuses: dict[str, int] = operations.get("confirmShipment", {}).get("by_status", {})
    return statuses


def _taken(house: DistributedHouse) -> int:
    """Counted at the sandbox: reading its books of a thousand orders would take time from whom we measure."""
    return _by_status(house).get("204", 0)


def _latencies(kafka: Kafka, postgres: Postgres) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        house = DistributedHouse(
            Path(folder),
            kafka.bootstrap_servers,
            postgres.new_database(),
            "one.",
            speed=60,
            workers=("ticker", "importer", "shipper", "redactor"),
        )
        try:
            house.start()
            return measure(house, kafka.bootstrap_servers, _ONE_BY_ONE)
        finally:
            house.close()


if __name__ == "__main__":
    main()
