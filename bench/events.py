"""Events per second through one worker with its database transaction: the redactor, on day 30 of many orders.

Each event is looked up in the inbox, locks its order, replaces the personal data, posts `order.redacted` with the whole
order, and is recorded: one transaction, which up to 50 events share (orderbridge/bus/sharing.py); then each in one of
its own, as other services' events are. Real Kafka; SQLite and PostgreSQL (with fsync).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kafka import KafkaProducer
from sqlalchemy import func, insert, select

from bench.parts import arguments, kafka_and_postgres, report
from orderbridge.bus.topics import create_topics
from orderbridge.database.migrate import upgrade
from orderbridge.database.models import InboxRow, OrderRow, PersonalDataRow
from orderbridge.database.unit_of_work import Database
from orderbridge.settings import PREFIX, load_settings
from schemas.generate import example
from schemas.orders import OrderDocument
from tests.parts.process import wait_until

_ALONE = """
from orderbridge.bus.pipeline import Pipeline
from orderbridge.service import run_service
Pipeline.shares_transactions = lambda *_: False
run_service("redactor", [])
"""


def main() -> None:
    """Measure both databases in one run."""
    given = arguments(__doc__, events=4000)
    result: dict[str, object] = {"events": given.events}
    with kafka_and_postgres() as (kafka, postgres), tempfile.TemporaryDirectory() as folder:
        urls = {"sqlite": f"sqlite:///{folder}/bench.sqlite", "postgresql": postgres.new_database()}
        for name, url in urls.items():
            result[name] = {"events_per_second": _measure(kafka.bootstrap_servers, url, name, given.events, folder)}
        urls = {"sqlite": f"sqlite:///{folder}/alone.sqlite", "postgresql": postgres.new_database()}
        for name, url in urls.items():
            alone = _measure(kafka.bootstrap_servers, url, f"{name}-alone", given.events, folder, alone=True)
            result[f"{name}, each in a transaction of its own"] = {"events_per_second": alone}
    report(result, as_json=given.json)


def _measure(kafka: str, url: str, name: str, events: int, folder: str, *, alone: bool = False) -> int:
    values = {
        "database_url": url,
        "kafka_bootstrap_servers": kafka,
        "topic_prefix": f"{name}.",
        "topic_partitions": "6",
        "key_ring": f"{folder}/ring-{name}",
        "health_port": "0",
        "log_level": "error",
    }
    settings = load_settings(Path(folder), **values)
    database = Database(url)
    upgrade(database.engine)
    create_topics(settings)
    orders = seed_orders(database, events)
    producer = KafkaProducer(bootstrap_servers=kafka)
    for order_id in orders:
        body = f'{{"account_id": "main", "order_id": "{order_id}"}}'
        producer.send(f"{name}.order.aged", key=order_id.encode(), value=body.encode())
    producer.flush()
    producer.close()
    environment = {**os.environ, **{f"{PREFIX}{key.upper()}": value for key, value in values.items()}}
    command = ["-c", _ALONE] if alone else ["-m", "orderbridge.service", "redactor"]
    worker = subprocess.Popen([sys.executable, *command], env=environment)
    try:
        wait_until(lambda: _handled(database)[0] >= events, seconds=600, what="all events are handled", interval=0.2)
    finally:
        worker.terminate()
        worker.wait(30)
    count, first, last = _handled(database)
    database.close()
    return round(count / (last - first).total_seconds())


def seed_orders(database: Database, events: int) -> list[str]:
    body = {**example("order.imported"), "order_id": "seed"}
    document = OrderDocument.model_validate(body)
    now = datetime.now(UTC)
    ids = [f"114-{number:07d}-0000000" for number in range(events)]
    orders = [
        {
            "order_id": order_id,
            "account_id": "main",
            "order_number": f"AMZ-{order_id}",
            "amazon_status": "unshipped",
            "fulfilled_by": "merchant",
            "placed_at": now - timedelta(days=30),
            "amazon_updated_at": now,
            "sequence": 1,
            "document": document.model_copy(update={"order_id": order_id}).model_dump_json(exclude_none=True),
        }
        for order_id in ids
    ]
    kept = [{"order_id": order_id, "seal": "x" * 800, "dies_at": now - timedelta(seconds=1)} for order_id in ids]
    with database.unit_of_work() as work:
        work.session.execute(insert(OrderRow), orders)
        work.session.execute(insert(PersonalDataRow), kept)
    return ids


def _handled(database: Database) -> tuple[int, datetime, datetime]:
    statement = select(func.count(), func.min(InboxRow.handled_at), func.max(InboxRow.handled_at))
    with database.unit_of_work() as work:
        count, first, last = work.session.execute(statement).one()
    return count, first, last


if __name__ == "__main__":
    main()
