"""What is mailed to sellers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from orderbridge.database.models.base import Base


class Mail(Base):
    """An event that one address is to be told of, and the mark that it was. Written by the reporter; pruned.

    Rows of one `letter_id` that wait go together, in one mail. No personal data is in it: events carry none in plain. A
    test mail has a row, too, written by whoever sent it.
    """

    __tablename__ = "mails"

    event_id: Mapped[str] = mapped_column(String(300), primary_key=True)
    recipient: Mapped[str] = mapped_column(String(320), primary_key=True)
    """An address of the seller's ("Send log to"), never a buyer's."""
    account_id: Mapped[str] = mapped_column(String(100), index=True)
    letter_id: Mapped[str] = mapped_column(String(40), index=True)
    about: Mapped[str] = mapped_column(String(160))
    """What the mail is about: `run:ID`, `day:2026-11-24`, `trouble:CODE` or `test`."""
    event_type: Mapped[str] = mapped_column(String(60))
    body: Mapped[str]
    """The event's JSON."""
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    """Not before this moment: the day's end, an hour after the last of its trouble, or the next try."""
    failures: Mapped[int] = mapped_column(default=0)
    claimed_by: Mapped[str | None] = mapped_column(String(40))
    claimed_until: Mapped[datetime | None]
    answer: Mapped[str | None]
    """What the mail server last said."""
    state: Mapped[str] = mapped_column(String(20), default="waiting")
    """waiting | sent | refused | dropped (the address is no longer wanted)."""
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    """When it was sent, refused or dropped."""
