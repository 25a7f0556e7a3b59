"""Hands one mail for one address over to the mail server (RFC 5321), and tells its answer.

`deliver` returns only after the server has taken the mail. What it says of the address or the mail itself with a 5xx is
final (`refused`); all else may go another time.
"""

from __future__ import annotations

import smtplib
import ssl
import time
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from typing import Final

from orderbridge.database.unit_of_work import refuse_open_transaction
from orderbridge.mail.server import MailServer

CONNECT_SECONDS: Final = 15.0
"""For each answer of the server, until it is time to hand the mail over."""
HAND_OVER_WITHIN: Final = 30.0
"""Seconds from the beginning: a server that is slower has not got the mail, and is tried another time."""
ANSWER_SECONDS: Final = 50.0
"""For each answer from then on. Some servers look a mail over before they take it; RFC 5321 would wait longer still."""
LONGEST: Final = HAND_OVER_WITHIN + CONNECT_SECONDS + 5 * ANSWER_SECONDS
"""No delivery takes longer: a claim on a mail has to outlive it."""
_QUIT_SECONDS: Final = 2.0
_LONGEST_ANSWER: Final = 300


class NotDelivered(Exception):
    """The server did not take the mail, or it is not known whether it did. `answer` is for people."""

    def __init__(self, answer: str, *, refused: bool = False, away: bool = False) -> None:
        super().__init__(answer)
        self.answer = answer
        self.refused = refused
        """For good, for this address."""
        self.away = away
        """No mail would go through just now."""


def deliver(server: MailServer, message: EmailMessage, address: str) -> str:
    """Send the mail to the one address. Returns the server's answer, raises NotDelivered.

    Raises TransactionOpen if this thread has a transaction open.
    """
    refuse_open_transaction()
    too_late = time.monotonic() + HAND_OVER_WITHIN
    smtp = _connect(server)
    try:
        _greet(server, smtp)
        if time.monotonic() > too_late:
            raise NotDelivered(f"{server.name} is too slow.", away=True)
        _timeout(smtp, ANSWER_SECONDS)
        return _hand_over(server, smtp, message, address)
    finally:
        # Taken is taken, however the server says goodbye.
        with suppress(smtplib.SMTPException, OSError):
            _timeout(smtp, _QUIT_SECONDS)
            smtp.quit()
        smtp.close()


def _connect(server: MailServer) -> smtplib.SMTP:
    try:
        if server.tls_from_start:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(server.host, server.port, server.domain, timeout=CONNECT_SECONDS, context=context)
        return smtplib.SMTP(server.host, server.port, server.domain, timeout=CONNECT_SECONDS)
    except (smtplib.SMTPException, OSError) as error:
        raise NotDelivered(f"{server.name}: {_words(error)}", away=True) from error


def _greet(server: MailServer, smtp: smtplib.SMTP) -> None:
    """EHLO, TLS and login: what fails here fails for every mail."""
    try:
        smtp.ehlo_or_helo_if_needed()
        if not server.tls_from_start and smtp.has_extn("starttls"):
            code, said = smtp.starttls(context=ssl.create_default_context())
            if code != 220:
                raise NotDelivered(f"{server.name} offers STARTTLS and refuses it: {_answer(code, said)}", away=True)
            smtp.ehlo_or_helo_if_needed()
        elif server.starttls_required:
            raise NotDelivered(
                f"{server.name} offers no STARTTLS, and without it nothing is sent there: a login, or "
                "`starttls=required`, asks for it. smtps:// has TLS from the start.",
                away=True,
            )
        if server.user is not None and server.password is not None:
            smtp.login(server.user, server.password)
    except (smtplib.SMTPException, OSError) as error:
        raise NotDelivered(f"{server.name}: {_words(error)}", away=True) from error


def _hand_over(server: MailServer, smtp: smtplib.SMTP, message: EmailMessage, address: str) -> str:
    try:
        recipient = _ascii_domain(address)
    except UnicodeError:
        raise NotDelivered("The address's domain is none.", refused=True) from None
    international = not (recipient.isascii() and server.sender.isascii())
    if international and not smtp.has_extn("smtputf8"):
        raise NotDelivered(f"{server.name} does not do addresses outside of ASCII (SMTPUTF8).", refused=True)
    options = ("SMTPUTF8", "BODY=8BITMIME") if international else ()
    try:
        code, said = smtp.mail(server.sender, options)
        if code != 250:
            raise NotDelivered(f"{server.name}, of the sender: {_answer(code, said)}", away=True)
        code, said = smtp.rcpt(recipient)
        if code not in (250, 251):
            raise NotDelivered(_answer(code, said), refused=500 <= code < 600, away=code == 421)
        code, said = smtp.data(message.as_bytes(policy=SMTPUTF8 if international else SMTP))
        if code != 250:
            raise NotDelivered(_answer(code, said), refused=500 <= code < 600)
        return _answer(code, said)
    except smtplib.SMTPDataError as error:  # to DATA itself, before the mail
        raise NotDelivered(_words(error), refused=500 <= error.smtp_code < 600) from error
    except (smtplib.SMTPException, OSError) as error:
        raise NotDelivered(f"{server.name}: {_words(error)}") from error


def _ascii_domain(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"


def _timeout(smtp: smtplib.SMTP, seconds: float) -> None:
    if smtp.sock is not None:
        smtp.sock.settimeout(seconds)


def _answer(code: int, said: bytes) -> str:
    return _one_line(f"{code} {said.decode(errors='replace')}")


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return _one_line(f"{error.smtp_code} {said.decode(errors='replace') if isinstance(said, bytes) else said}")
    if isinstance(error, ssl.SSLCertVerificationError):
        return _one_line(f"its certificate is not trusted: {error.verify_message}")
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return _one_line(str(error) or type(error).__name__)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_ANSWER]
