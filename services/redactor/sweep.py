"""The nightly sweep: finds what should be dead and is not, has it die, and says so. It should find nothing.

What it is for: an `order.aged` or `key.expired` that was lost, a database or a key ring that was restored, a clock that
was set back.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

import structlog
from sqlalchemy import and_, or_, select

from orderbridge.accounts.attentions import PERSONAL_DATA_OVERDUE, end_attention, raise_attention
from orderbridge.database.models import Account, OrderRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.plural import number_of
from orderbridge.telemetry import SWEPT
from orderbridge.vault.key_ring import KeyRing
from schemas.orders import OrderAged
from schemas.privacy import RedactionDue, SweepDue

log = structlog.get_logger()
AT_ONCE: Final = 500
"""Orders that one event has redacted."""
IN_HAND: Final = timedelta(hours=1)
"""What came due within the last hour is being redacted just now, in its own turn."""
_FIND = (
    select(PersonalDataRow.order_id, OrderRow.account_id, PersonalDataRow.dies_at)
    .join(OrderRow, OrderRow.order_id == PersonalDataRow.order_id)
    .where(PersonalDataRow.redacted_at.is_(None))
)


def sweep(event: SweepDue, work: Work, ring: KeyRing) -> None:
    """Go on with the sweep by a batch: keys and marks first, then orders by the moment at which they should have died.

    Keys are destroyed here; orders are redacted by the events that this posts.
    """
    if event.begun_at is None:
        event = event.model_copy(update={"begun_at": work.now})
        work.commit()  # destroying waits for the disk
        event = _marks(_keys(event, ring), work, ring)
    event, more = _orders(event, work, ring)
    if more:
        work.post(event)
    else:
        _report(event, work)


def _keys(event: SweepDue, ring: KeyRing) -> SweepDue:
    """Keys past their moment, and those that were destroyed before their moment and have come back."""
    now = _begun(event)
    destroyed = set(ring.destroyed())
    over = [one for one in ring.alive() if one <= now - IN_HAND or (one > now and one in destroyed)]
    for moment in over:
        log.warning("a key should have been dead: destroyed", moment=moment.isoformat())
        ring.destroy(moment)
    return event.model_copy(update={"keys": len(over)})


def _marks(event: SweepDue, work: Work, ring: KeyRing) -> SweepDue:
    """Orders that the ring knows to be redacted, and whose rows do not know it."""
    gone = _gone(ring, _begun(event) - IN_HAND)
    while some := list(islice(gone, AT_ONCE)):
        found = work.session.execute(_FIND.where(PersonalDataRow.order_id.in_(some))).all()
        work.post_all(RedactionDue(order_id=row.order_id) for row in found)
        work.commit()
        event = _counted(event, found)
    return event


def _gone(ring: KeyRing, late: datetime) -> Iterator[str]:
    """Those redacted early, and those whose newest seal is dead while the key of an older one lives.

    Where no such key lives any more, the ring is told to forget.
    """
    yield from ring.redacted_orders()
    for order in ring.superseded():
        if order.until <= late:
            ring.forget_superseded(order.order_id)
        elif order.newest <= late:
            yield order.order_id


def _orders(event: SweepDue, work: Work, ring: KeyRing) -> tuple[SweepDue, bool]:
    """A batch of those whose day is over, or whose key was destroyed though its moment lies ahead."""
    begun_at = _begun(event)
    ahead = [moment for moment in ring.destroyed() if moment > begun_at]
    late = PersonalDataRow.dies_at <= begun_at - IN_HAND
    statement = _FIND.where(or_(late, PersonalDataRow.dies_at.in_(ahead)) if ahead else late)
    if event.after_moment is not None:
        same = and_(PersonalDataRow.dies_at == event.after_moment, PersonalDataRow.order_id > event.after_order)
        statement = statement.where(
            PersonalDataRow.dies_at >= event.after_moment,  # what the index can use
            or_(PersonalDataRow.dies_at > event.after_moment, same),
        )
    ordered = statement.order_by(PersonalDataRow.dies_at, PersonalDataRow.order_id).limit(AT_ONCE)
    found = work.session.execute(ordered).all()
    # Without names: thousands of them, past the orders' locks, would block importers crosswise.
    work.post_all(
        RedactionDue(order_id=row.order_id)
        if row.dies_at > begun_at
        else OrderAged(order_id=row.order_id, account_id=row.account_id)
        for row in found
    )
    event = _counted(event, found)
    if len(found) < AT_ONCE:
        return event, False
    return event.model_copy(update={"after_moment": found[-1].dies_at, "after_order": found[-1].order_id}), True


def _counted(event: SweepDue, found: Any) -> SweepDue:
    accounts = sorted({*event.accounts, *(row.account_id for row in found)})
    return event.model_copy(update={"orders": event.orders + len(found), "accounts": tuple(accounts)})


def _report(event: SweepDue, work: Work) -> None:
    """Log, metric and attention. Keys are every account's: each is told of them."""
    begun_at = _begun(event)
    SWEPT.labels("key").inc(event.keys)
    SWEPT.labels("order").inc(event.orders)
    if event.keys or event.orders:
        log.warning("the sweep found what should have been dead", orders=event.orders, keys=event.keys)
    else:
        log.info("the sweep found nothing")
    for account_id in _accounts(work):
        if not event.keys and account_id not in event.accounts:
            end_attention(work, account_id, PERSONAL_DATA_OVERDUE)
            continue
        what = " and ".join(
            number_of(count, word) for count, word in ((event.orders, "order"), (event.keys, "key")) if count
        )
        raise_attention(
            work,
            account_id,
            PERSONAL_DATA_OVERDUE,
            f"Of {what} the day was over and personal data was still there, in this account or another. The sweep of "
            f"{begun_at:%Y-%m-%d} had it erased.",
            "Find out why: was a backup of the database or the key ring restored, the clock set back, an event "
            "discarded? Did the redactor and the ticker run? Tell Orderbridge's developers if none of that is so. It "
            "ends with a sweep that finds nothing.",
            another=True,
        )


def _accounts(work: Work) -> Iterator[str]:
    yield from work.session.scalars(select(Account.account_id).order_by(Account.account_id)).all()


def _begun(event: SweepDue) -> datetime:
    assert event.begun_at is not None  # noqa: S101  (set by the first batch)
    return event.begun_at
