"""The inbox: what a consumer has handled, so that a second copy of an event does nothing."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, Literal

from sqlalchemy import bindparam, select, text
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

# One whole key after the other. Given a list, SQLite reads all that the consumer has ever handled, and PostgreSQL does
# while it believes that to be little; EXISTS would be a join to it, with the same end.
_KNOWN_OF = """SELECT source, event_id FROM ({asked}) AS asked WHERE 1 = (
    SELECT 1 FROM inbox WHERE consumer = :by AND source = asked.source AND event_id = asked.event_id)"""
_ASKED = {
    "sqlite": """SELECT json_extract(value, '$[0]') AS source, json_extract(value, '$[1]') AS event_id
        FROM json_each(:asked)""",
    "postgresql": """SELECT value ->> 0 AS source, value ->> 1 AS event_id
        FROM json_array_elements(CAST(:asked AS json)) AS value""",
}
_KNOWN = {dialect: text(_KNOWN_OF.format(asked=asked)) for dialect, asked in _ASKED.items()}


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
    connection = work.session.connection()
    given = {"by": consumer, "asked": json.dumps(list(events))}
    return {(source, event_id) for source, event_id in connection.execute(_KNOWN[connection.dialect.name], given)}


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
