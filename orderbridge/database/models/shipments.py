"""What the store shipped."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from orderbridge.database.models.base import Base

OPEN_PACKAGES = text("state <> 'confirmed'")
"""As the index of them has it: SQLite takes it for a query that says the same in the same words."""


class PackageRow(Base):
    """A package the store shipped, and what Amazon knows of it. Written by the shipper."""

    __tablename__ = "packages"
    __table_args__ = (
        UniqueConstraint("order_id", "reference_id"),
        Index("ix_packages_ready", "account_id", "state", "hold_until"),
        Index("ix_packages_state", "state", "ship_by", "order_id", "package_key"),
        Index("ix_packages_confirmed", "confirmed_at", "order_id", "package_key"),
        Index(
            "ix_packages_open",
            "ship_by",
            "order_id",
            "package_key",
            postgresql_where=OPEN_PACKAGES,
            sqlite_where=OPEN_PACKAGES,
        ),
    )

    order_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    package_key: Mapped[str] = mapped_column(String(300), primary_key=True)
    """The store's package id, else `tracking:` and the number."""
    account_id: Mapped[str] = mapped_column(String(100))
    reference_id: Mapped[int]
    """Amazon's packageReferenceId: positive, stable, so that a retry edits and never doubles."""
    revision: Mapped[int]
    rank: Mapped[str]
    """Orders the store's events on this package: its time, then its place on the topic."""
    content: Mapped[str]
    """JSON: `services.shipper.content.Content`."""
    state: Mapped[str] = mapped_column(String(20))
    """waiting | held | confirmed | rejected."""
    held_for: Mapped[str | None] = mapped_column(String(40))
    """Why it is held until somebody ends it: paused | buyer_asked_to_cancel."""
    hold_until: Mapped[datetime]
    """Not before this moment: the ship date, or the next try."""
    ship_by: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    unsure: Mapped[bool] = mapped_column(default=False)
    """A call was made whose answer never came: ask Amazon before calling again."""
    claimed_by: Mapped[str | None]
    """Which call is under way, and for which revision: `uuid/revision`."""
    claimed_until: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]


class StoreOrderNumber(Base):
    """The store's own number for one of our orders. Written by the shipper, which learns it from `order.shipped`."""

    __tablename__ = "store_order_numbers"

    store_order_number: Mapped[str] = mapped_column(String(100), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(100), primary_key=True)


class ShipmentWarning(Base):
    """A deadline of an order's that the store has been warned of. Written by the shipper."""

    __tablename__ = "shipment_warnings"

    order_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    reason: Mapped[str] = mapped_column(String(40), primary_key=True)
    """`schemas.shipments.LateReason`."""
    deadline: Mapped[datetime]
    told_at: Mapped[datetime]
