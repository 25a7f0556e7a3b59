"""On day 30 a buyer's personal data reads "Amazon Replaced" in the order, and its key is destroyed."""

from __future__ import annotations

from sqlalchemy import bindparam, update

from orderbridge.database.models import PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.vault.key_ring import KeyRing
from schemas.orders import KeyExpired, OrderAged, OrderDocument, OrderRedacted
from schemas.personal_data import PersonalDataState

_REPLACE = (
    update(PersonalDataRow)
    .where(PersonalDataRow.order_id == bindparam("id"), PersonalDataRow.redacted_at.is_(None))
    .values(seal=None, redacted_at=bindparam("at"))
    .returning(PersonalDataRow.order_id)
)


def redact(event: OrderAged, work: Work) -> None:
    """Replace the order's personal data and tell the store, with the whole order as it is now."""
    order = work.lock_order(event.order_id)
    kept = work.session.get(PersonalDataRow, event.order_id, populate_existing=True)
    if order is None or kept is None or kept.redacted_at is not None:
        return
    now = work.now
    if kept.dies_at > now:  # its clock was changed, or this event came early: a date is a hint, never an order
        work.post(event, at=kept.dies_at, name=f"aged:{event.order_id}")
        return
    if work.session.connection().execute(_REPLACE, {"id": event.order_id, "at": now}).first() is None:
        return
    known = OrderDocument.model_validate_json(order.document)
    document = known.redacted()
    if document is not known:
        order.document = document.model_dump_json(exclude_none=True)
    work.post(
        OrderRedacted.from_document(
            document,
            sequence=work.next_sequence(order),
            personal_data=PersonalDataState.redacted(now, document.ship_to_country or ""),
        )
    )


def destroy_key(event: KeyExpired, work: Work, ring: KeyRing) -> None:
    """Destroy the key whose moment is over: every seal under it, wherever it lies, is dead."""
    now = work.now
    if event.moment > now:
        work.post(event, at=event.moment, name=f"key:{event.moment.isoformat()}")
        return
    for moment in {event.moment, *ring.alive()}:  # also one whose own event was lost, by a restore perhaps
        if moment <= now:
            ring.destroy(moment)
