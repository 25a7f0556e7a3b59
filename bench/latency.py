"""From a store's `order.shipped` to Amazon's call: before the producer's send until the sandbox has the request.

The whole system on real Kafka and PostgreSQL (with fsync), an idle quota, one shipment at a time. The first 30 are not
counted: each partition's thread opens its connections with its first event.
"""

from __future__ import annotations

import json
import tempfile
import time
from datetime import datetime
from pathlib import Path

from kafka import KafkaProducer

from bench.parts import arguments, kafka_and_postgres, percentile, report, ups_number
from tests.parts.distributed_house import WORKERS, DistributedHouse
from tests.parts.process import wait_until

_WARM_UP = 30


def main() -> None:
    """Measure."""
    given = arguments(__doc__, shipments=200)
    with kafka_and_postgres() as (kafka, postgres), tempfile.TemporaryDirectory() as folder:
        house = DistributedHouse(
            Path(folder), kafka.bootstrap_servers, postgres.new_database(), "bench.", speed=60, workers=WORKERS
        )
        try:
            house.start()
            latencies = measure(house, kafka.bootstrap_servers, given.shipments)
        finally:
            house.close()
    milliseconds = {
        name: round(percentile(latencies, share) * 1000, 1) for name, share in (("p50", 0.5), ("p99", 0.99))
    }
    report({"shipments": given.shipments, "latency_ms": milliseconds}, as_json=given.json)


def imported(house: DistributedHouse, count: int) -> list[str]:
    """So many new orders, placed at Amazon and imported; their ids."""
    orders: list[str] = house.post(f"{house.sandbox}/_sandbox/orders", {"count": count})["order_ids"]

    def all_are_here() -> bool:
        house.import_now()
        return len(house.get(f"{house.storefront}/api/orders")) >= count

    wait_until(all_are_here, seconds=300, what="all orders are imported", interval=15.0)
    return orders


def received_at(house: DistributedHouse) -> dict[str, float]:
    """By order id, when the sandbox had the first confirmation of its package, in seconds since 1970."""
    books = house.get(f"{house.sandbox}/_sandbox/books")["orders"]
    return {
        order_id: datetime.fromisoformat(package["received_at"][0]).timestamp()
        for order_id, book in books.items()
        for package in book["packages"].values()
    }


def measure(house: DistributedHouse, kafka: str, shipments: int) -> list[float]:
    """Seconds from before the producer's send to Amazon's having the call, one shipment after the other."""
    orders = imported(house, shipments)
    producer = KafkaProducer(bootstrap_servers=kafka)
    sent: dict[str, float] = {}
    for number, order_id in enumerate(orders):
        body = {"order_id": order_id, "carrier": "UPS", "tracking_number": ups_number(number)}
        sent[order_id] = time.time()
        producer.send(
            f"{house.settings.topic_prefix}order.shipped", key=order_id.encode(), value=json.dumps(body).encode()
        ).get(10)
        time.sleep(0.1)
    producer.close()

    wait_until(lambda: received_at(house).keys() >= sent.keys(), seconds=120, what="all are confirmed", interval=0.5)
    received = received_at(house)
    return [received[order_id] - sent[order_id] for order_id in orders[_WARM_UP:]]


if __name__ == "__main__":
    main()
