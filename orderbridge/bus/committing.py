"""Commits what a kafka-python consumer has handled."""

from __future__ import annotations

import logging
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

log = logging.getLogger(__name__)


def commit_handled(consumer: Any, handled: dict[TopicPartition, int]) -> None:
    """Commit and forget; where Kafka does not take it, those events come again."""
    offsets = {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in handled.items()}
    handled.clear()
    try:
        if offsets:
            consumer.commit(offsets, timeout_ms=2000)
    except KafkaError as error:
        log.warning("handled events are not committed and may come again: %s", type(error).__name__)
