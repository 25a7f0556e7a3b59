"""The houses of the bus's tests: one that stands for a whole module, and one for a single test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import tests.parts.kafka_python  # noqa: F401 - before the bus, which imports Kafka
from tests.parts.bus_house import BusHouse
from tests.parts.kafka import Kafka
from tests.parts.postgres import Postgres
from tests.parts.requirement import skip_or_fail


@pytest.fixture
def house(kafka: Kafka, postgres_url: str, topic_prefix: str, tmp_path: Path) -> Iterator[BusHouse]:
    """A house of this test's own, in which nothing runs yet."""
    house = BusHouse(kafka.bootstrap_servers, postgres_url, topic_prefix, tmp_path)
    yield house
    house.close()


@pytest.fixture(scope="module")
def standing_house(
    any_kafka: Kafka, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BusHouse]:
    """A house for the tests of a module, with one worker and a ticker at work."""
    if any_kafka.kind == "mock":
        skip_or_fail("kafka", any_kafka.why)
    url = postgres.new_database()
    prefix = f"test-{uuid.uuid4().hex[:12]}."
    house = BusHouse(any_kafka.bootstrap_servers, url, prefix, tmp_path_factory.mktemp("house"))
    house.ticker()
    house.worker().wait_for_partitions()
    yield house
    house.close()
    postgres.drop_database(url)
