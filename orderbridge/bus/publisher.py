"""Publishes to Kafka and waits for the broker's answer (kafka-python; acks from all replicas).

Not idempotent in Kafka's sense: one message that the broker refuses, too large perhaps, ends kafka-python's idempotent
producer for good, and with it all others' messages (classify_batch_error in its transaction_manager). What is sent
twice has the same event id, which is what consumers go by; one request at a time keeps the order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from orderbridge.bus.client_options import client_options
from orderbridge.bus.envelope import MAX_ORIGINAL
from orderbridge.database.unit_of_work import refuse_open_transaction
from orderbridge.settings import Settings

log = structlog.get_logger()


@dataclass(frozen=True)
class Outgoing:
    """One message to publish. `name` tells it from others; headers and value as they go on the wire."""

    name: str
    topic: str
    key: str
    headers: list[tuple[str, bytes]]
    value: bytes


_METADATA_MS = 2000
"""How long a send may wait to learn of its topic; half of the relay's lease."""


class Publisher:
    """A connection to publish on. Its methods block; it is safe to share among threads."""

    def __init__(self, settings: Settings, *, answer_seconds: float = 10.0) -> None:
        self._prefix = settings.topic_prefix
        self._answer_seconds = answer_seconds
        self._producer = KafkaProducer(
            **client_options(settings),
            acks="all",
            enable_idempotence=False,
            max_in_flight_requests_per_connection=1,
            linger_ms=0,
            max_request_size=MAX_ORIGINAL,
            max_block_ms=_METADATA_MS,
            request_timeout_ms=int(answer_seconds * 1000),
            delivery_timeout_ms=int(answer_seconds * 1000) + 1000,
        )

    def publish(self, messages: Iterable[Outgoing]) -> dict[str, Exception | None]:
        """Send all and wait for each answer: per name None where the broker took it, else why not.

        Raises TransactionOpen if this thread has a transaction open: the broker may keep us waiting.
        """
        refuse_open_transaction()
        sent: dict[str, Any] = {}
        results: dict[str, Exception | None] = {}
        unknown: dict[str, Exception] = {}  # topics the broker does not tell us of: each would block once a message
        for message in messages:
            if message.topic in unknown:
                results[message.name] = unknown[message.topic]
                continue
            try:
                sent[message.name] = self._producer.send(
                    self._prefix + message.topic,
                    key=message.key.encode("utf-8"),
                    value=message.value,
                    headers=message.headers,
                )
            except KafkaTimeoutError as error:
                results[message.name] = unknown[message.topic] = error
            except (KafkaError, ValueError, AssertionError) as error:
                results[message.name] = error
        for name, future in sent.items():
            try:
                future.get(timeout=self._answer_seconds + 5)
                results[name] = None
            except KafkaError as error:
                results[name] = error
        return results

    def close(self) -> None:
        """Close the connection; what was not answered by then was never reported as published."""
        self._producer.close(timeout=2)
