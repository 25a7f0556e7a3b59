"""Whoever follows topics sees what comes, also where he begins while the client still looks for the broker."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

import tests.parts.kafka_python  # noqa: F401 - before the bus, which imports Kafka
from orderbridge.bus.embedded import EmbeddedBroker
from orderbridge.bus.publisher import Outgoing, Publisher
from orderbridge.bus.reading import follow_topics
from orderbridge.settings import Settings
from schemas.events import all_topics

BEGINNINGS = 60
"""As kafka-python is subscribed in its constructor, one in ten of them saw nothing for five minutes."""


@pytest.fixture
def settings() -> Settings:
    """On the embedded broker, which answers so fast that the race is often lost."""
    return Settings(_env_file=None, kafka_bootstrap_servers=EmbeddedBroker().bootstrap_servers, kafka_embedded=True)


def test_every_beginning_sees_what_is_there(settings: Settings) -> None:
    publisher = Publisher(settings)
    sent = publisher.publish([Outgoing("1", "order.imported", "A", [], b"{}")])
    publisher.close()
    assert sent == {"1": None}
    for number in range(BEGINNINGS):
        with closing(follow_topics(settings, all_topics(), since_start=True)) as consumer:
            until = time.monotonic() + 20
            while not (found := consumer.poll(timeout_ms=200)):
                assert time.monotonic() < until, f"nothing came to follower {number}"
            ((record,),) = found.values()
            assert record.value == b"{}"
