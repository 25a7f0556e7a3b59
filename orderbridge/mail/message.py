"""A mail as it is handed over: text first, HTML as the richer form of the same (RFC 2046, multipart/alternative)."""

from __future__ import annotations

from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from orderbridge.mail.server import MailServer


def as_message(
    server: MailServer,
    address: str,
    subject: str,
    text: str,
    html: str | None = None,
    *,
    name: str,
    at: datetime,
) -> EmailMessage:
    """The mail. The same `name` is the same Message-ID, by which a reader's program knows a second copy."""
    message = EmailMessage()
    message["From"] = server.from_header
    message["To"] = address
    message["Subject"] = " ".join(subject.split())
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{name}@{server.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence is answered to us
    message.set_content(text, cte="quoted-printable")
    if html is not None:
        message.add_alternative(html, subtype="html", cte="quoted-printable")
    return message
