"""Who may ask the API, and what was opened for whom."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from orderbridge.database.models.base import Base


class ApiTokenRow(Base):
    """A bearer token of the API; the secret itself is kept by nobody. Written by the command line and the console."""

    __tablename__ = "api_tokens"

    token_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the secret, in hex."""
    accounts: Mapped[str | None]
    """JSON list of account ids; empty means all."""
    scopes: Mapped[str]
    """JSON list."""
    made_by: Mapped[str | None] = mapped_column(String(60))
    """The user of the console who made it; empty for the command line's, and for those of releases before this."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    """To the minute."""


class Opening(Base):
    """A seal that somebody asked to have opened: the audit log. Written by the api; nobody changes a line.

    Kept for 12 months (Amazon's Data Protection Policy, 2.6); holds no personal data.
    """

    __tablename__ = "openings"
    __table_args__ = (Index("ix_openings_order_id", "order_id"), Index("ix_openings_asked_at", "asked_at"))

    opening_id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    asked_at: Mapped[datetime]
    token_id: Mapped[str] = mapped_column(String(40))
    token_name: Mapped[str] = mapped_column(String(100))
    order_id: Mapped[str | None] = mapped_column(String(100))
    """Empty where the caller named no order of ours: such words are the caller's own."""
    account_id: Mapped[str | None] = mapped_column(String(100))
    purpose: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(20))
    """open | redacted | expired | refused."""
    reason: Mapped[str | None] = mapped_column(String(40))
    """Why it was refused."""
    on_behalf_of: Mapped[str | None] = mapped_column(String(100))
    """The person who looked, as a token with the scope for it says: a user of the console."""
