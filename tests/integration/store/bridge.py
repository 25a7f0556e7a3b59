"""The bridge's side of the topics, for the tests of the store's side."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

import tests.parts.kafka_python  # noqa: F401 - before whatever imports Kafka
from orderbridge.bus.envelope import Envelope, binary_message, open_envelope
from orderbridge.bus.topics import create_topics
from orderbridge.settings import Settings
from schemas.base import Event
from schemas.events import EVENTS
from schemas.failures import Original
from tests.parts.contract import EXAMPLES

ORDER = EXAMPLES["order.imported"]["order_id"]


def example(event_type: str, **changes: Any) -> Event:
    """The example of an event, changed."""
    return EVENTS[event_type].model_validate({**EXAMPLES[event_type], **changes})


def updated(**changes: Any) -> Event:
    """An `order.updated` of an order that still awaits shipment."""
    return EVENTS["order.updated"].model_validate({**EXAMPLES["order.imported"], **changes})


class Bridge:
    """Publishes what the bridge would, and reads what it is told."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        if not settings.kafka_embedded:
            create_topics(settings)
        connection = {"bootstrap.servers": settings.kafka_bootstrap_servers, "log_level": 0}
        self._producer = Producer({**connection, "linger.ms": 0})
        self._consumer = Consumer(
            {**connection, "group.id": f"{settings.topic_prefix}bridge", "enable.auto.commit": False}
            | {"auto.offset.reset": "earliest", "fetch.wait.max.ms": 20}
        )
        self._told: dict[str, list[Original]] = {}

    def say(self, event: Event, *, event_id: str | None = None) -> str:
        """Publish an event in binary mode; returns its id."""
        event_id = event_id or str(uuid.uuid4())
        body = event.model_dump_json(exclude_none=True)
        headers, value = binary_message(event_id, event.event_type, event.key(), datetime.now(UTC), body)
        self.put(event.event_type, value, key=event.key().encode(), headers=headers)
        return event_id

    def put(
        self, topic: str, value: bytes | None, *, key: bytes = ORDER.encode(), headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        """Put any message on a topic."""
        failures: list[Any] = []
        self._producer.produce(
            self.settings.topic_prefix + topic,
            value,
            key,
            headers=list(headers),
            on_delivery=lambda error, _: failures.append(error) if error else None,
        )
        assert self._producer.flush(30) == 0
        assert not failures

    def set_max_message_bytes(self, topic: str, number: int) -> None:
        """Have the broker refuse larger messages on this topic."""
        admin = KafkaAdminClient(bootstrap_servers=self.settings.kafka_bootstrap_servers)
        change = {"max.message.bytes": str(number)}
        topic = self.settings.topic_prefix + topic
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=change)])
        admin.close()

    def told(self, event_type: str) -> list[tuple[Original, Envelope]]:
        """All messages of this type that a store has sent so far."""
        topic = self.settings.topic_prefix + event_type
        if event_type not in self._told:
            partitions = self._consumer.list_topics(topic, timeout=10).topics[topic].partitions
            if not partitions:
                return []
            self._told[event_type] = []
            self._consumer.incremental_assign([TopicPartition(topic, number, 0) for number in partitions])
        while (message := self._consumer.poll(0.3)) is not None:
            if message.error() is None:
                original = _original(message)
                self._told[original.topic.removeprefix(self.settings.topic_prefix)].append(original)
        return [(original, open_envelope(original)) for original in self._told[event_type]]

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()
        self._producer.flush(5)


def _original(message: Any) -> Original:
    return Original.model_construct(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        timestamp=datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
        key=message.key(),
        value=message.value(),
        headers=tuple(message.headers() or ()),
    )
