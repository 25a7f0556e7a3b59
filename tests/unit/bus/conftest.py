"""A pipeline on SQLite, without Kafka."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import tests.parts.kafka_python  # noqa: F401 - before the bus, which imports Kafka
from orderbridge.database.migrate import upgrade
from orderbridge.database.unit_of_work import Database
from tests.parts.pipeline_bench import Bench, MovableClock


@pytest.fixture
def bench(sqlite_url: str) -> Iterator[Bench]:
    """A pipeline on a fresh SQLite file, with a clock that the test moves."""
    clock = MovableClock()
    database = Database(sqlite_url, clock)
    upgrade(database.engine)
    yield Bench(database, clock)
    database.close()
