"""How long a killed worker's partitions stand still: with a stable instance name (static membership) and without.

The redactor gets an event every 50 ms, is killed with SIGKILL and started again at once; the gap is the longest time
between two events handled.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path

from kafka import KafkaProducer
from sqlalchemy import select

from bench.events import seed_orders
from bench.parts import arguments, kafka_and_postgres, report
from orderbridge.bus.topics import create_topics
from orderbridge.database.migrate import upgrade
from orderbridge.database.models import InboxRow
from orderbridge.database.unit_of_work import Database
from orderbridge.settings import PREFIX, load_settings


def main() -> None:
    """Measure both."""
    given = arguments(__doc__, events=700)
    with kafka_and_postgres() as (kafka, postgres), tempfile.TemporaryDirectory() as folder:
        gaps = {
            name: _gap(kafka.bootstrap_servers, postgres.new_database(), name, instance, given.events, folder)
            for name, instance in (("dynamic", None), ("static", "redactor-1"))
        }
    report({"session_timeout_seconds": 10, "gap_seconds": gaps}, as_json=given.json)


def _gap(kafka: str, url: str, name: str, instance: str | None, events: int, folder: str) -> float:
    values = {
        "database_url": url,
        "kafka_bootstrap_servers": kafka,
        "topic_prefix": f"{name}.",
        "key_ring": f"{folder}/{name}",
        "health_port": "0",
        "log_level": "error",
        **({"instance": instance} if instance else {}),
    }
    settings = load_settings(Path(folder), **values)
    database = Database(url)
    upgrade(database.engine)
    create_topics(settings)
    orders = seed_orders(database, events)
    environment = {**os.environ, **{f"{PREFIX}{key.upper()}": value for key, value in values.items()}}
    sender = threading.Thread(target=_send, args=(kafka, f"{name}.order.aged", orders))
    workers = [_start(environment)]
    time.sleep(8)
    sender.start()
    time.sleep(6)
    workers[0].kill()
    workers.append(_start(environment))
    sender.join()
    time.sleep(3)
    for worker in workers:
        worker.terminate()
        worker.wait(20)
    with database.unit_of_work() as work:
        moments = sorted(work.session.scalars(select(InboxRow.handled_at)))
    database.close()
    return round(max((after - before).total_seconds() for before, after in pairwise(moments)), 1)


def _start(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "orderbridge.service", "redactor"], env=environment)


def _send(kafka: str, topic: str, orders: list[str]) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka)
    for order_id in orders:
        body = f'{{"account_id": "main", "order_id": "{order_id}"}}'
        producer.send(topic, key=order_id.encode(), value=body.encode())
        time.sleep(0.05)
    producer.close()


if __name__ == "__main__":
    main()
