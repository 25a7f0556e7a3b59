"""Sends one mail: claim, hand over, mark. No transaction is open while the mail server is spoken to.

The mark stands on each row of the mail. Whoever dies between the server's answer and the mark leaves a claim that runs
out, and the mail goes once more, under the same Message-ID. A server that is away delays mails and loses none.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import structlog
from sqlalchemy import select, update

from orderbridge.accounts import ConnectedAccount, find_account
from orderbridge.console_links import ConsoleLinks
from orderbridge.database.models import Mail
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.mail.addresses import address_refused, address_took, addresses_of
from orderbridge.mail.delivery import LONGEST, NotDelivered, deliver
from orderbridge.mail.message import as_message
from orderbridge.mail.server import mail_server
from orderbridge.settings import Settings
from orderbridge.telemetry import MAILS
from schemas.mails import MailDue
from services.reporter.letters import Letter, write_letter
from services.reporter.planning import earliest, plan

log = structlog.get_logger()
CLAIM: Final = timedelta(seconds=LONGEST + 15)
"""Longer than a delivery can take; a reporter that dies in one delays its mail for so long."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
"""Before the second try, and between two at the most; each is four times the last."""
AWAY: Final = timedelta(minutes=1)
"""A server that was away is left alone for so long, whatever else is due."""


class PostOffice:
    """Takes mails to the server, as far as one is set. One for a process: it remembers that the server is away."""

    def __init__(self, settings: Settings) -> None:
        self.server = mail_server(settings)
        self.links = ConsoleLinks(settings)
        self._away_until: datetime | None = None

    def open_at(self, now: datetime) -> datetime:
        """When a mail may be tried, as far as it hangs on the server."""
        if self.server is None:
            return now + LONGEST_PAUSE
        return max(self._away_until or now, now)

    def send(self, letter: Letter, address: str, name: str, now: datetime) -> str:
        """Hand the letter over; returns the server's answer, raises NotDelivered."""
        if self.server is None:
            raise NotDelivered("No mail server is set.", away=True)
        message = as_message(self.server, address, letter.subject, letter.text, letter.html, name=name, at=now)
        try:
            return deliver(self.server, message, address)
        except NotDelivered as error:
            if error.away:
                self._away_until = now + AWAY
            raise


def mail_due(event: MailDue, work: Work, *, post: PostOffice) -> None:
    """Send the mail if it is really time, else plan it again; nothing if it has gone already."""
    rows = _waiting(work, event.letter_id)
    if not rows:
        return
    account = find_account(work, rows[0].account_id)
    address = rows[0].recipient
    if account is None or address not in addresses_of(account):
        _end(work, rows, "dropped", None)
        return
    not_before = _not_before(work, rows, post)
    if not_before > work.now:
        plan(work, account.account_id, event.letter_id, not_before)
        return
    letter = write_letter([(row.event_type, row.body) for row in rows], rows[0].about, account, post.links)
    claim, name = uuid.uuid4().hex, f"{sha256(rows[0].event_id.encode()).hexdigest()[:16]}.{event.letter_id}"
    for row in rows:
        row.claimed_by, row.claimed_until = claim, work.now + CLAIM
    plan(work, account.account_id, event.letter_id, work.now + CLAIM)  # should this process die
    work.commit()
    try:
        answer = post.send(letter, address, name, work.now)
    except NotDelivered as error:
        _not_sent(work, account, event.letter_id, claim, error)
        work.commit()
        return
    rows = _claimed(work, event.letter_id, claim)
    _end(work, rows, "sent", answer)
    address_took(work, account.account_id)
    _go_on(work, account.account_id, event.letter_id)
    work.commit()  # another reporter may have read the same event meanwhile: what the server said stands all the same


def wake_all(database: Database) -> None:
    """Try again at once what has failed so far: whoever starts a reporter may have mended it."""
    with database.unit_of_work() as work:
        waits = (Mail.state == "waiting", Mail.ended_at.is_(None))
        failed = update(Mail).where(*waits, Mail.failures > 0).values(failures=0, due_at=work.now)
        work.session.execute(failed.execution_options(synchronize_session=False))
        mails = select(Mail.account_id, Mail.letter_id, Mail.due_at).where(*waits).order_by(Mail.due_at.desc())
        for letter_id, (account_id, due_at) in {row.letter_id: row[::2] for row in work.session.execute(mails)}.items():
            plan(work, account_id, letter_id, max(due_at, work.now))


def _waiting(work: Work, letter_id: str) -> Sequence[Mail]:
    """The mail's rows that wait, locked: another reporter that has this mail in hand is seen by its claim."""
    mine = (Mail.letter_id == letter_id, Mail.state == "waiting", Mail.ended_at.is_(None))
    ordered = select(Mail).where(*mine).order_by(Mail.created_at, Mail.event_id).with_for_update()
    return work.session.scalars(ordered.execution_options(populate_existing=True)).all()


def _claimed(work: Work, letter_id: str, claim: str) -> Sequence[Mail]:
    return [row for row in _waiting(work, letter_id) if row.claimed_by == claim]


def _not_before(work: Work, rows: Sequence[Mail], post: PostOffice) -> datetime:
    in_hand = [row.claimed_until for row in rows if row.claimed_until is not None]
    due = min(row.due_at for row in rows)
    return max(*in_hand, due, earliest(work, rows[0].letter_id, rows[0].about), post.open_at(work.now))


def _not_sent(work: Work, account: ConnectedAccount, letter_id: str, claim: str, error: NotDelivered) -> None:
    rows = _claimed(work, letter_id, claim)
    if error.refused:
        _end(work, rows, "refused", error.answer)
        for address in {row.recipient for row in rows}:
            address_refused(work, account.account_id, address, error.answer)
        _go_on(work, account.account_id, letter_id)
        return
    MAILS.labels("failed").inc()
    log.warning("mail not sent, tried again", account=account.account_id, mail=letter_id, server_away=error.away)
    for row in rows:
        row.failures += 1
        row.due_at = work.now + min(FIRST_PAUSE * 4 ** min(row.failures - 1, 10), LONGEST_PAUSE)
        row.claimed_by = row.claimed_until = None
        row.answer = error.answer
    _go_on(work, account.account_id, letter_id)


def _end(work: Work, rows: Sequence[Mail], state: str, answer: str | None) -> None:
    for row in rows:
        row.state, row.ended_at = state, work.now
        row.claimed_by = row.claimed_until = None
        row.answer = answer
    work.session.flush()
    MAILS.labels(state).inc()


def _go_on(work: Work, account_id: str, letter_id: str) -> None:
    """Plan what else waits. Else the plan for the claim's end stands, and finds nothing to do.

    It is not taken back: whoever adds to this mail just now may have planned it under the same name.
    """
    work.session.flush()
    if rows := _waiting(work, letter_id):
        due = min(row.due_at for row in rows)
        plan(work, account_id, letter_id, max(due, earliest(work, letter_id, rows[0].about)))
