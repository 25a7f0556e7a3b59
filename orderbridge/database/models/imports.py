"""The import's runs, and what they met with."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from orderbridge.database.models.base import Base
from orderbridge.database.types import Counter

_OPEN = text("finished_at IS NULL")
WITH_PROBLEMS = text("problems > 0")
"""As the index of them has it: SQLite takes it for a query that says the same in the same words."""


class Run(Base):
    """A run of an account's import, open until `finished_at`. Written by the importer, pruned by the ticker."""

    __tablename__ = "runs"
    __table_args__ = (
        Index("uq_open_run", "account_id", "kind", unique=True, postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index("ix_runs_account", "account_id", "started_at"),
        Index("ix_runs_started", "started_at", "run_id"),
        Index("ix_runs_problems", "started_at", "run_id", postgresql_where=WITH_PROBLEMS, sqlite_where=WITH_PROBLEMS),
    )

    run_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(20))
    """`schemas.imports.RunKind`."""
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(index=True)
    problems: Mapped[int] = mapped_column(default=0, server_default="0")
    """How many the run has met with so far."""
    progress: Mapped[str]
    """JSON: where the open run stands."""
    log: Mapped[str | None]
    """JSON of its end: `schemas.imports.ImportFinished`, without its lines."""


class RunLineRow(Base):
    """What a run did with one order. Written by the importer, pruned by the ticker."""

    __tablename__ = "run_lines"
    __table_args__ = (Index("ix_run_lines_rank", "run_id", "rank", "line_id"),)

    line_id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    run_id: Mapped[str] = mapped_column(String(100))
    rank: Mapped[int]
    """0 a problem, 1 a mapping is missing, 2 all else."""
    line: Mapped[str]
    """JSON: `schemas.imports.RunLine`."""


class UnmappedWord(Base):
    """A word of Amazon's that no mapping or list of ours knows, to be reported once. Written by the importer."""

    __tablename__ = "unmapped_words"

    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    """shipping | payment | program | status | …"""
    word: Mapped[str] = mapped_column(String(200), primary_key=True)
    first_seen_at: Mapped[datetime]
    first_order_id: Mapped[str] = mapped_column(String(100))
    times: Mapped[int] = mapped_column(default=1)


class Slot(Base):
    """An account's import slot that has been planned, or a night's sweep, as `(sweep)`. Written by the ticker."""

    __tablename__ = "slots"

    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)


class SkippedOrder(Base):
    """An order that is not imported for one of its programs. Written by the importer."""

    __tablename__ = "skipped_orders"

    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    programs: Mapped[str]
    """All of the order's, with commas between them."""
    skipped_at: Mapped[datetime] = mapped_column(index=True)


class UnknownOrder(Base):
    """An order number that Amazon does not know for an account. Written by the importer."""

    __tablename__ = "unknown_orders"

    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    asked_at: Mapped[datetime]
    why: Mapped[str]
