"""Which mail an event goes in, and when that mail may go."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import func, select

from orderbridge.database.models import Mail
from orderbridge.database.unit_of_work import Work
from schemas.mails import MailDue

TROUBLE_EVERY: Final = timedelta(hours=1)
"""Of one trouble there is a mail at once, then no other for so long; what comes meanwhile goes in the next."""
TROUBLE: Final = "trouble:"
"""How `about` begins in a mail about a trouble."""


def letter_id_of(account_id: str, address: str, about: str) -> str:
    """The mail about this for this address. No address can be read from it: it travels in `mail.due`."""
    return sha256(f"{account_id}\n{address}\n{about}".encode()).hexdigest()[:40]


def earliest(work: Work, letter_id: str, about: str) -> datetime:
    """Now, or as soon as another mail about the same trouble may go."""
    if not about.startswith(TROUBLE):
        return work.now
    sent = select(func.max(Mail.ended_at)).where(Mail.letter_id == letter_id, Mail.state == "sent")
    last = work.session.scalar(sent)
    return work.now if last is None else max(last + TROUBLE_EVERY, work.now)


def plan(work: Work, account_id: str, letter_id: str, at: datetime) -> None:
    """Have the mail looked at, at a moment; an earlier plan is replaced."""
    work.post(MailDue(account_id=account_id, letter_id=letter_id), at=at, name=f"mail:{letter_id}")
