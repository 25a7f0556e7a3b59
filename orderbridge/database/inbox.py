"""The inbox: what a consumer has handled, so that a second copy of an event does nothing."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import select

from orderbridge.database.models import InboxRow
from orderbridge.database.unit_of_work import Work

Outcome = Literal["handled", "skipped", "rejected", "dead-letter"]
Seen = Literal["new", "repeated", "reused"]


def look_up(work: Work, consumer: str, digest: str) -> Seen:
    """Whether the event at hand is new, a copy of one handled before, or another under the same id (`reused`)."""
    known = work.session.execute(
        select(InboxRow.digest).where(
            InboxRow.consumer == consumer,
            InboxRow.source == work.cause.source,
            InboxRow.event_id == work.cause.event_id,
        )
    ).scalar_one_or_none()
    if known is None:
        return "new"
    return "repeated" if known == digest else "reused"


def record(work: Work, consumer: str, digest: str, outcome: Outcome, reason: str | None = None) -> bool:
    """Write that the event at hand is done, in the same transaction as its effect.

    False if another process has written it meanwhile: the caller rolls its effect back.
    """
    statement = (
        work.insert(InboxRow)
        .values(
            consumer=consumer,
            source=work.cause.source,
            event_id=work.cause.event_id,
            digest=digest,
            outcome=outcome,
            reason=reason,
            handled_at=work.now,
        )
        .on_conflict_do_nothing()
        .returning(InboxRow.consumer)
    )
    return work.session.execute(statement).first() is not None
