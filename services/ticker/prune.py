"""Takes away rows that nobody needs any more, a bounded number at a time, so that tables do not grow for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, select

from orderbridge.access.sign_in import LOCKED_FOR
from orderbridge.database.models import (
    Attempt,
    ConsentRequest,
    ConsoleLink,
    ConsoleSession,
    HandlerFailure,
    InboxRow,
    LoginFailure,
    Mail,
    Opening,
    OutboxRow,
    ProcessRow,
    Run,
    RunLineRow,
    SkippedOrder,
    Slot,
    UnknownOrder,
)
from orderbridge.database.unit_of_work import Database

BATCH = 1000
PUBLISHED_FOR = timedelta(days=30)
"""Dead letters among them: what a store wrongly said about a buyer lies there at most so long."""
HANDLED_FOR = timedelta(days=45)
"""Longer than any topic keeps an event, so that a copy read late is still known."""
ATTEMPTS_FOR = timedelta(days=30)
FAILURES_FOR = timedelta(days=1)
SLOTS_FOR = timedelta(days=7)
RUNS_FOR = timedelta(days=90)
OPENINGS_FOR = timedelta(days=366)
"""Amazon's Data Protection Policy (2.6): logs are kept for 12 months at least."""
SILENT_FOR = timedelta(days=1)
"""A killed process is to be seen in the console for a while."""
CONSENT_REQUESTS_FOR = timedelta(days=1)
"""After their end, so that whoever comes back late hears that it was too late, and not that he is unknown."""
MAILS_FOR = timedelta(days=30)
"""After its end, sent or not."""
SKIPPED_FOR = timedelta(days=45)
"""Longer than a reconciliation reaches back."""
UNKNOWN_FOR = timedelta(days=2)
"""Longer than the shipper takes the answer for a fresh one."""


def prune(database: Database) -> int:
    """Delete up to a batch of each table's old rows. Returns how many; 0 means that nothing is left to delete."""
    now = database.clock.now()
    old: list[tuple[Any, ColumnElement[bool]]] = [
        (OutboxRow.position, _before(OutboxRow.published_at, now - PUBLISHED_FOR)),
        (InboxRow.event_id, _before(InboxRow.handled_at, now - HANDLED_FOR)),
        (Attempt.attempt_id, _before(Attempt.started_at, now - ATTEMPTS_FOR)),
        (HandlerFailure.failure_id, _before(HandlerFailure.failed_at, now - FAILURES_FOR)),
        (Slot.starts_at, _before(Slot.starts_at, now - SLOTS_FOR)),
        (RunLineRow.line_id, RunLineRow.run_id.in_(select(Run.run_id).where(_before(Run.finished_at, now - RUNS_FOR)))),
        (Run.run_id, _before(Run.finished_at, now - RUNS_FOR) & ~exists().where(RunLineRow.run_id == Run.run_id)),
        (Opening.opening_id, _before(Opening.asked_at, now - OPENINGS_FOR)),
        (ProcessRow.process_id, _before(ProcessRow.seen_at, now - SILENT_FOR)),
        (ConsoleSession.token_hash, _before(ConsoleSession.expires_at, now)),
        (ConsoleLink.token_hash, _before(ConsoleLink.expires_at, now)),
        (LoginFailure.name_hash, _before(LoginFailure.last_at, now - LOCKED_FOR)),
        (ConsentRequest.state_hash, _before(ConsentRequest.expires_at, now - CONSENT_REQUESTS_FOR)),
        (Mail.event_id, _before(Mail.ended_at, now - MAILS_FOR)),
        (SkippedOrder.order_id, _before(SkippedOrder.skipped_at, now - SKIPPED_FOR)),
        (UnknownOrder.order_id, _before(UnknownOrder.asked_at, now - UNKNOWN_FOR)),
    ]
    deleted = 0
    for key, is_old in old:
        with database.unit_of_work() as work:
            some = work.session.scalars(select(key).where(is_old).limit(BATCH)).all()
            if some:
                statement = delete(key.class_).where(key.in_(some), is_old)
                deleted += work.session.execute(statement.execution_options(synchronize_session=False)).rowcount  # type: ignore[attr-defined]  # a DELETE's result has it
    return deleted


def _before(column: Any, moment: datetime) -> ColumnElement[bool]:
    is_before: ColumnElement[bool] = column < moment
    return is_before
