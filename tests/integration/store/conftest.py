"""The store's tests run on the embedded broker and on Apache Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orderbridge.settings import Settings
from tests.integration.store.bridge import Bridge
from tests.parts.kafka import Kafka, mock


@pytest.fixture(params=["embedded", "kafka"])
def settings(request: pytest.FixtureRequest, topic_prefix: str, tmp_path: Path) -> Iterator[Settings]:
    """An installation on either broker."""
    embedded = request.param == "embedded"
    broker: Kafka = mock("the store must run on it") if embedded else request.getfixturevalue("kafka")
    yield Settings(
        kafka_bootstrap_servers=broker.bootstrap_servers,
        kafka_embedded=embedded,
        topic_prefix=topic_prefix,
        topic_partitions=2,
        session_timeout_seconds=2,
        storefront_port=0,
        storefront_database=tmp_path / "shop" / "storefront.sqlite",
    )
    if embedded:
        broker.close()


@pytest.fixture
def bridge(settings: Settings) -> Iterator[Bridge]:
    """The bridge's side of the topics."""
    bridge = Bridge(settings)
    yield bridge
    bridge.close()
