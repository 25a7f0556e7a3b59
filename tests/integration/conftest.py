"""A migrated database on SQLite and on PostgreSQL, emptied for each test, with a clock moved by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import tests.parts.kafka_python  # noqa: F401 - before the bus, which imports Kafka
from orderbridge.database.unit_of_work import Database
from tests.parts.databases import empty, migrated
from tests.parts.hand_clock import HandClock
from tests.parts.postgres import Postgres
from tests.parts.requirement import Missing, skip_or_fail
from tests.parts.sandbox_server import SandboxServer, sandbox_server
from tests.parts.secured_kafka import SecuredKafka


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxServer]:
    """One server for the sandboxes of all tests."""
    with sandbox_server() as server:
        yield server


@pytest.fixture(scope="module")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An SQLite file for all tests of a module."""
    with migrated(f"sqlite:///{tmp_path_factory.mktemp('database') / 'orderbridge.sqlite'}", HandClock()) as database:
        yield database


@pytest.fixture(scope="module")
def migrated_postgres(postgres: Postgres) -> Iterator[Database]:
    """A PostgreSQL database for all tests of a module."""
    url = postgres.new_database()
    with migrated(url, HandClock()) as database:
        yield database
    postgres.drop_database(url)


@pytest.fixture
def clock() -> HandClock:
    """The clock of `database`."""
    return HandClock()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, clock: HandClock) -> Database:
    """With today's tables and nothing in them; the test runs on SQLite and on PostgreSQL."""
    database: Database = request.getfixturevalue(f"migrated_{request.param}")
    database.clock = clock
    empty(database)
    return database


@pytest.fixture(scope="session")
def secured_kafka() -> Iterator[SecuredKafka]:
    """One Apache Kafka with TLS, users and access control lists for all tests; who may what is up to the test."""
    try:
        secured = SecuredKafka()
    except Missing as missing:
        skip_or_fail("kafka", str(missing))
    yield secured
    secured.close()
