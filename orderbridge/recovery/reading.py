"""Reads what was written to topics since a moment, up to their ends as they are now. Joins no group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from kafka import KafkaConsumer, TopicPartition

from orderbridge.bus.client_options import client_options
from orderbridge.bus.envelope import MAX_ORIGINAL, original_of
from orderbridge.recovery import CannotRecover
from orderbridge.settings import Settings
from schemas.failures import Original

_SILENT = 60_000
"""Milliseconds without a record after which the broker counts as away."""


def read_since(settings: Settings, topics: Iterable[str], moment: datetime) -> Iterator[Original]:
    """Every record of the topics (named without prefix) since `moment`; in order within a partition alone.

    A topic that is not there holds nothing. Raises KafkaError, CannotRecover if the broker falls silent.
    """
    consumer = KafkaConsumer(
        **client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        max_partition_fetch_bytes=2 * MAX_ORIGINAL,
    )
    try:
        partitions = [
            TopicPartition(settings.topic_prefix + topic, number)
            for topic in topics
            for number in consumer.partitions_for_topic(settings.topic_prefix + topic) or ()
        ]
        if not partitions:
            return
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        starts = consumer.offsets_for_times(dict.fromkeys(partitions, int(moment.timestamp() * 1000)))
        for partition in partitions:
            found = starts.get(partition)
            consumer.seek(partition, ends[partition] if found is None else found.offset)
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            records = consumer.poll(timeout_ms=_SILENT)
            if not records:
                raise CannotRecover("Kafka has fallen silent in the middle of a topic. Is it well? Recover again.")
            for partition, messages in records.items():
                yield from (original_of(one) for one in messages if one.offset < ends[partition])
    finally:
        consumer.close()
