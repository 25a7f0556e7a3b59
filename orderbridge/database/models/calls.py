"""Calls to Amazon, their quotas, and what one process does at a time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from orderbridge.database.models.base import Base


class Attempt(Base):
    """A call to Amazon, written before it is made: one without an outcome was cut off. Shared."""

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_subject", "account_id", "subject"),)

    attempt_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(100))
    operation: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str]
    """What it was about: an order, or order and package."""
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    """done | unknown | the error's kind and Amazon's code; empty while under way, or cut off."""


class Quota(Base):
    """Amazon's rate limit of one operation for one account (GCRA), and its circuit breaker. Shared. Microseconds."""

    __tablename__ = "quotas"

    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    operation: Mapped[str] = mapped_column(String(60), primary_key=True)
    interval_us: Mapped[int] = mapped_column(BigInteger)
    burst: Mapped[int]
    arrival_us: Mapped[int] = mapped_column(BigInteger)
    """GCRA's theoretical arrival time, microseconds since 1970."""
    faults: Mapped[int] = mapped_column(default=0)
    """Network faults in a row."""
    closed_until_us: Mapped[int] = mapped_column(BigInteger, default=0)


class Lease(Base):
    """Something that one process does at a time. Shared."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    holder: Mapped[str]
    until: Mapped[datetime]
