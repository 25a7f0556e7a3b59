"""Reads topics from a moment, or from their beginning, up to their ends as they are now. Joins no group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import TopicAuthorizationFailedError

from orderbridge.bus.client_options import PATIENCE_MS, client_options
from orderbridge.bus.connecting import hidden_topics
from orderbridge.bus.envelope import MAX_ORIGINAL, original_of
from orderbridge.settings import Settings
from schemas.failures import Original

_SILENT = 60_000
"""Milliseconds without a record after which the broker counts as away."""

Progress = Callable[[int, int], object]
"""Told how many records were read, and how many there are."""


class BrokerSilent(Exception):
    """The broker answers, but brings nothing of what it says it has."""


def read_topics(
    settings: Settings, topics: Iterable[str], since: datetime | None = None, progress: Progress | None = None
) -> Iterator[Original]:
    """Every record of the topics (named without prefix), in order within a partition alone.

    A topic that is not there holds nothing; one that we may not read is a KafkaError. Raises BrokerSilent, too.
    """
    consumer = KafkaConsumer(
        **client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        max_partition_fetch_bytes=2 * MAX_ORIGINAL,
        bootstrap_timeout_ms=PATIENCE_MS,
    )
    try:
        numbers = {name: consumer.partitions_for_topic(name) for name in map(settings.topic_prefix.__add__, topics)}
        _refuse_hidden(settings, [name for name, found in numbers.items() if not found])
        partitions = [TopicPartition(name, number) for name, found in numbers.items() for number in found or ()]
        if not partitions:
            return
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        for partition, offset in _starts(consumer, partitions, since, ends).items():
            consumer.seek(partition, offset)
        at = {partition: consumer.position(partition) for partition in partitions}
        read, total = 0, sum(ends[partition] - at[partition] for partition in partitions)
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            records = consumer.poll(timeout_ms=_SILENT)
            if not records:
                raise BrokerSilent("Kafka has fallen silent in the middle of a topic. Is it well?")
            for partition, messages in records.items():
                yield from (original_of(one) for one in messages if one.offset < ends[partition])
                read += len(messages)
            if progress is not None:
                progress(min(read, total), total)
    finally:
        consumer.close()


def follow_topics(settings: Settings, topics: Iterable[str], *, since_start: bool) -> KafkaConsumer:
    """A consumer that brings every record of the topics (named without prefix) from now on, or from their beginning.

    Raises KafkaError if the broker does not answer within ten seconds. Whoever asks closes it.
    """
    consumer = KafkaConsumer(
        **client_options(settings),
        group_id=None,
        auto_offset_reset="earliest" if since_start else "latest",
        bootstrap_timeout_ms=PATIENCE_MS,
    )
    consumer.subscribe([settings.topic_prefix + topic for topic in topics])
    # kafka-python 3.0.12 may miss what it was subscribed to while it bootstraps, and then looks again after five
    # minutes; asked for the topics it looks now.
    consumer.topics()
    return consumer


def _refuse_hidden(settings: Settings, names: list[str]) -> None:
    """What we may not see is no topic that is not there. Raises TopicAuthorizationFailedError."""
    if names and not settings.kafka_embedded and (hidden := hidden_topics(settings, names)):
        raise TopicAuthorizationFailedError(", ".join(hidden))


def _starts(
    consumer: KafkaConsumer, partitions: list[TopicPartition], since: datetime | None, ends: dict[TopicPartition, int]
) -> dict[TopicPartition, int]:
    if since is None:
        begins: dict[TopicPartition, int] = consumer.beginning_offsets(partitions)
        return begins
    found = consumer.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000)))
    return {
        partition: ends[partition] if found.get(partition) is None else found[partition].offset
        for partition in partitions
    }
