"""What the reporter reads, and whom it is to be mailed to: a row for each event and address, and `mail.due`.

Where no mail server is set, or the account has no address, nothing is kept: mail that was not wanted never comes later.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final

from sqlalchemy import select

from orderbridge.accounts import ConnectedAccount, find_account
from orderbridge.accounts.attentions import MAIL_REFUSED, stands
from orderbridge.bus.outcomes import Rejected, Skipped
from orderbridge.database.models import Account, Mail, OrderRow
from orderbridge.database.unit_of_work import Work
from orderbridge.mail.addresses import addresses_of
from schemas.accounts import AccountAttention
from schemas.base import Event
from schemas.imports import ImportFinished
from schemas.shipments import ShipmentDueSoon, ShipmentRejected
from services.reporter.planning import TROUBLE, earliest, letter_id_of, plan

STALE: Final = timedelta(days=2)
"""What was said before that is no news: a reporter that begins, or is taken back, does not flood an inbox."""
DAY_CLOSES: Final = timedelta(minutes=15)
"""After midnight: a run that ended just before is in the day's mail, too."""
_LONGEST_CODE: Final = 60
_NOTHING_TO_DO: Final = "superseded"
"""A refusal that asks nothing of anybody: the store itself has said something newer."""


def import_finished(event: ImportFinished, work: Work, *, can_mail: bool) -> None:
    """The log of a run: at once, with the day's, or not at all, as the account wants it."""
    account = _account(work, event.account_id, can_mail)
    _refuse_stale(work)
    when = account.settings.send_log_when
    if when == "when_something_happened" and not something_happened(event):
        raise Skipped("nothing happened in this run")
    if when == "daily":
        day = event.finished_at.astimezone(account.zone).date()
        midnight = datetime.combine(day + timedelta(days=1), time(), account.zone).astimezone(UTC)
        _keep(work, account, event, f"day:{day}", midnight + DAY_CLOSES)
    else:
        _keep(work, account, event, f"run:{event.run_id}")


def something_happened(event: ImportFinished) -> bool:
    """Whether the run brought or changed an order, or has something for a person."""
    counts = event.counts
    asks = any(line.problem or line.missing for line in event.lines)
    return bool(counts.imported or counts.updated or counts.unreadable or event.problems or asks)


def shipment_rejected(event: ShipmentRejected, work: Work, *, can_mail: bool) -> None:
    """A shipment that Amazon or a rule refused."""
    if event.reason == _NOTHING_TO_DO:
        raise Skipped("nobody need do anything")
    account = _account(work, event.account_id or _whose(work, event.order_id), can_mail)
    _refuse_stale(work)
    _keep(work, account, event, f"{TROUBLE}shipment_rejected")


def shipment_due_soon(event: ShipmentDueSoon, work: Work, *, can_mail: bool) -> None:
    """An order that has not shipped while a deadline is near."""
    account = _account(work, event.account_id, can_mail)
    _refuse_stale(work)
    _keep(work, account, event, f"{TROUBLE}shipment_due_soon")


def account_attention(event: AccountAttention, work: Work, *, can_mail: bool) -> None:
    """A trouble that a person must mend, or its end. However old, it is told while it stands."""
    if len(event.trouble) > _LONGEST_CODE:  # its schema, once released, takes any text
        raise Rejected("invalid", f"account.attention: trouble: is no code of at most {_LONGEST_CODE} characters.")
    if event.trouble == MAIL_REFUSED:
        raise Skipped("that mail does not go through is not mailed")
    account = _account(work, event.account_id, can_mail)
    if event.ended_at is not None or not stands(work, event.account_id, (event.trouble,)):
        _refuse_stale(work)
    _keep(work, account, event, f"{TROUBLE}{event.trouble}")


def _account(work: Work, account_id: str | None, can_mail: bool) -> ConnectedAccount:
    if not can_mail:
        raise Skipped("no mail server is set")
    account = find_account(work, account_id) if account_id is not None else None
    if account is None:
        raise Skipped("it is not known whose it is")
    if not addresses_of(account):
        raise Skipped("the account has no address")
    return account


def _whose(work: Work, order_id: str) -> str | None:
    """The account of an order; of one that is not known here, the only account there is."""
    known = work.session.scalars(select(OrderRow.account_id).where(OrderRow.order_id == order_id)).one_or_none()
    if known is not None:
        return known
    accounts = work.session.scalars(select(Account.account_id).limit(2)).all()
    return accounts[0] if len(accounts) == 1 else None


def _refuse_stale(work: Work) -> None:
    if work.cause.said_at < work.now - STALE:
        raise Skipped("it was said too long ago to be news")


def _keep(work: Work, account: ConnectedAccount, event: Event, about: str, due_at: datetime | None = None) -> None:
    for address in addresses_of(account):
        letter_id = letter_id_of(account.account_id, address, about)
        at = due_at or earliest(work, letter_id, about)
        row = work.insert(Mail).values(
            event_id=work.cause.event_id,
            recipient=address,
            account_id=account.account_id,
            letter_id=letter_id,
            about=about,
            event_type=event.event_type,
            body=event.model_dump_json(exclude_none=True),
            created_at=work.now,
            due_at=at,
        )
        work.session.execute(row.on_conflict_do_nothing())
        plan(work, account.account_id, letter_id, at)
