"""Redactions that the restored database does not know of: of days that have come, and of marks in the key ring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from orderbridge.database.models import OrderRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.vault.key_ring import KeyRing
from schemas.orders import KeyExpired, OrderAged

AT_ONCE = 1000


@dataclass(frozen=True)
class Redactions:
    """How many orders are to be redacted again, and whose key is not there."""

    overdue: int
    """Their day has come since the dump, or the ring has destroyed their key."""
    marked: int
    """Redacted before their day: the ring remembers."""
    without_key: int
    """Their day lies ahead, and the ring has no key for it: nobody can open them."""


def repair(work: Work, ring: KeyRing) -> Redactions:
    """Have the redactor redact again what was redacted before the restore. Repeating it does no harm."""
    now = work.now
    alive = set(ring.alive())
    overdue = marked = without_key = 0
    for order_id, account_id, dies_at, is_sealed in _alive(work):
        if dies_at > now and ring.is_redacted(order_id):
            marked += 1
            # The redactor redacts nothing before its day.
            work.session.execute(
                update(PersonalDataRow)
                .where(PersonalDataRow.order_id == order_id, PersonalDataRow.redacted_at.is_(None))
                .values(dies_at=now)
            )
        elif dies_at <= now:
            overdue += 1
        else:
            without_key += is_sealed and dies_at not in alive
            continue
        work.post(OrderAged(order_id=order_id, account_id=account_id), at=now, name=f"aged:{order_id}")
    for moment in sorted(moment for moment in alive if moment <= now):
        work.post_once(KeyExpired(moment=moment), at=now, name=f"key:{moment.isoformat()}")
    return Redactions(overdue, marked, without_key)


def _alive(work: Work) -> Iterator[tuple[str, str, datetime, bool]]:
    """Each order that is not redacted, its account, its day, and whether it has a seal: of those there may be millions,
    of some kilobytes each.
    """
    rows = (
        select(
            PersonalDataRow.order_id, OrderRow.account_id, PersonalDataRow.dies_at, PersonalDataRow.seal.is_not(None)
        )
        .join(OrderRow, OrderRow.order_id == PersonalDataRow.order_id)
        .where(PersonalDataRow.redacted_at.is_(None))
        .order_by(PersonalDataRow.order_id)
        .limit(AT_ONCE)
    )
    last = ""
    while page := work.session.execute(rows.where(PersonalDataRow.order_id > last)).all():
        yield from page
        last = page[-1].order_id
