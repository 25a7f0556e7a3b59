"""A Kafka that already holds topics of our names, with foreign messages: below a prefix nothing of ours touches it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewTopic

from orderbridge.bus.reading import read_topics
from orderbridge.bus.topics import create_topics, leader_topic
from orderbridge.doctor.topics import check_topics
from orderbridge.store import Store
from schemas.events import WORKERS, all_topics
from schemas.generate import example
from schemas.orders import OrderImported
from schemas.shipments import OrderShipped
from tests.parts.bus_house import BusHouse
from tests.parts.kafka import Kafka
from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until

FOREIGN = [*all_topics(), *(leader_topic("", worker) for worker in WORKERS)]
MESSAGE = b'{"order_id": "foreign", "carrier": "ups", "tracking_number": "1Z1"}'
"""An `order.shipped` as somebody else's store would say it: ours would handle it."""


@pytest.fixture
def foreign(kafka: Kafka) -> Iterator[AdminClient]:
    """Others' topics: without a prefix, with settings that are not ours, a message in each."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 0})
    made = admin.create_topics([NewTopic(name, 1, 1, config={"retention.ms": "1234567890"}) for name in FOREIGN])
    for future in made.values():
        future.result(30 * PATIENCE)
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 0})
    for name in FOREIGN:
        producer.produce(name, MESSAGE, b"foreign")
    assert producer.flush(30) == 0
    yield admin
    for future in admin.delete_topics(FOREIGN).values():
        future.result(30 * PATIENCE)


def state(admin: AdminClient, kafka: Kafka) -> dict[str, Any]:
    """Settings, partitions and offsets of each foreign topic."""
    topics = admin.list_topics(timeout=10).topics
    described = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name) for name in FOREIGN])
    settings = {
        resource.name: {name: entry.value for name, entry in answer.result(10 * PATIENCE).items()}
        for resource, answer in described.items()
    }
    reader = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": "looks", "log_level": 0})
    offsets = {name: reader.get_watermark_offsets(TopicPartition(name, 0), timeout=10) for name in FOREIGN}
    reader.close()
    return {name: (settings[name], len(topics[name].partitions), offsets[name]) for name in FOREIGN}


def groups(admin: AdminClient) -> set[str]:
    return {group.group_id for group in admin.list_consumer_groups().result(10 * PATIENCE).valid}


@pytest.mark.timeout(180)
def test_foreign_topics_of_our_names(
    foreign: AdminClient, kafka: Kafka, postgres_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    before, groups_before = state(foreign, kafka), groups(foreign)
    house = BusHouse(kafka.bootstrap_servers, postgres_url, topic_prefix, tmp_path)
    try:
        house.ticker()
        house.worker(attempts=1).wait_for_partitions()
        with Store.from_settings(house.settings) as store:
            store.shipped(OrderShipped(order_id="own", carrier="UPS", tracking_number="1Z1"))
            house.wait_for("own")
            assert house.dead_letter(house.ship("failing", "raise")).reason == "handler_failed"
            house.send(json.dumps(example("order.imported")).encode(), key=b"own", topic="order.imported")
            (received,) = store.read(OrderImported, timeout=10)
        assert received.place.startswith(f"{topic_prefix}order.imported/")
        house.wait_for_everything()
        assert set(create_topics(house.settings).values()) == {"unchanged"}
        assert {finding.severity for finding in check_topics(house.settings)} == {"ok"}
        assert MESSAGE not in {original.value for original in read_topics(house.settings, all_topics())}
        assert {effect.order_id for effect in house.effects()} == {"own"}
        assert state(foreign, kafka) == before
        own = {house.topic("orderbridge-shipper"), house.topic("store")}
        wait_until(lambda: own <= groups(foreign), seconds=10, what="our groups")
        assert all(name.startswith(topic_prefix) for name in groups(foreign) - groups_before)
    finally:
        house.close()
