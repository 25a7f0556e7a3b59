"""After a restart of the embedded broker, which forgets everything: publish again what may not have been read.

With the same ids, so that whoever has read an event takes the second copy for what it is.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import structlog
from sqlalchemy import exists, select, tuple_, update

from orderbridge.bus.envelope import digest, identity, open_envelope
from orderbridge.bus.outcomes import Rejected
from orderbridge.database.models import InboxRow, OutboxRow
from orderbridge.database.unit_of_work import Database, Work
from schemas.events import WORKERS, all_topics
from schemas.failures import GivenBack, Original
from services.ticker.relay import AGAIN

log = structlog.get_logger()
STORE_DAYS = 7


def republish_after_restart(database: Database) -> int:
    """Mark as unpublished what our workers' inboxes don't show as handled, and what the store was sent lately.

    An event to a store is due again if it was published in the last 7 days: we cannot know whether it was read. Those
    days, and the 30 after which a row goes, do not begin anew with a second copy: see the relay's mark. Returns how
    many events are to be published again.
    """
    topics = all_topics()
    ours = [name for name, event in topics.items() if set(event.read_by) & set(WORKERS)]
    to_store = [name for name, event in topics.items() if "store" in event.read_by]
    with database.unit_of_work() as work:
        for_the_store = OutboxRow.topic.in_(to_store) & (OutboxRow.published_at > work.now - timedelta(days=STORE_DAYS))
        handled = exists(
            select(InboxRow.event_id).where(
                InboxRow.event_id == OutboxRow.event_id,
                InboxRow.source == "orderbridge",
                InboxRow.consumer.in_(WORKERS),
            )
        )
        unread = for_the_store | (OutboxRow.topic.in_(ours) & ~handled)
        result = work.session.execute(
            update(OutboxRow)
            .where(OutboxRow.published_at.is_not(None), unread)
            .values(published_at=None, name=AGAIN + OutboxRow.event_id)
            .execution_options(synchronize_session=False)
        )
        count = int(result.rowcount) + _retries(work)  # type: ignore[attr-defined]  # an UPDATE's result has it
    if count:
        log.info("the broker has restarted: publishing again", events=count)
    return count


def _retries(work: Work) -> int:
    """A retry is handled under its original's name: what the inbox has under that is done, and it stays."""
    count = 0
    retries = OutboxRow.topic.in_([f"{worker}.retry" for worker in WORKERS]) & OutboxRow.published_at.is_not(None)
    for row in work.session.scalars(select(OutboxRow).where(retries).execution_options(yield_per=100)):
        given_back = GivenBack.model_validate_json(row.body)
        done = select(InboxRow.event_id).where(
            InboxRow.consumer == given_back.service,
            tuple_(InboxRow.source, InboxRow.event_id).in_(_names(given_back.original)),
            InboxRow.digest == digest(given_back.original),
        )
        if work.session.execute(done).first() is None:
            row.published_at, row.name = None, AGAIN + row.event_id
            count += 1
    return count


def _names(original: Original) -> list[tuple[str, str]]:
    """Source and id of an original in the inbox: by its place, and its own if it can be read."""
    names = [identity(original, None)]
    with suppress(Rejected):
        names.append(identity(original, open_envelope(original)))
    return names
