"""On its day, or early, a buyer's personal data reads "Amazon Replaced" in the order; then its key is destroyed."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import bindparam, select, update

from orderbridge.database.models import OrderRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.vault.key_ring import KeyRing
from schemas.orders import KeyExpired, OrderAged, OrderDocument, OrderRedacted
from schemas.personal_data import PersonalDataState
from schemas.privacy import RedactionDue

log = structlog.get_logger()
_LOOK_AGAIN = timedelta(minutes=10)
_AT_ONCE = 100
_REPLACE = (
    update(PersonalDataRow)
    .where(
        PersonalDataRow.order_id == bindparam("id"),
        PersonalDataRow.redacted_at.is_(None),
        PersonalDataRow.dies_at <= bindparam("now"),
    )
    .values(seal=None, redacted_at=bindparam("now"))
    .returning(PersonalDataRow.order_id)
)


def redact(event: OrderAged, work: Work) -> None:
    """Replace the order's personal data and tell the store, with the whole order as it is now."""
    now = work.now
    order = work.next_sequence(event.order_id)
    replaced = work.session.connection().execute(_REPLACE, {"id": event.order_id, "now": now}).first()
    if order is None or replaced is None:
        work.rollback()  # a number that no event carries would say that the store was told
        kept = work.session.get(PersonalDataRow, event.order_id) if order else None
        if kept is not None and kept.redacted_at is None and kept.dies_at > now:
            # Its clock was changed, or this event came early: a date is a hint, never an order.
            work.post(event, at=kept.dies_at, name=f"aged:{event.order_id}")
        return
    _tell(work, OrderDocument.model_validate_json(order.document), order.sequence, now)


def redact_early(event: RedactionDue, work: Work, ring: KeyRing) -> None:
    """Redact the order now, before its day. Its seals are refused from here on, wherever they lie.

    One that we don't have is marked in the ring, so that an import brings nothing. Repeating it does no harm.
    """
    work.commit()  # marking waits for the disk
    ring.mark_redacted(event.order_id)
    now = work.now
    order = work.next_sequence(event.order_id)
    known = OrderDocument.model_validate_json(order.document) if order is not None else None
    if order is None or known is None or known.fulfilled_by == "amazon":  # what Amazon fulfils has none
        work.rollback()
        return
    gone = {"seal": None, "redacted_at": now}
    replaced = work.session.execute(
        work.insert(PersonalDataRow)
        .values(order_id=event.order_id, dies_at=now, **gone)
        .on_conflict_do_update(index_elements=["order_id"], set_=gone, where=PersonalDataRow.redacted_at.is_(None))
        .returning(PersonalDataRow.order_id)
    ).first()
    if replaced is None:
        work.rollback()
        return
    work.withdraw(f"aged:{event.order_id}")
    _tell(work, known, order.sequence, now)


def _tell(work: Work, known: OrderDocument, sequence: int, now: datetime) -> None:
    document = known.redacted()
    if document is not known:
        text = document.model_dump_json(exclude_none=True)
        work.session.execute(update(OrderRow).where(OrderRow.order_id == document.order_id).values(document=text))
    state = PersonalDataState.redacted(now, document.ship_to_country or "")
    work.post(OrderRedacted.from_document(document, sequence=sequence, personal_data=state))


def destroy_key(event: KeyExpired, work: Work, ring: KeyRing) -> None:
    """Destroy the key whose moment is over: every seal under it, wherever it lies, is dead.

    Keys go too whose own event was lost, by a restore perhaps. Ten minutes after a key it is looked whether its orders
    know: one whose `order.aged` was lost is redacted then.
    """
    now = work.now
    if event.moment > now:
        _plan(work, event.moment, event.moment)
        return
    work.commit()  # destroying waits for the disk
    over = [event.moment, *(moment for moment in ring.alive() if moment < now and moment != event.moment)]
    destroyed = [moment for moment in over[:_AT_ONCE] if ring.destroy(moment)]
    overdue = [moment for moment in destroyed if moment < min(now - _LOOK_AGAIN, event.moment)]
    if overdue:
        log.warning("keys were overdue and are destroyed", keys=len(overdue), first=min(overdue).isoformat())
    for moment in sorted(destroyed):
        _plan(work, moment, now + _LOOK_AGAIN)
    if event.moment in destroyed:
        return
    if now < event.moment + _LOOK_AGAIN:  # we were cut off between its destruction and the plan
        _plan(work, event.moment, event.moment + _LOOK_AGAIN)
        return
    forgotten = work.session.execute(
        select(OrderRow.order_id, OrderRow.account_id)
        .join(PersonalDataRow, PersonalDataRow.order_id == OrderRow.order_id)
        .where(PersonalDataRow.redacted_at.is_(None), PersonalDataRow.dies_at == event.moment)
    ).all()
    for order_id, account_id in forgotten:
        work.post_once(OrderAged(order_id=order_id, account_id=account_id), at=now, name=f"aged:{order_id}")
    if forgotten:
        log.warning("personal data was overdue", orders=len(forgotten), moment=event.moment.isoformat())


def _plan(work: Work, moment: datetime, at: datetime) -> None:
    work.post(KeyExpired(moment=moment), at=at, name=f"key:{moment.isoformat()}")
