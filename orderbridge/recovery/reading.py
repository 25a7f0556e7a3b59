"""Reads what was written to topics since a moment, up to their ends as they are now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from orderbridge.bus.reading import BrokerSilent, read_topics
from orderbridge.recovery import CannotRecover
from orderbridge.settings import Settings
from schemas.failures import Original


def read_since(settings: Settings, topics: Iterable[str], moment: datetime) -> Iterator[Original]:
    """Every record of the topics (named without prefix) since `moment`; in order within a partition alone.

    A topic that is not there holds nothing. Raises KafkaError, CannotRecover if the broker falls silent.
    """
    try:
        yield from read_topics(settings, topics, moment)
    except BrokerSilent as silent:
        raise CannotRecover(f"{silent} Recover again.") from None
