"""After a restart of the embedded broker, which forgets everything: publish again what may not have been read.

With the same ids, so that whoever has read an event takes the second copy for what it is.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from sqlalchemy import exists, select, update

from orderbridge.database.models import InboxRow, OutboxRow
from orderbridge.database.unit_of_work import Database
from schemas.events import WORKERS, all_topics

log = structlog.get_logger()
STORE_DAYS = 7


def republish_after_restart(database: Database) -> int:
    """Mark as unpublished what our workers' inboxes don't show as handled, and what the store was sent lately.

    An event to a store is due again if it was published in the last 7 days: we cannot know whether it was read.
    Returns how many events are to be published again.
    """
    topics = all_topics()
    ours = [name for name, event in topics.items() if set(event.read_by) & set(WORKERS)]
    to_store = [name for name, event in topics.items() if "store" in event.read_by]
    retries = [f"{worker}.retry" for worker in WORKERS]
    with database.unit_of_work() as work:
        for_the_store = OutboxRow.topic.in_(to_store) & (OutboxRow.published_at > work.now - timedelta(days=STORE_DAYS))
        handled = exists(
            select(InboxRow.event_id).where(
                InboxRow.event_id == OutboxRow.event_id,
                InboxRow.source == "orderbridge",
                InboxRow.consumer.in_(WORKERS),
            )
        )
        unread = for_the_store | OutboxRow.topic.in_(retries) | (OutboxRow.topic.in_(ours) & ~handled)
        result = work.session.execute(
            update(OutboxRow)
            .where(OutboxRow.published_at.is_not(None), unread)
            .values(published_at=None, name=None)
            .execution_options(synchronize_session=False)
        )
    count = int(result.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it
    if count:
        log.info("the broker has restarted: publishing again", events=count)
    return count
