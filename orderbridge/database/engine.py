"""Connects to PostgreSQL or SQLite, and tells whether an error means that the database is away."""

from __future__ import annotations

import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import NullPool

from orderbridge.clock import monotonic

_POSTGRES_ARGUMENTS = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
_READ_ONLY = "25006"
"""SQLSTATE of a server that takes no writes for a while: a standby before it takes over, a disk that is nearly full."""
_SQLITE_SECONDS = 30.0
_WAYS = 3
LONGEST_IDLE = 10
"""Seconds that a transaction may be idle between two statements.

A process that is stopped in the middle of one (SIGSTOP, a machine put to sleep) would hold its locks for as long, and
everybody would wait for it: the standby ticker too. No handler is idle for longer, nor does any read so slowly that
the server cannot send. Set on each connection: as start-up options they would take the place of those in the URL and in
PGOPTIONS, and poolers refuse them.
"""
_LONGEST_SENDING = 20
CONNECTION_LIVES = 1800.0
"""Seconds after which a connection is replaced. PostgreSQL's process behind it remembers plans, tables and indexes,
more of them with every hour: in a soak of two hours sixty of them grew by 9 MiB an hour."""


def connect(url: str, *, pool_size: int = 16) -> Engine:
    """An engine for `url`. Values never appear in an error's text (`hide_parameters`)."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        # Its writers take turns, so one connection a process does: threads wait for it in memory, instead of polling
        # for SQLite's lock with ever longer sleeps while it is free.
        engine = create_engine(
            parsed,
            hide_parameters=True,
            pool_size=1,
            max_overflow=0,
            pool_timeout=_SQLITE_SECONDS,
            connect_args={"timeout": _SQLITE_SECONDS},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine
    engine = create_engine(
        parsed,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_recycle=CONNECTION_LIVES,
        connect_args=_POSTGRES_ARGUMENTS,
    )
    event.listen(engine, "connect", _let_nobody_wait)
    return engine


def connect_unpooled(url: str) -> Engine:
    """An engine that opens a connection for each use: for the clock, which is read while every pooled one is busy."""
    return create_engine(make_url(url), hide_parameters=True, poolclass=NullPool, connect_args=_POSTGRES_ARGUMENTS)


def _let_nobody_wait(connection: Any, _record: Any) -> None:
    connection.autocommit = True
    connection.execute(f"SET idle_in_transaction_session_timeout = '{LONGEST_IDLE}s'")
    connection.execute(f"SET tcp_user_timeout = '{_LONGEST_SENDING}s'")
    connection.autocommit = False


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # or Python's driver would open transactions of its own, and open them lazily
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _write_ahead(connection: Any) -> None:
    """Of several that open a new file at once SQLite lets one switch it, and tells others "locked" without waiting."""
    end = time.monotonic() + _SQLITE_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or time.monotonic() > end:
                raise
            time.sleep(0.02)


def _begin_immediate(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once in WAL mode if another wrote in between, however
    # long the time-out. So every unit of work takes the writer's lock at its start and waits for it in turn.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def database_time(engine: Engine) -> datetime:
    """PostgreSQL's own time."""
    return measure_time(engine)[0]


def measure_time(engine: Engine) -> tuple[datetime, float]:
    """PostgreSQL's own time, and when by our clock's `monotonic()` it told it: in the middle of the way there and back.

    The shortest of some ways tells it best. The way to a connection that is being opened, far longer, is none of them.
    """
    with engine.connect() as connection:
        ways = []
        for _ in range(_WAYS):
            before = monotonic()
            theirs = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
            after = monotonic()
            ways.append((after - before, theirs.astimezone(UTC), (before + after) / 2))
    _, theirs, told_at = min(ways)
    return theirs, told_at


def is_outage(error: BaseException) -> bool:
    """Whether the database itself failed (away, restarting, a deadlock, read-only), and not a handler.

    A lock that did not come is one, too. Then the event waits in place, and is neither given back nor counted against
    the worker.
    """
    state: str | None = getattr(getattr(error, "orig", None), "sqlstate", None)
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        # Both count among them what waiting does not mend: psycopg a value that is too large for PostgreSQL (SQLSTATE
        # class 54), sqlite3 what it does not understand, as a table that is not there.
        code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
        return not (state or "").startswith("54") and code != sqlite3.SQLITE_ERROR
    return isinstance(error, DBAPIError) and (error.connection_invalidated or state == _READ_ONLY)
