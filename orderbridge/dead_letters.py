"""Events that a service gave up, and what a person does with them: replayed, mended and replayed, or discarded.

They lie in the outbox for 30 days and need no Kafka to be read. For the command line and the console alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Select, delete, select, tuple_

from orderbridge.bus.envelope import MAX_BODY, MAX_MESSAGE, Envelope, body_of, identity, open_envelope, validate
from orderbridge.bus.outcomes import Rejected
from orderbridge.database.models import InboxRow, OutboxRow
from orderbridge.database.models.messages import DEAD_LETTER
from orderbridge.database.unit_of_work import Work
from orderbridge.orders.numbers import find_orders
from schemas.events import event_class
from schemas.failures import DeadLetter, GivenBack, Original
from schemas.store_letters import StoreLetter

_AT_ONCE = 8
"""Read at once: each may be of more than a mebibyte, and a process has not much memory."""
_LONGEST_NUMBER = 200
_REUSED = "event_id_reused"
_REPLAYED_FOR = timedelta(days=30)


@dataclass(frozen=True)
class Letter:
    """A dead letter, its row in the outbox and what it says."""

    row: OutboxRow
    said: DeadLetter


class NoSuchLetter(LookupError):
    """There is no dead letter of this id."""


class NotReplayable(ValueError):
    """It can't be handed to its service like this; the text says why and what else to do."""


def find_letters(
    work: Work,
    *,
    everything: bool = False,
    service: str | None = None,
    reason: str | None = None,
    before: int | None = None,
) -> Iterator[Letter]:
    """The dead letters, newest first: those that wait for somebody, or everything of the last 30 days.

    `before`: only those whose row lies before this position.
    """
    statement = _dead_letters(service)
    if not everything:
        statement = statement.where(OutboxRow.settled_at.is_(None))
    while True:
        page = statement if before is None else statement.where(OutboxRow.position < before)
        rows = work.session.scalars(page.limit(_AT_ONCE)).all()
        for row in rows:
            letter = Letter(row, DeadLetter.model_validate_json(row.body))
            if reason in (None, letter.said.reason):
                yield letter
        if len(rows) < _AT_ONCE:
            return
        before = rows[-1].position


def find_letter(work: Work, event_id: str) -> Letter:
    """The dead letter of this id. Raises NoSuchLetter."""
    row = work.session.scalars(_dead_letters().where(OutboxRow.event_id == event_id)).one_or_none()
    if row is None:
        raise NoSuchLetter(event_id)
    return Letter(row, DeadLetter.model_validate_json(row.body))


def told(letter: Letter) -> StoreLetter:
    """What is said of it without what came, which may be large."""
    said, row = letter.said, letter.row
    return StoreLetter(
        id=row.event_id,
        service=said.service,
        topic=said.original.topic,
        place=said.original.place(),
        reason=said.reason,
        message=said.message,
        failed_at=said.failed_at,
        settled_as=row.settled_as,
        settled_at=row.settled_at,
    )


def is_a_stores(letter: Letter, topic_prefix: str = "") -> bool:
    """Whether a store said what was given up."""
    event = event_class(letter.said.original.topic.removeprefix(topic_prefix))
    return event is not None and "store" in event.sent_by


def account_of(work: Work, original: Original) -> str | None:
    """The account that a store's event is about, as it names it, or that of its order; None if neither can be told."""
    said = body_of(original, _envelope(original, most=MAX_MESSAGE))  # too large for a service, it is still somebody's
    account_id, number = said.get("account_id"), said.get("order_id")
    if isinstance(account_id, str):
        return account_id
    if not isinstance(number, str) or "\0" in number or len(number) > _LONGEST_NUMBER:
        return None
    accounts = {row.account_id for row in find_orders(work, number)}
    return accounts.pop() if len(accounts) == 1 else None


def replay(work: Work, letter: Letter, *, mended: str | None = None, topic_prefix: str = "") -> None:
    """Hand the original to its service once more, with `mended` as its value where that is given. Settles the letter.

    Raises NotReplayable where that would only be refused again: what is mended is validated here.
    """
    said, original = letter.said, letter.said.original
    if mended is not None:
        original = _mended(original, mended, work.now, topic_prefix, drop_id=said.reason == _REUSED)
    elif said.reason == _REUSED:
        raise NotReplayable(
            "Its event id was used before, for another event: a replay would be refused again. Mend it, which gives it "
            "an id of its own, or discard it."
        )
    elif said.reason == "too_large":
        raise NotReplayable("It is larger than what is read. Mend it, or discard it and have its sender send it anew.")
    elif original.timestamp < work.now - _REPLAYED_FOR:
        raise NotReplayable(
            "It came more than 30 days ago, and what a store said is kept for no longer, as a replay would do. "
            "Mend it, or discard it and have its sender send it anew."
        )
    if mended is None:  # what is mended has a name of its own: what stood there before stays done
        _forget(work, said)
    work.post(GivenBack(service=said.service, original=original, failures=0))
    _settle(work, letter, "replayed")


def discard(work: Work, letter: Letter) -> None:
    """Settle it without a replay: its event stays unhandled for good. Raises NotReplayable if it is settled."""
    if letter.row.settled_at is not None:
        raise NotReplayable(
            f"It is settled already: {letter.row.settled_as} at {letter.row.settled_at:%Y-%m-%d %H:%M:%S} UTC."
        )
    _settle(work, letter, "discarded")


def _dead_letters(service: str | None = None) -> Select[OutboxRow]:
    letters = select(OutboxRow).where(DEAD_LETTER).order_by(OutboxRow.position.desc())
    return letters if service is None else letters.where(OutboxRow.topic == f"{service}.dead-letter")


def _mended(original: Original, text: str, now: datetime, topic_prefix: str, *, drop_id: bool) -> Original:
    headers = tuple((name, value) for name, value in original.headers if not (drop_id and name == "ce_id"))
    changed = {"value": text.encode(), "headers": headers, "mended_at": now, "seen_at": None}
    mended = original.model_copy(update=changed)
    event = event_class(original.topic.removeprefix(topic_prefix))
    try:
        envelope = open_envelope(mended)
        if event is not None:
            validate(event, envelope.body)
    except Rejected as rejected:
        raise NotReplayable(f"It would be refused again: {rejected.message}") from None
    return mended


def _settle(work: Work, letter: Letter, how: Literal["replayed", "discarded"]) -> None:
    letter.row.settled_as, letter.row.settled_at = how, work.now


def _forget(work: Work, letter: DeadLetter) -> None:
    """Take the original out of its service's inbox, where it stands as done: under its own name, or by its place."""
    names = [identity(letter.original, _envelope(letter.original)), identity(letter.original, None)]
    work.session.execute(
        delete(InboxRow).where(
            InboxRow.consumer == letter.service,
            tuple_(InboxRow.source, InboxRow.event_id).in_(names),
            InboxRow.outcome == "dead-letter",
        )
    )


def _envelope(original: Original, *, most: int = MAX_BODY) -> Envelope | None:
    with suppress(Rejected):
        return open_envelope(original, most=most)
    return None
