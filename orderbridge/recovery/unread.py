"""What the workers had not read when the dump was made: one was down then, or behind.

Its offsets have passed that since, and the restored database shows no trace of it. What was read stands in the inbox,
or in the outbox as an event that was given back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import chain

from sqlalchemy import exists, select

from orderbridge.bus.envelope import SOURCE, identity, open_envelope
from orderbridge.bus.outcomes import Rejected
from orderbridge.database import inbox
from orderbridge.database.models import InboxRow, OutboxRow
from orderbridge.database.unit_of_work import Work
from schemas.events import all_topics
from schemas.failures import GivenBack, Original

_Name = tuple[str, str]
_Came = tuple[str, Original, datetime]
"""Who reads an event, the event, and when it was published."""
_AT_ONCE = 400


def store_topics() -> dict[str, str]:
    """The topics, without prefix, that a store fills and that are not compacted, each with the worker that reads it."""
    topics = all_topics().items()
    return {name: event.read_by[0] for name, event in topics if "store" in event.sent_by and not event.compacted}


def oldest_unread(
    work: Work, said: Iterable[Original], workers: Collection[str], since: datetime, topic_prefix: str
) -> datetime | None:
    """When the oldest event was published, from `since` on, that one of the workers had not read; None if all were.

    `said` is what stores said; what we said ourselves stands in the outbox.
    """
    given_back = {worker: _given_back(work, worker) for worker in workers}
    found = [_oldest_of_ours(work, worker, given_back[worker], since) for worker in workers]
    readers = {topic_prefix + topic: worker for topic, worker in store_topics().items() if worker in workers}
    theirs = ((readers[one.topic], one, one.timestamp) for one in said if one.topic in readers)
    retries = chain.from_iterable(_published_retries(work, worker, since) for worker in workers)
    for some in _in_batches(chain(theirs, retries)):
        for worker in {reader for reader, _, _ in some}:
            named = {_name(one): at for reader, one, at in some if reader == worker}
            read = inbox.known(work, worker, named) | given_back[worker]
            found += [at for name, at in named.items() if name not in read]
    return min((at for at in found if at is not None), default=None)


def _oldest_of_ours(work: Work, worker: str, given_back: set[_Name], since: datetime) -> datetime | None:
    topics = [name for name, event in all_topics().items() if worker in event.read_by]
    read = exists().where(
        InboxRow.consumer == worker, InboxRow.source == SOURCE, InboxRow.event_id == OutboxRow.event_id
    )
    unread = select(OutboxRow.event_id, OutboxRow.published_at).where(
        OutboxRow.topic.in_(topics), OutboxRow.published_at >= since, ~read
    )
    rows = work.session.execute(unread.order_by(OutboxRow.published_at))
    return next((row.published_at for row in rows if (SOURCE, row.event_id) not in given_back), None)


def _given_back(work: Work, worker: str) -> set[_Name]:
    """What it has read and will try again: published again by the restored database itself."""
    waiting = select(OutboxRow.body).where(OutboxRow.topic == f"{worker}.retry", OutboxRow.published_at.is_(None))
    return {_name(GivenBack.model_validate_json(body).original) for body in work.session.scalars(waiting)}


def _name(original: Original) -> _Name:
    with suppress(Rejected):
        return identity(original, open_envelope(original))
    return identity(original, None)


def _published_retries(work: Work, worker: str, since: datetime) -> Iterator[_Came]:
    """What it gave back, or somebody replayed: its original may have come long before, and stand in no topic any more.

    What was mended has a name of its own.
    """
    retries = select(OutboxRow.body, OutboxRow.published_at).where(
        OutboxRow.topic == f"{worker}.retry", OutboxRow.published_at >= since
    )
    for row in work.session.execute(retries.order_by(OutboxRow.published_at)):
        yield worker, GivenBack.model_validate_json(row.body).original, row.published_at


def _in_batches(came: Iterable[_Came]) -> Iterator[list[_Came]]:
    batch: list[_Came] = []
    for one in came:
        batch.append(one)
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
