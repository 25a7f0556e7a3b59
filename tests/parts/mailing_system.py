"""The whole system in one process with a reporter, beside a mail server.

system.import_now()
(mail,) = system.mails
"""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path
from typing import Any

from sqlalchemy import select

from orderbridge.accounts.amazon_words import SERVICE_LEVELS
from orderbridge.accounts.attentions import MAIL_REFUSED, end_attention, open_attentions, raise_attention
from orderbridge.accounts.change_settings import change_settings
from orderbridge.database.models import Mail
from orderbridge.database.unit_of_work import Database
from orderbridge.standing_metrics import read_standing
from schemas.events import all_topics
from schemas.orders import Choice
from services.reporter import app as reporter
from services.reporter.sending import wake_all
from tests.parts.in_process import ACCOUNT, System
from tests.parts.mail_server import MailServer
from tests.parts.sandbox_server import SandboxServer

SELLER = "seller@shop.com"


def mails_waiting(database: Database) -> int:
    """What the metric tells."""
    with database.unit_of_work() as work:
        return read_standing(work).mails_waiting


class MailingSystem(System):
    """With a reporter. Its account's mails go to `SELLER`."""

    services = (*System.services, reporter)
    read_by_others = frozenset(name for name, event in all_topics().items() if "reporter" in event.read_by) - {
        "mail.due"
    }

    def __init__(self, database_url: str, folder: Path, sandbox: SandboxServer, server: MailServer, **account: Any):
        self.server = server
        self.more_settings = {
            **System.more_settings,
            "smtp_url": server.url(),
            "mail_from": "Shop <bridge@shop.com>",
            "public_url": "https://bridge.shop.com/",
        }
        mapped = {level: Choice(id="1", name="Standard") for level in SERVICE_LEVELS}  # or that were a trouble, too
        super().__init__(database_url, folder, sandbox, **{"log_email": SELLER, "shipping_methods": mapped, **account})

    def restart(self) -> None:
        """All processes begin anew, the reporter with what its `main` does first."""
        super().restart()
        wake_all(self.database)

    @property
    def mails(self) -> list[EmailMessage]:
        """What the mail server took."""
        return self.server.mails

    def subjects(self) -> list[str]:
        """Their subjects."""
        return [str(mail["Subject"]) for mail in self.mails]

    def rows(self) -> list[Mail]:
        """The marks, in the order in which they were made."""
        with self.database.unit_of_work() as work:
            return list(work.session.scalars(select(Mail).order_by(Mail.created_at, Mail.event_id, Mail.recipient)))

    def refused_addresses(self) -> list[str]:
        """What the trouble `mail_refused` says while it stands."""
        with self.database.unit_of_work() as work:
            return [one.message for one in open_attentions(work, ACCOUNT) if one.trouble == MAIL_REFUSED]

    def set(self, **settings: Any) -> None:
        """Change settings of the account."""
        with self.database.unit_of_work() as work:
            change_settings(work, ACCOUNT, settings)
        self.run_until_idle()

    def trouble(self, code: str, message: str = "Something is wrong.", *, another: bool = False) -> None:
        """A trouble of the account."""
        with self.database.unit_of_work() as work:
            raise_attention(work, ACCOUNT, code, message, "Mend it.", another=another)
        self.run_until_idle()

    def mended(self, code: str) -> None:
        """Its end."""
        with self.database.unit_of_work() as work:
            end_attention(work, ACCOUNT, code)
        self.run_until_idle()
