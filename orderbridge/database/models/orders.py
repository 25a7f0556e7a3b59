"""Orders, and the personal data that is kept apart from them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from orderbridge.database.models.base import Base

_ALIVE = text("redacted_at IS NULL")
_SEALED = text("redacted_at IS NULL AND seal IS NOT NULL")


class OrderRow(Base):
    """An order as last told to the store, without personal data. Written by the importer; `sequence` is shared."""

    __tablename__ = "orders"
    __table_args__ = (
        Index("ix_orders_placed", "placed_at", "order_id"),
        Index("ix_orders_account_placed", "account_id", "placed_at", "order_id"),
        Index("ix_orders_queue", "queue", "placed_at", "order_id"),
        Index("ix_orders_amazon_status", "amazon_status", "placed_at", "order_id"),
        Index("ix_orders_to_ship", "fulfilled_by", "amazon_status", "ship_by"),
        # Covers what a replay counts, or counting would read every row.
        Index("ix_orders_sequence", "sequence", "order_id", "account_id", "placed_at"),
    )

    order_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(100))
    order_number: Mapped[str] = mapped_column(index=True)
    queue: Mapped[str] = mapped_column(default="", server_default="")
    """The name of the store's status, as in the document."""
    amazon_status: Mapped[str] = mapped_column(String(40))
    fulfilled_by: Mapped[str] = mapped_column(String(20))
    ship_by: Mapped[datetime | None]
    placed_at: Mapped[datetime]
    amazon_updated_at: Mapped[datetime]
    sequence: Mapped[int] = mapped_column(BigInteger)
    """When the store was last told of it, in milliseconds since 1970, or a little more."""
    document: Mapped[str]
    """JSON: `schemas.orders.OrderDocument`."""


class PersonalDataRow(Base):
    """An order's personal data, sealed. Written by the importer while `redacted_at` is empty, then by the redactor."""

    __tablename__ = "personal_data"
    __table_args__ = (
        Index("ix_alive", "dies_at", "order_id", postgresql_where=_ALIVE, sqlite_where=_ALIVE),
        Index("ix_sealed", "dies_at", postgresql_where=_SEALED, sqlite_where=_SEALED),  # counted without the seals
    )

    order_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    seal: Mapped[str | None]
    dies_at: Mapped[datetime]
    redacted_at: Mapped[datetime | None]
