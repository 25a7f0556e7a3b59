"""A test mail: whether the mail server takes one for each address of an account, and what it says."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import func, select

from orderbridge.accounts import find_account
from orderbridge.console_links import ConsoleLinks
from orderbridge.database.models import Mail
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.mail.addresses import address_refused, address_took, addresses_of
from orderbridge.mail.delivery import NotDelivered, deliver
from orderbridge.mail.message import as_message
from orderbridge.mail.server import MailServer, mail_server
from orderbridge.settings import Settings

NO_SERVER = (
    "No mail server is set, so nothing is mailed. Set ORDERBRIDGE_SMTP_URL (and ORDERBRIDGE_MAIL_FROM) for all "
    "services and commands, and start the reporter and the console again."
)
_LATELY: Final = timedelta(minutes=10)


class CannotMail(Exception):
    """There is nothing to try; the message says what to do."""


class TriedTooOften(CannotMail):
    """The account has had as many test mails lately as are allowed."""


@dataclass(frozen=True)
class Tried:
    """What became of the mail to one address. `answer` is the mail server's, or what went wrong on the way to it."""

    address: str
    taken: bool
    answer: str


def send_test_mail(
    settings: Settings, database: Database, account_id: str, *, most_lately: int | None = None
) -> tuple[Tried, ...]:
    """Send a mail to each of the account's addresses now, and tell what the server said.

    `most_lately`: not more often than that within ten minutes. Raises CannotMail where no server or no address is set,
    TriedTooOften, BadSettings, LookupError if there is no such account.
    """
    server = mail_server(settings)
    if server is None:
        raise CannotMail(NO_SERVER)
    with database.unit_of_work() as work:
        account = find_account(work, account_id)
        lately = _lately(work, account_id)
    if account is None:
        raise LookupError(f"there is no account {account_id}")
    addresses = addresses_of(account)
    if not addresses:
        raise CannotMail(
            f"{account_id} has no address to send to: `orderbridge settings set {account_id} "
            "log_email=orders@example.com` gives it one."
        )
    if most_lately is not None and lately >= most_lately:
        raise TriedTooOften(f"{account_id} has had {lately} test mails within ten minutes. Wait some minutes.")
    return tuple(_try(settings, database, server, account_id, address) for address in addresses)


def _lately(work: Work, account_id: str) -> int:
    """How often a test went to one and the same address."""
    tests = select(func.count()).where(
        Mail.account_id == account_id, Mail.about == "test", Mail.created_at > work.now - _LATELY
    )
    return work.session.scalar(tests.group_by(Mail.recipient).order_by(func.count().desc()).limit(1)) or 0


def _try(settings: Settings, database: Database, server: MailServer, account_id: str, address: str) -> Tried:
    name, at = f"test-{uuid.uuid4().hex}", database.clock.now()
    text = (
        f"This is the test mail of the Amazon account {account_id}.\n\n"
        "The log of its imports, and troubles that somebody must mend, will come to this address.\n\n"
        f"What is sent, and when: {ConsoleLinks(settings).settings(account_id)}\n"
    )
    message = as_message(server, address, f"Test mail of Orderbridge ({account_id})", text, name=name, at=at)
    try:
        tried, refused = Tried(address, True, deliver(server, message, address)), False
    except NotDelivered as error:
        tried, refused = Tried(address, False, error.answer), error.refused
    if not tried.taken and not refused:
        return tried
    with database.unit_of_work() as work:
        work.session.add(
            Mail(
                event_id=name,
                recipient=address,
                account_id=account_id,
                letter_id=name,
                about="test",
                event_type="",
                body="{}",
                created_at=at,
                due_at=at,
                answer=tried.answer,
                state="sent" if tried.taken else "refused",
                ended_at=work.now,
            )
        )
        work.session.flush()
        if tried.taken:
            address_took(work, account_id)
        else:
            address_refused(work, account_id, address, tried.answer)
    return tried
