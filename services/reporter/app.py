"""The reporter: mails the log of each import, and troubles that a person must mend."""

from __future__ import annotations

from functools import partial
from typing import Final

from orderbridge.bus.worker import Worker
from orderbridge.database.unit_of_work import Database
from orderbridge.doctor.at_start import warn_of_needless_sight
from orderbridge.mail.delivery import LONGEST
from orderbridge.settings import Settings, load_settings
from orderbridge.telemetry import configure_logging
from schemas.accounts import AccountAttention
from schemas.imports import ImportFinished
from schemas.mails import MailDue
from schemas.shipments import ShipmentDueSoon, ShipmentRejected
from services.reporter import taking
from services.reporter.sending import PostOffice, mail_due, wake_all

_BEYOND_A_DELIVERY: Final = 30.0
"""Seconds: a mail server that is slow is no reporter that hangs."""


def wire(settings: Settings, database: Database) -> Worker:
    """The reporter's worker. Raises BadSettings where the mail server's URL or the sender is wrong."""
    post = PostOffice(settings)
    can_mail = post.server is not None
    worker = Worker("reporter", settings, database, stuck_after=LONGEST + _BEYOND_A_DELIVERY)
    worker.on(ImportFinished, partial(taking.import_finished, can_mail=can_mail))
    worker.on(ShipmentRejected, partial(taking.shipment_rejected, can_mail=can_mail))
    worker.on(ShipmentDueSoon, partial(taking.shipment_due_soon, can_mail=can_mail))
    worker.on(AccountAttention, partial(taking.account_attention, can_mail=can_mail))
    worker.on(MailDue, partial(mail_due, post=post))
    return worker


def main() -> None:
    """Run the reporter until SIGTERM or SIGINT."""
    settings = load_settings()
    configure_logging(settings, "reporter")
    warn_of_needless_sight(settings)
    database = Database(settings.database_url)
    worker = wire(settings, database)
    worker.at_start(partial(wake_all, database))
    worker.run()
