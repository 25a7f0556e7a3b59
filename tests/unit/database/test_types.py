"""Moments on their way into a column and out of it; which errors mean that the database is away."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.errors import DiskFull, InFailedSqlTransaction, ProgramLimitExceeded, ReadOnlySqlTransaction
from sqlalchemy import Dialect, make_url, text
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from orderbridge.database.engine import connect, is_outage
from orderbridge.database.types import Utc

DIALECTS: list[Dialect] = [make_url(url).get_dialect()() for url in ("sqlite://", "postgresql+psycopg://")]
aware = st.datetimes(
    datetime(2, 1, 1),  # noqa: DTZ001 - hypothesis takes bounds without a zone
    datetime(9998, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-840, 840).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@given(aware, st.sampled_from(DIALECTS))
def test_a_moment_comes_back_as_the_same_instant_in_utc(moment: datetime, dialect: Dialect) -> None:
    bound = Utc().process_bind_param(moment, dialect)
    assert bound is not None
    assert bound.tzinfo == UTC
    for stored in (bound, bound.replace(tzinfo=None), moment):  # SQLite keeps no zone; PostgreSQL gives its session's
        read = Utc().process_result_value(stored, dialect)
        assert read == moment
        assert read.tzinfo == UTC


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_nothing_is_nothing(dialect: Dialect) -> None:
    assert Utc().process_bind_param(None, dialect) is None
    assert Utc().process_result_value(None, dialect) is None


def test_a_moment_without_a_zone_is_a_bug() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        Utc().process_bind_param(datetime(2026, 11, 24), DIALECTS[0])  # noqa: DTZ001 - that is what is tested


CAUSE = Exception()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OperationalError("SELECT", {}, CAUSE), True),
        (InterfaceError("SELECT", {}, CAUSE), True),
        (OperationalError("INSERT", {}, ProgramLimitExceeded()), False),
        (OperationalError("INSERT", {}, DiskFull()), True),
        (InternalError("INSERT", {}, ReadOnlySqlTransaction()), True),
        (InternalError("INSERT", {}, InFailedSqlTransaction()), False),
        (PoolTimeout(), True),
        (DBAPIError("SELECT", {}, CAUSE, connection_invalidated=True), True),
        (DBAPIError("SELECT", {}, CAUSE), False),
        (IntegrityError("INSERT", {}, CAUSE), False),
        (ProgrammingError("SELECT", {}, CAUSE), False),
        (ValueError(), False),
        (TimeoutError(), False),
        (KeyboardInterrupt(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_which_errors_are_outages(error: BaseException, expected: bool) -> None:
    assert is_outage(error) is expected


def test_a_table_that_is_not_there_is_no_outage(sqlite_url: str) -> None:
    """A service that never was given its tables says so, and does not wait for them."""
    engine = connect(sqlite_url)
    with pytest.raises(OperationalError, match="no such table") as caught, engine.connect() as connection:
        connection.execute(text("SELECT * FROM orders"))
    engine.dispose()
    assert not is_outage(caught.value)


def test_a_server_that_is_not_there_is_an_outage() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, so that nobody else takes it, but not listening
        engine = connect(f"postgresql+psycopg://nobody@127.0.0.1:{taken.getsockname()[1]}/none")
        with pytest.raises(OperationalError) as caught:
            engine.connect()
        engine.dispose()
    assert is_outage(caught.value)


def test_sqlite_is_set_up_for_several_processes(sqlite_url: str) -> None:
    engine = connect(sqlite_url)
    with engine.connect() as connection:
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    engine.dispose()
    assert settings == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 1, "busy_timeout": 30_000}


def test_sqlites_folder_is_made(tmp_path: object) -> None:
    engine = connect(f"sqlite:///{tmp_path}/new/folder/orderbridge.sqlite")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    engine.dispose()
