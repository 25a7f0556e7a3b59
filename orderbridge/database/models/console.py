"""Who may use the console: users, their sessions, one-time links, and what was typed wrong."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from orderbridge.database.models.base import Base


class ConsoleUser(Base):
    """A person who may use the console. Written by the console and the command line."""

    __tablename__ = "console_users"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    """In small letters."""
    password_hash: Mapped[str]
    """argon2id, in the PHC string format."""
    role: Mapped[str] = mapped_column(String(10))
    """viewer | operator | owner."""
    created_at: Mapped[datetime]
    password_changed_at: Mapped[datetime]
    signed_in_at: Mapped[datetime | None]


class ConsoleSession(Base):
    """A browser that has signed in; its cookie's token is kept by nobody. Written by the console; the command line and
    a changed password end them."""

    __tablename__ = "console_sessions"
    __table_args__ = (Index("ix_console_sessions_user_name", "user_name"),)

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the token, in hex."""
    user_name: Mapped[str] = mapped_column(String(60))
    begun_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    """To the minute."""
    expires_at: Mapped[datetime]
    """However much it is used."""


class ConsoleLink(Base):
    """A link with which a person chooses a password, once. Written by the console and the command line."""

    __tablename__ = "console_links"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the link's token, in hex."""
    user_name: Mapped[str | None] = mapped_column(String(60))
    """Whose it is; empty for the first owner's, who chooses a name."""
    role: Mapped[str | None] = mapped_column(String(10))
    """What a new user is to be; empty where the user is there and wants another password."""
    made_by: Mapped[str | None] = mapped_column(String(60))
    """The owner who made it, and with whom it goes; empty for the machine's own, by command line or start."""
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class LoginFailure(Base):
    """Wrong passwords for a name, whether there is such a user or not. Written by the console; the command line
    forgets them."""

    __tablename__ = "login_failures"

    name_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the name, in hex: people type passwords into the field above."""
    failures: Mapped[int]
    last_at: Mapped[datetime]
