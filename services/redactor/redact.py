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
        work.session.rollback()  # a number that no event carries would say that the store was told
        kept = work.session.get(PersonalDataRow, event.order_id) if order else None
        if kept is not None and kept.redacted_at is None and kept.dies_at > now:
            # Its clock was changed, or this event came early: a date is a hint, never an order.
            work.post(event, at=kept.dies_at, name=f"aged:{event.order_id}")
        return
    document = OrderDocument.model_validate_json(order.document)
    state = PersonalDataState.redacted(now, document.ship_to_country or "")
    work.post(OrderRedacted.from_document(document, sequence=order.sequence, personal_data=state))


def destroy_key(event: KeyExpired, work: Work, ring: KeyRing) -> None:
    """Destroy the key whose moment is over: every seal under it, wherever it lies, is dead."""
    now = work.now
    if event.moment > now:
        work.post(event, at=event.moment, name=f"key:{event.moment.isoformat()}")
        return
    for moment in {event.moment, *ring.alive()}:  # also one whose own event was lost, by a restore perhaps
        if moment <= now:
            ring.destroy(moment)
