"""A house for the tests of the bus: topics, tables, workers (`bus_service`) and tickers as child processes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kafka
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from orderbridge.bus.client_options import librdkafka_options
from orderbridge.bus.connecting import admin_client
from orderbridge.bus.envelope import validate
from orderbridge.bus.topics import create_topics
from orderbridge.database.migrate import upgrade
from orderbridge.database.models import HandlerFailure, InboxRow
from orderbridge.database.unit_of_work import Database
from orderbridge.settings import PREFIX, Settings
from orderbridge.vault.keys import new_installation_key
from schemas.failures import DeadLetter
from tests.parts.child_process import PARTITIONS, ChildProcess
from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until

Headers = Sequence[tuple[str, bytes | None]]
TICKER = [sys.executable, "-c", "from services.ticker.app import main; main()"]


@dataclass(frozen=True)
class Effect:
    """What a handler has done: committed with its inbox row, or not at all."""

    order_id: str
    package: str
    process: int


class BusHouse:
    """Topics below `prefix`, tables in `database_url`, and whatever processes a test starts."""

    def __init__(self, bootstrap_servers: str, database_url: str, prefix: str, folder: Path, **access: Any) -> None:
        """`access`: the settings of TLS and of users, which child processes are told as `self.access` has them."""
        self.folder = folder
        self.access = {f"{PREFIX}{name.upper()}": str(value) for name, value in access.items()}
        self.settings = Settings(
            database_url=database_url,
            topic_prefix=prefix,
            kafka_bootstrap_servers=bootstrap_servers,
            topic_partitions=PARTITIONS,
            session_timeout_seconds=2,
            **access,
        )
        self._kafka = {**librdkafka_options(self.settings), "log_level": 0}
        create_topics(self.settings)
        self.database = Database(database_url)
        upgrade(self.database.engine)
        number = "INTEGER PRIMARY KEY" if self.database.is_sqlite else "BIGSERIAL PRIMARY KEY"
        with self.database.unit_of_work() as work:
            columns = f"number {number}, order_id TEXT, package TEXT, process INTEGER"
            work.session.execute(text(f"CREATE TABLE effects ({columns})"))
        self._producer = Producer({**self._kafka, "linger.ms": 0, "message.max.bytes": 1_040_000})
        self._reader = Consumer({**self._kafka, "group.id": f"{prefix}reader", "enable.auto.commit": False})
        dead_letters = f"{prefix}shipper.dead-letter"
        self._reader.assign([TopicPartition(dead_letters, number, 0) for number in range(PARTITIONS)])
        self._dead_letters: list[DeadLetter] = []
        self.children: list[ChildProcess] = []

    def worker(self, *, session_timeout_seconds: int = 2, **options: Any) -> ChildProcess:
        """Start a worker with the options of `bus_service.main`."""
        command = [sys.executable, "-m", "tests.parts.bus_service", json.dumps(options)]
        return self._start(command, {"ORDERBRIDGE_SESSION_TIMEOUT_SECONDS": str(session_timeout_seconds)})

    def service(self, name: str) -> ChildProcess:
        """Start one of the real services."""
        secrets_key = {f"{PREFIX}SECRETS_KEY": new_installation_key()}
        return self._start([sys.executable, "-m", "orderbridge.service", name], secrets_key)

    def ticker(self) -> ChildProcess:
        """Start a ticker, whose relay publishes retries and dead letters."""
        return self._start(TICKER, {})

    def topic(self, name: str = "order.shipped") -> str:
        """The topic's name with its prefix."""
        return self.settings.topic_prefix + name

    def send(
        self,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers = (),
        partition: int = 0,
        topic: str = "order.shipped",
        wait: bool = True,
    ) -> str:
        """Put a message on a topic; returns its `topic/partition/offset`, or nothing without `wait`."""
        delivered: list[Message] = []

        def note(error: Any, message: Message) -> None:
            if error is not None:
                raise KafkaException(error)
            delivered.append(message)

        self._producer.produce(
            self.topic(topic), value, key, partition=partition, headers=list(headers), on_delivery=note
        )
        if not wait:
            return ""
        self.flush()
        return f"{delivered[0].topic()}/{delivered[0].partition()}/{delivered[0].offset()}"

    def flush(self) -> None:
        """Wait for the broker's answers to what was sent without waiting."""
        assert self._producer.flush(30 * PATIENCE) == 0

    def ship_in_transaction(self, *order_ids: str) -> None:
        """The same as `ship` in one transaction of Kafka's, as some stores' producers do it."""
        producer = Producer({**self._kafka, "transactional.id": self.topic("store")})
        producer.init_transactions(30)
        producer.begin_transaction()
        for order_id in order_ids:
            producer.produce(self.topic(), shipped(order_id), order_id.encode(), partition=0)
        producer.commit_transaction(30)

    def set_max_message_bytes(self, topic: str, number: int) -> None:
        """Have the broker refuse larger messages on this topic."""
        change = {"max.message.bytes": str(number)}
        with admin_client(self.settings) as admin:
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, self.topic(topic), configs=change)])

    def ship(self, order_id: str, order: str = "", *, package: str = "P1", headers: Headers = ()) -> str:
        """Put an `order.shipped` on its topic, telling the handler what to do; all in one partition."""
        return self.send(shipped(order_id, order, package=package), key=order_id.encode(), headers=headers)

    def expire(self, topic: str, *, partition: int, before: int) -> None:
        """Have the broker forget a partition's messages before an offset, as when their retention is over."""
        with admin_client(self.settings) as admin:
            admin.delete_records({kafka.TopicPartition(self.topic(topic), partition): before})

    def effects(self) -> list[Effect]:
        """What the handlers have done, in the order of their commits as far as one partition goes."""
        with self.database.unit_of_work() as work:
            rows = work.session.execute(text("SELECT order_id, package, process FROM effects ORDER BY number"))
            return [Effect(*row) for row in rows]

    def done(self, *order_ids: str) -> bool:
        """Whether each of these orders has had its effect; not as far as we know while the database is away."""
        try:
            return set(order_ids) <= {effect.order_id for effect in self.effects()}
        except OperationalError:
            return False

    def wait_for(self, *order_ids: str, seconds: float = 30) -> None:
        """Return when each of these orders has had its effect."""
        wait_until(lambda: self.done(*order_ids), seconds=seconds, what=f"the effect of {order_ids[:3]}", interval=0.05)

    def dead_letters(self) -> list[DeadLetter]:
        """All dead letters on the topic so far."""
        while (message := self._reader.poll(0.1)) is not None:
            if message.error() is None:
                self._dead_letters.append(validate(DeadLetter, json.loads(message.value() or b"")))
        return self._dead_letters

    def dead_letter(self, place: str, seconds: float = 30) -> DeadLetter:
        """The dead letter of the message at `place`, awaited; there must be one only."""
        found: list[DeadLetter] = []

        def look() -> bool:
            found[:] = [letter for letter in self.dead_letters() if letter.original.place() == place]
            return bool(found)

        wait_until(look, seconds=seconds, what=f"the dead letter of {place}")
        assert len(found) == 1
        return found[0]

    def committed_offset(self, partition: int) -> int:
        """Where in `order.shipped` the worker's group would go on; 0 before its first commit."""
        with closing(Consumer({**self._kafka, "group.id": self.topic("orderbridge-shipper")})) as reader:
            (found,) = reader.committed([TopicPartition(self.topic(), partition)], timeout=10)
        return max(found.offset, 0)

    def wait_for_everything(self, seconds: float = 30) -> None:
        """Return when all of partition 0 is acknowledged: keys go side by side, so the last sent need not end last."""
        with closing(Consumer({**self._kafka, "group.id": self.topic("looks")})) as reader:
            _, end = reader.get_watermark_offsets(TopicPartition(self.topic(), 0), timeout=10)
        wait_until(lambda: self.committed_offset(0) >= end, seconds=seconds, what="everything is acknowledged")

    def inbox(self) -> dict[tuple[str, str], InboxRow]:
        """The inbox by source (without the moment that an event without an id has in it) and event id."""
        with self.database.unit_of_work() as work:
            return {(row.source.split("@")[0], row.event_id): row for row in work.session.scalars(select(InboxRow))}

    def failures(self) -> int:
        """How many failures of handlers have been counted."""
        with self.database.unit_of_work() as work:
            return work.session.execute(select(func.count()).select_from(HandlerFailure)).scalar_one()

    def logs(self) -> str:
        """What all child processes have written."""
        return "\n".join(child.log() for child in self.children)

    def close(self) -> None:
        """End the processes and the connections."""
        for child in self.children:
            child.server.stop(kill=True)
        self._reader.close()
        self.database.close()

    @property
    def environment(self) -> dict[str, str]:
        """What child processes are told."""
        return {
            "ORDERBRIDGE_DATABASE_URL": self.settings.database_url,
            "ORDERBRIDGE_TOPIC_PREFIX": self.settings.topic_prefix,
            "ORDERBRIDGE_KAFKA_BOOTSTRAP_SERVERS": self.settings.kafka_bootstrap_servers,
            "ORDERBRIDGE_TOPIC_PARTITIONS": str(PARTITIONS),
            **self.access,
        }

    def _start(self, command: list[str], more: dict[str, str]) -> ChildProcess:
        child = ChildProcess(command, self.environment | more, self.folder / f"child-{len(self.children)}.log")
        self.children.append(child)
        return child


def shipped(order_id: str, order: str = "", *, package: str = "P1", tracking_number: str = "1Z1") -> bytes:
    """The body of an `order.shipped` whose handler is told to do `order`."""
    body = {"order_id": order_id, "carrier": "ups", "tracking_number": tracking_number, "package_id": package}
    return json.dumps(body | ({"shipping_method": order} if order else {})).encode()


def attributes(event_id: str, **others: str | None) -> list[tuple[str, bytes | None]]:
    """CloudEvents headers in binary mode; an attribute that is None is left out."""
    values: dict[str, str | None] = {"id": event_id, "source": "store", "type": "order.shipped", "specversion": "1.0"}
    return [(f"ce_{name}", value.encode()) for name, value in (values | others).items() if value is not None]
