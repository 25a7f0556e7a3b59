"""The outbox's statements: built once, since building one costs more than running it."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from sqlalchemy import bindparam, delete, func, select, text
from sqlalchemy.dialects import postgresql, sqlite

from orderbridge.database.models import OutboxRow

CHANNEL = "orderbridge_outbox"
"""PostgreSQL's NOTIFY channel that wakes the ticker."""

_TABLE = OutboxRow.__table__
_COLUMNS = ("event_id", "event_type", "topic", "key", "body", "name", "traceparent", "posted_at", "due_at")
_SAME_NAME: dict[str, Any] = {"index_elements": ["name"], "index_where": text("published_at IS NULL")}

WITHDRAW = delete(OutboxRow).where(OutboxRow.name == bindparam("named"), OutboxRow.published_at.is_(None))


NOTIFY = select(func.pg_notify(CHANNEL, ""))


@cache
def insertion_of_many(dialect: str) -> Any:
    """The INSERT of many events without names; it announces nothing."""
    statement: Any = (sqlite if dialect == "sqlite" else postgresql).insert(_TABLE)
    return statement.values({column: bindparam(column) for column in _COLUMNS})


@cache
def insertion(dialect: str, same_name: Literal["none", "replaced", "kept"]) -> Any:
    """The INSERT of one event; what becomes of an unpublished one of the same name, where it has a name."""
    statement: Any = (sqlite if dialect == "sqlite" else postgresql).insert(_TABLE)
    statement = statement.values({column: bindparam(column) for column in _COLUMNS})
    if same_name == "replaced":
        newer = {column: statement.excluded[column] for column in _COLUMNS if column != "name"}
        statement = statement.on_conflict_do_update(**_SAME_NAME, set_=newer)
    elif same_name == "kept":
        statement = statement.on_conflict_do_nothing(**_SAME_NAME)
    # Announced with the row, which saves a round trip; PostgreSQL sends one notification a transaction, at its commit.
    return statement.returning(func.pg_notify(CHANNEL, "")) if dialect == "postgresql" else statement
