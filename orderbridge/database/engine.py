"""Connects to PostgreSQL or SQLite, and tells whether an error means that the database is away."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import NullPool

_POSTGRES_ARGUMENTS = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
_OPTIONS = "-c idle_in_transaction_session_timeout=10s -c tcp_user_timeout=20s"
"""A process that is stopped in the middle of a transaction (SIGSTOP, a machine put to sleep) would hold its locks for
as long, and everybody would wait for it: the standby ticker too. No handler is idle between two statements for longer,
nor does any read so slowly that the server cannot send."""


def connect(url: str, *, pool_size: int = 16) -> Engine:
    """An engine for `url`. Values never appear in an error's text (`hide_parameters`)."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        # Its writers take turns, so one connection a process does: threads wait for it in a queue, instead of polling
        # for SQLite's lock with ever longer sleeps while it is free.
        engine = create_engine(
            parsed, hide_parameters=True, pool_size=1, max_overflow=0, pool_timeout=30, connect_args={"timeout": 30}
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine
    return create_engine(
        parsed, hide_parameters=True, pool_size=pool_size, max_overflow=pool_size, connect_args=_arguments(parsed)
    )


def connect_unpooled(url: str) -> Engine:
    """An engine that opens a connection for each use: for the clock, which is read while every pooled one is busy."""
    parsed = make_url(url)
    return create_engine(parsed, hide_parameters=True, poolclass=NullPool, connect_args=_arguments(parsed))


def _arguments(url: URL) -> dict[str, str | int]:
    """Ours, and after them the options that the URL names itself: arguments would take their place."""
    own = url.query.get("options", ())
    options = " ".join((_OPTIONS, *((own,) if isinstance(own, str) else own)))
    return {**_POSTGRES_ARGUMENTS, "options": options}


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # or Python's driver would open transactions of its own, and open them lazily
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_immediate(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once in WAL mode if another wrote in between, however
    # long the time-out. So every unit of work takes the writer's lock at its start and waits for it in turn.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def database_time(engine: Engine) -> datetime:
    """PostgreSQL's own time."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))  # the way to a connection that is being opened is no measure
        return connection.execute(text("SELECT clock_timestamp()")).scalar_one().astimezone(UTC)  # type: ignore[no-any-return]  # text() is untyped


def is_outage(error: BaseException) -> bool:
    """Whether the database itself failed (away, restarting, a deadlock, a lock that did not come), and not a handler.

    Then the event waits in place, and is neither given back nor counted against the worker.
    """
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated
