"""The inbox: what a consumer has handled, so that a second copy of an event does nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, Literal

from sqlalchemy import bindparam, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from orderbridge.database.models import InboxRow
from orderbridge.database.unit_of_work import Work

Outcome = Literal["handled", "skipped", "rejected", "dead-letter"]
Seen = Literal["new", "repeated", "reused"]
Identity = tuple[str, str]
"""Source and id of an event."""


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
    row = _row(work, consumer, (work.cause.source, work.cause.event_id), digest, outcome, reason)
    connection = work.session.connection()
    return connection.execute(_insertion(connection.dialect.name), row).first() is not None


def known(work: Work, consumer: str, events: Collection[Identity]) -> set[Identity]:
    """Those of the events under whose id one was handled before."""
    columns = InboxRow.source, InboxRow.event_id
    found = select(*columns).where(InboxRow.consumer == consumer, tuple_(*columns).in_(events))
    return {(row.source, row.event_id) for row in work.session.execute(found)}


def record_handled(work: Work, consumer: str, digests: Mapping[Identity, str]) -> int:
    """Write of many events, by their identities, that they are handled; returns of how many it was not known yet."""
    if not digests:
        return 0
    # In one order: of two processes that write the same rows neither waits for the other crosswise.
    rows = [_row(work, consumer, event, digest, "handled", None) for event, digest in sorted(digests.items())]
    connection = work.session.connection()
    return len(connection.execute(_insertion(connection.dialect.name), rows).all())


def _row(
    work: Work, consumer: str, event: Identity, digest: str, outcome: Outcome, reason: str | None
) -> dict[str, object]:
    source, event_id = event
    return {
        "consumer": consumer,
        "source": source,
        "event_id": event_id,
        "digest": digest,
        "outcome": outcome,
        "reason": reason,
        "handled_at": work.now,
    }
