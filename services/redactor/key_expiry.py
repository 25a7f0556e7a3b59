"""A key's moment has come: the key is destroyed, and every order under it reads "Amazon Replaced" from now on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Select, select

from orderbridge.database.models import OrderRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.vault.key_ring import KeyRing
from schemas.orders import KeyExpired
from services.redactor.redact import redact_many

log = structlog.get_logger()
AT_ONCE: Final = 100
"""Orders redacted in one transaction, which holds their locks for some ten milliseconds."""
LOOK_AGAIN: Final = timedelta(minutes=10)
"""After its moment nothing is sealed under a key any more, except by a transaction that had begun before."""
_KEYS_AT_ONCE: Final = 100
_LOCKED: Final = timedelta(seconds=1)
"""How long an order waits that another transaction has locked."""


def expire_key(event: KeyExpired, work: Work, ring: KeyRing) -> None:
    """Destroy the key, so that every seal under it is dead wherever it lies, and redact the next batch of its orders.

    Each batch is an event of its own, so that a million orders hold up nothing else. Ten minutes after the moment it
    is looked whether an order came too late for all of them.
    """
    if event.moment > work.now:
        _plan(work, event.moment, event.moment)
        return
    if event.after is None:
        _destroy(event.moment, work, ring)
    _redact(event, work)


def _destroy(moment: datetime, work: Work, ring: KeyRing) -> None:
    """Destroy the key, and others whose own event was lost, by a restore perhaps: their orders' turn comes too."""
    work.commit()  # destroying waits for the disk
    now = work.now
    ring.destroy(moment)
    late = [one for one in ring.alive() if one < now and one != moment][:_KEYS_AT_ONCE]
    overdue = [one for one in late if ring.destroy(one) and one < now - LOOK_AGAIN]
    if overdue:
        log.warning("keys were overdue and are destroyed", keys=len(overdue), first=min(overdue).isoformat())
    for one in sorted(late):
        _plan(work, one, now)


def next_under_the_key(event: KeyExpired) -> Select[str]:
    """The next batch of orders under the key, in their order.

    Both tables are told where it begins: PostgreSQL, which merges them, would go through the other one from its first
    row on, and a night of a million orders would look at 5,000,000,000.
    """
    after = event.after or ""
    return (
        select(PersonalDataRow.order_id)
        .join(OrderRow, OrderRow.order_id == PersonalDataRow.order_id)
        .where(
            PersonalDataRow.dies_at == event.moment,
            PersonalDataRow.redacted_at.is_(None),
            PersonalDataRow.order_id > after,
            OrderRow.order_id > after,
        )
        .order_by(PersonalDataRow.order_id)
        .limit(AT_ONCE)
    )


def _redact(event: KeyExpired, work: Work) -> None:
    now = work.now
    found = work.session.scalars(next_under_the_key(event)).all()
    redacted = len(redact_many(found, work)) if found else 0
    if redacted and now >= event.moment + LOOK_AGAIN:
        log.warning("personal data was overdue", orders=redacted, moment=event.moment.isoformat())
    if len(found) == AT_ONCE:
        _plan(work, event.moment, now, after=found[-1])
    elif redacted < len(found) or event.after is not None:  # some were locked, in this batch or an earlier one
        _plan(work, event.moment, now + _LOCKED)
    elif now < event.moment + LOOK_AGAIN:
        _plan(work, event.moment, event.moment + LOOK_AGAIN)


def _plan(work: Work, moment: datetime, at: datetime, after: str | None = None) -> None:
    work.post(KeyExpired(moment=moment, after=after), at=at, name=f"key:{moment.isoformat()}")
