"""Consumer groups are taken back to a moment, and what retention has taken away is said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orderbridge.bus.client_options import client_options
from orderbridge.bus.topics import create_topics
from orderbridge.recovery import CannotRecover
from orderbridge.recovery.reading import read_since
from orderbridge.recovery.rewinding import Gap, Groups, Step, groups_of
from orderbridge.settings import Settings, load_settings
from tests.parts.kafka import Kafka
from tests.parts.kafka_python import kafka as kafka_python
from tests.parts.process import wait_until

DUMPED = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)  # or retention would take the records
NOW = DUMPED + timedelta(hours=1)


@pytest.fixture
def settings(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> Settings:
    settings = load_settings(
        tmp_path, kafka_bootstrap_servers=kafka.bootstrap_servers, topic_prefix=topic_prefix, topic_partitions=1
    )
    create_topics(settings)
    return settings


@pytest.fixture
def groups(settings: Settings) -> Iterator[Groups]:
    with groups_of(settings) as groups:
        yield groups


def write(settings: Settings, *minutes: int, topic: str = "order.shipped") -> None:
    """Records with these times, in minutes after the dump."""
    with closing(kafka_python.KafkaProducer(**client_options(settings))) as producer:
        for minute in minutes:
            at = int((DUMPED + timedelta(minutes=minute)).timestamp() * 1000)
            producer.send(settings.topic_prefix + topic, str(minute).encode(), timestamp_ms=at).get(10)


def member(settings: Settings, read: int, topic: str = "order.shipped") -> Any:
    """The shipper's consumer, after it has read and committed so many records."""
    consumer = kafka_python.KafkaConsumer(
        settings.topic_prefix + topic,
        **client_options(settings),
        group_id=f"{settings.topic_prefix}orderbridge-shipper",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    seen = 0
    while seen < read:
        seen += sum(map(len, consumer.poll(timeout_ms=1000, max_records=read - seen).values()))
    consumer.commit()
    return consumer


def test_a_group_is_taken_back_to_the_moment_and_never_on(settings: Settings, groups: Groups) -> None:
    write(settings, -2, -1, 1, 2)
    member(settings, 4).close()
    group, topic = f"{settings.topic_prefix}orderbridge-shipper", f"{settings.topic_prefix}order.shipped"
    plan = groups.plan(DUMPED, NOW)
    assert (plan.steps, plan.gaps) == ((Step(group, topic, 0, committed=4, target=2),), ())
    groups.rewind(plan.steps)
    assert groups.plan(DUMPED, NOW).steps == ()
    assert groups.plan(DUMPED + timedelta(minutes=2), NOW).steps == (), "it was taken on"
    assert [step.target for step in groups.plan(DUMPED - timedelta(hours=1), NOW).steps] == [0]


def test_a_group_with_members_is_seen_and_refused(settings: Settings, groups: Groups) -> None:
    write(settings, 1, 2)
    with closing(member(settings, 2)):
        assert groups.members() == {f"{settings.topic_prefix}orderbridge-shipper": 1}
        with pytest.raises(CannotRecover, match="Stop it, and recover again"):
            groups.rewind(groups.plan(DUMPED, NOW).steps)
    wait_until(lambda: groups.members() == {}, seconds=20, what="the member is gone")
    groups.rewind(groups.plan(DUMPED, NOW).steps)


def test_groups_that_never_came_are_no_trouble(groups: Groups) -> None:
    assert groups.members() == {}
    assert groups.plan(DUMPED, NOW).steps == ()


@pytest.mark.parametrize(
    ("gone", "gap"),
    [
        (0, None),
        (1, None),  # the next one is older than the dump: nothing of it is missing
        (2, 1),
        (3, 2),
    ],
)
def test_what_retention_took_is_said(settings: Settings, groups: Groups, gone: int, gap: int | None) -> None:
    write(settings, -2, -1, 1, 2)
    member(settings, 4).close()
    topic = f"{settings.topic_prefix}order.shipped"
    if gone:
        groups._admin.delete_records({kafka_python.TopicPartition(topic, 0): gone})
    begins_at = None if gap is None else DUMPED + timedelta(minutes=gap)
    assert groups.plan(DUMPED, NOW).gaps == (() if gap is None else (Gap(topic, begins_at),))


def test_a_topic_that_is_empty_by_now(settings: Settings, groups: Groups) -> None:
    write(settings, 1, 2)
    member(settings, 2).close()
    topic = f"{settings.topic_prefix}order.shipped"
    groups._admin.delete_records({kafka_python.TopicPartition(topic, 0): 2})
    assert groups.plan(DUMPED, NOW).gaps == ()
    assert groups.plan(DUMPED, DUMPED + timedelta(days=15)).gaps == (Gap(topic, None),)


def test_topics_are_read_from_the_moment_to_their_ends(settings: Settings) -> None:
    write(settings, -1, 1, 2)
    write(settings, -3, 3, topic="shipper.retry")
    topics = ("order.shipped", "shipper.retry", "shipment.confirmed", "no-such-topic")
    assert sorted(one.value or b"" for one in read_since(settings, topics, DUMPED)) == [b"1", b"2", b"3"]
    assert list(read_since(settings, topics, DUMPED + timedelta(hours=1))) == []
