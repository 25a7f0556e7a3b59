"""Wakes the ticker at once when something is posted: LISTEN/NOTIFY on PostgreSQL, a cheap poll on SQLite."""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress
from typing import Protocol

import psycopg
import structlog
from sqlalchemy import make_url

from orderbridge.database.outbox import CHANNEL

log = structlog.get_logger()
_POLL_SECONDS = 0.01


class Waker(Protocol):
    """Waits for news."""

    def wait(self, seconds: float) -> None:
        """Return when something was posted, at the latest after `seconds`."""
        ...


class PostgresWaker:
    """Listens on a connection of its own; without one (the database is away) it sleeps briefly and connects again."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url).set(drivername="postgresql")
        self._conninfo = parsed.render_as_string(hide_password=False)
        self._connection: psycopg.Connection | None = None

    def wait(self, seconds: float) -> None:
        """Return when something was posted, at the latest after `seconds`."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._conninfo, autocommit=True, connect_timeout=5)
                self._connection.execute(f"LISTEN {CHANNEL}")
                return  # what was posted before we listened woke nobody: look at once
            for _ in self._connection.notifies(timeout=seconds, stop_after=1):
                return
        except psycopg.Error:
            log.warning("cannot listen for news, polling instead")
            self.close()
            time.sleep(min(seconds, 0.5))

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None


class SqliteWaker:
    """Polls SQLite's `data_version`, which changes when another connection has committed."""

    def __init__(self, url: str) -> None:
        self._connection = sqlite3.connect(make_url(url).database or "", timeout=30)
        self._seen = self._version()

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def wait(self, seconds: float) -> None:
        """Return when something was posted, at the latest after `seconds`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            version = self._version()
            if version != self._seen:
                self._seen = version
                return
            time.sleep(_POLL_SECONDS)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def waker_for(url: str) -> PostgresWaker | SqliteWaker:
    """The waker for this database."""
    return SqliteWaker(url) if make_url(url).get_backend_name() == "sqlite" else PostgresWaker(url)
