"""Events that came and that go, and the state of the services that handle them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from orderbridge.database.models.base import Base
from orderbridge.database.types import Counter

_UNPUBLISHED = text("published_at IS NULL")
DEAD_LETTER = text("replace(topic, '.dead-letter', '') <> topic")
"""A row of the outbox that is one; in these words, which an index has too, and both databases understand."""


class InboxRow(Base):
    """An event that a consumer has handled, so that a second copy does nothing. Shared; outlives the topics."""

    __tablename__ = "inbox"

    consumer: Mapped[str] = mapped_column(String(40), primary_key=True)
    source: Mapped[str] = mapped_column(String(300), primary_key=True)
    event_id: Mapped[str] = mapped_column(String(300), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(20))
    """handled | skipped | rejected | dead-letter."""
    reason: Mapped[str | None]
    handled_at: Mapped[datetime] = mapped_column(index=True)


class OutboxRow(Base):
    """An event to be published, now or at its date. Posted by all, published by the ticker.

    A dead letter is settled by `orderbridge dead-letters`.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_due", "due_at", "position", postgresql_where=_UNPUBLISHED, sqlite_where=_UNPUBLISHED),
        Index("ix_outbox_dead_letters", "position", postgresql_where=DEAD_LETTER, sqlite_where=DEAD_LETTER),
        Index("ix_outbox_key", "key", "position"),
        Index("uq_outbox_name", "name", unique=True, postgresql_where=_UNPUBLISHED, sqlite_where=_UNPUBLISHED),
    )

    position: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    event_id: Mapped[str] = mapped_column(String(40), unique=True)
    event_type: Mapped[str] = mapped_column(String(60))
    topic: Mapped[str] = mapped_column(String(120))
    key: Mapped[str]
    body: Mapped[str]
    """The event's JSON."""
    name: Mapped[str | None]
    """A later post of the same name replaces this one while it is unpublished."""
    traceparent: Mapped[str | None] = mapped_column(String(55))
    """The trace that it goes on with (W3C), where traces are sent."""
    posted_at: Mapped[datetime]
    due_at: Mapped[datetime]
    published_at: Mapped[datetime | None] = mapped_column(index=True)
    settled_as: Mapped[str | None] = mapped_column(String(20))
    """A dead letter's end: replayed | discarded; empty while it waits for somebody."""
    settled_at: Mapped[datetime | None]


class ServiceState(Base):
    """Whether a service has paused itself. Written by that service, and by `orderbridge resume`."""

    __tablename__ = "service_states"

    service: Mapped[str] = mapped_column(String(40), primary_key=True)
    paused_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    resumed_at: Mapped[datetime | None]


class HandlerFailure(Base):
    """An exception of a handler (a bug, never bad input). Written by each worker for itself; pruned after a day."""

    __tablename__ = "handler_failures"

    failure_id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    service: Mapped[str] = mapped_column(String(40), index=True)
    place: Mapped[str]
    exception: Mapped[str]
    failed_at: Mapped[datetime]
