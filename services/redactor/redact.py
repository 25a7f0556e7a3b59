"""A buyer's personal data reads "Amazon Replaced" in the order from now on, and the store is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, update

from orderbridge.database.models import OrderRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.vault.key_ring import KeyRing
from schemas.orders import OrderAged, OrderDocument, OrderRedacted
from schemas.personal_data import PersonalDataState
from schemas.privacy import RedactionDue

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
_REDOCUMENT = update(OrderRow).where(OrderRow.order_id == bindparam("id")).values(document=bindparam("text"))


def redact(event: OrderAged, work: Work) -> None:
    """Replace the order's personal data and tell the store, with the whole order as it is now.

    For one order whose day is over by another way than its key's: `redact_many` is for a key's orders.
    """
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
    _tell(work, [(order.sequence, order.document)], now)


def redact_together(events: Sequence[OrderAged], work: Work) -> list[bool]:
    """Like `redact`, for many events in one transaction; whether it was done for each, or is left to `redact`."""
    redacted = set(redact_many([event.order_id for event in events], work))
    return [event.order_id in redacted for event in events]


def redact_many(order_ids: Sequence[str], work: Work) -> Sequence[str]:
    """Replace the personal data of orders whose day is over, and tell the store of each, in one transaction.

    Returns which they were: one that is locked just now is left out, and so is one that is redacted already.
    """
    now = work.now
    over = (
        update(PersonalDataRow)
        .where(
            PersonalDataRow.order_id.in_(work.lock_free_orders(order_ids)),
            PersonalDataRow.redacted_at.is_(None),
            PersonalDataRow.dies_at <= now,
        )
        .values(seal=None, redacted_at=now)
        .returning(PersonalDataRow.order_id)
        .execution_options(synchronize_session=False)
    )
    replaced = work.session.scalars(over).all()
    _tell(work, [(order.sequence, order.document) for order in work.next_sequences(replaced)], now)
    return replaced


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
    _tell(work, [(order.sequence, order.document)], now)


def _tell(work: Work, orders: Sequence[tuple[int, str]], now: datetime) -> None:
    """Post `order.redacted` for each, given as its sequence and document, and keep what goes from the document."""
    events, changed = [], []
    for sequence, text in orders:
        known = OrderDocument.model_validate_json(text)
        document = known.redacted()
        if document is not known:
            changed.append({"id": document.order_id, "text": document.model_dump_json(exclude_none=True)})
        state = PersonalDataState.redacted(now, document.ship_to_country or "")
        events.append(OrderRedacted.from_document(document, sequence=sequence, personal_data=state))
    if changed:
        work.session.connection().execute(_REDOCUMENT, changed)
    work.post_all(events)
