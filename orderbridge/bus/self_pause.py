"""A worker that has turned against every message stops itself, visibly, until somebody resumes it.

Only exceptions of its own handlers count, never bad input: a buggy store must not stop us.
"""

from __future__ import annotations

import time
from datetime import timedelta

import structlog
from sqlalchemy import func, select

from orderbridge.database.models import HandlerFailure, InboxRow, ServiceState
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.telemetry import PAUSED

log = structlog.get_logger()


class SelfPause:
    """Counts a service's own failures over a window, in the database, so that restarts don't forget them."""

    def __init__(
        self, service: str, database: Database, *, bound: int = 20, window: timedelta = timedelta(minutes=10)
    ) -> None:
        self._service = service
        self._database = database
        self._bound = bound
        self._window = window
        self._known: tuple[float, bool] = (0.0, False)

    def consider(self) -> None:
        """After a failure: pause if at least `bound` events failed within the window, and more than were handled."""
        with self._database.unit_of_work() as work:
            since = work.now - self._window
            state = work.session.get(ServiceState, self._service)
            if state is not None and state.resumed_at is not None:
                since = max(since, state.resumed_at)
            failed = work.session.execute(
                select(func.count(func.distinct(HandlerFailure.place))).where(
                    HandlerFailure.service == self._service, HandlerFailure.failed_at > since
                )
            ).scalar_one()
            if failed < self._bound or (state is not None and state.paused_at is not None):
                return
            handled = work.session.execute(
                select(func.count()).where(
                    InboxRow.consumer == self._service, InboxRow.handled_at > since, InboxRow.outcome == "handled"
                )
            ).scalar_one()
            if failed <= handled:
                return
            reason = f"{failed} events failed and {handled} were handled since {since:%Y-%m-%d %H:%M:%S} UTC"
            _write(work, self._service, {"paused_at": work.now, "reason": reason})
        self._known = (0.0, True)
        log.error("paused itself: mend the fault, then `orderbridge resume`", reason=reason)

    def is_paused(self) -> bool:
        """Whether the service is paused; asks the database at most once a second."""
        asked_at, paused = self._known
        if time.monotonic() - asked_at < 1.0:
            return paused
        with self._database.unit_of_work() as work:
            state = work.session.get(ServiceState, self._service)
            paused = state is not None and state.paused_at is not None
        self._known = (time.monotonic(), paused)
        PAUSED.labels(self._service).set(paused)
        return paused


def resume(work: Work, service: str) -> bool:
    """Let a paused service go on: False if it was not paused. Earlier failures no longer count."""
    state = work.session.get(ServiceState, service)
    if state is None or state.paused_at is None:
        return False
    _write(work, service, {"paused_at": None, "reason": None, "resumed_at": work.now})
    return True


def _write(work: Work, service: str, values: dict[str, object]) -> None:
    statement = work.insert(ServiceState).values(service=service, **values)
    work.session.execute(statement.on_conflict_do_update(index_elements=["service"], set_=values))
