"""Which processes run."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from orderbridge.database.models.base import Base


class ProcessRow(Base):
    """A running process, as it last told of itself. Written by each for itself (`orderbridge.heartbeat`)."""

    __tablename__ = "processes"

    process_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    service: Mapped[str] = mapped_column(String(40))
    instance: Mapped[str] = mapped_column(String(200))
    """Its stable name, else host and process number."""
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(20))
    """`ok`, `waiting` or `stuck`, as on its health page."""
    waiting_for: Mapped[str | None] = mapped_column(String(200))
    lag: Mapped[int | None] = mapped_column(BigInteger)
    """Events on its partitions that it has not handled yet."""
    handled: Mapped[int | None] = mapped_column(BigInteger)
    """Events since its start."""
