"""Processes that die anywhere: before a statement, before a commit, after it, or at a call that says so.

crashes = Crashes(database)
crashes.arm(7)          # the seventh point from now is the last
crashes.point()         # a point of the caller's own: before a call, after it
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from orderbridge.database.unit_of_work import Database
from tests.parts.in_process import Killed


class Crashes:
    """The points of one database's use, in the thread that made this."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self._thread = threading.get_ident()
        self._left: int | None = None
        self.died = 0
        event.listen(self._engine, "before_cursor_execute", self.point)
        event.listen(self._engine, "commit", self.point)
        event.listen(Session, "after_commit", self._after_commit)

    def close(self) -> None:
        """No more of them."""
        event.remove(self._engine, "before_cursor_execute", self.point)
        event.remove(self._engine, "commit", self.point)
        event.remove(Session, "after_commit", self._after_commit)

    def arm(self, points: int) -> None:
        """Let the process die at that point from now, the first being 1."""
        self._left = points

    def disarm(self) -> None:
        """Let it live."""
        self._left = None

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What the test itself does counts no points."""
        left, self._left = self._left, None
        yield
        self._left = left

    def point(self, *_: Any) -> None:
        """A point at which a process may die. Raises Killed at the one that was chosen."""
        if self._left is None or threading.get_ident() != self._thread:
            return
        self._left -= 1
        if self._left <= 0:
            self._left = None
            self.died += 1
            raise Killed

    def _after_commit(self, session: Session) -> None:
        if session.get_bind() is self._engine:
            self.point()
