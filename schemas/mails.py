"""What the reporter tells itself of its mails."""

from __future__ import annotations

from typing import ClassVar

from schemas.base import AccountKeyed, Identifier


class MailDue(AccountKeyed):
    """Look at this mail: it may be time to send it. Holds neither its text nor its address."""

    event_type: ClassVar[str] = "mail.due"
    sent_by = ("reporter",)
    read_by = ("reporter",)
    letter_id: Identifier
