"""The inbox: what a consumer has handled, so that a second copy of an event does nothing."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from sqlalchemy import bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from orderbridge.database.models import InboxRow
from orderbridge.database.unit_of_work import Work

Outcome = Literal["handled", "skipped", "rejected", "dead-letter"]
Seen = Literal["new", "repeated", "reused"]


_LOOK_UP = select(InboxRow.digest).where(
    InboxRow.consumer == bindparam("by"),
    InboxRow.source == bindparam("at"),
    InboxRow.event_id == bindparam("id"),
)


@cache
def _insertion(dialect: str) -> Any:
    statement: Any = (sqlite if dialect == "sqlite" else postgresql).insert(InboxRow.__table__)
    return statement.on_conflict_do_nothing().returning(InboxRow.consumer)


def look_up(work: Work, consumer: str, digest: str) -> Seen:
    """Whether the event at hand is new, a copy of one handled before, or another under the same id (`reused`)."""
    cause = work.cause
    found = work.session.connection().execute(_LOOK_UP, {"by": consumer, "at": cause.source, "id": cause.event_id})
    known = found.scalar_one_or_none()
    if known is None:
        return "new"
    return "repeated" if known == digest else "reused"


def record(work: Work, consumer: str, digest: str, outcome: Outcome, reason: str | None = None) -> bool:
    """Write that the event at hand is done, in the same transaction as its effect.

    False if another process has written it meanwhile: the caller rolls its effect back.
    """
    row = {
        "consumer": consumer,
        "source": work.cause.source,
        "event_id": work.cause.event_id,
        "digest": digest,
        "outcome": outcome,
        "reason": reason,
        "handled_at": work.now,
    }
    connection = work.session.connection()
    return connection.execute(_insertion(connection.dialect.name), row).first() is not None
