"""Sends orders to the store again, as they are now, the ones that changed longest ago first."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Row, select

from orderbridge.database.models import OrderRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.orders.keyset import above
from orderbridge.orders.replaying import AT_ONCE, chosen
from orderbridge.vault.key_ring import KeyRing
from schemas.orders import OrderDocument, OrderImported
from schemas.personal_data import PersonalDataState
from schemas.replays import OrdersReplay
from services.importer import personal_data

log = structlog.get_logger()
PAUSE: Final = timedelta(seconds=0.2)
"""Between two batches: whoever imports or ships has database, relay and store to itself most of the time."""
_PLACE: Final = (OrderRow.sequence, OrderRow.order_id)


def replay_orders(event: OrdersReplay, work: Work, ring: KeyRing) -> None:
    """Post `order.imported` for the next batch, with `replay` and the order's own `sequence`; then what is left of it.

    No order is locked: one statement reads an order and its personal data as of one moment, and whatever is posted
    meanwhile has a higher `sequence`, by which every store goes. An order that changes before its turn leaves the
    range: the store is told of it anyway.
    """
    statement = (
        select(OrderRow.sequence, OrderRow.order_id, OrderRow.document, PersonalDataRow)
        .outerjoin(PersonalDataRow, PersonalDataRow.order_id == OrderRow.order_id)
        .where(*chosen(event))
        .order_by(*_PLACE)
        .limit(AT_ONCE)
        .execution_options(populate_existing=True)
    )
    if event.after_order is not None:
        statement = statement.where(above(_PLACE, (event.after_sequence, event.after_order)))
    now = work.now
    rows = work.session.execute(statement).all()
    work.post_all(_as_it_is(ring, row, now) for row in rows)
    sent = event.sent + len(rows)
    if len(rows) == AT_ONCE:
        place = {"after_sequence": rows[-1].sequence, "after_order": rows[-1].order_id}
        work.post(event.model_copy(update={**place, "sent": sent}), at=now + PAUSE)
    else:
        log.info("orders were sent again", replay=event.replay_id, orders=sent)


def _as_it_is(ring: KeyRing, row: Row[int, str, str, PersonalDataRow], now: datetime) -> OrderImported:
    known = OrderDocument.model_validate_json(row.document)
    document, state = personal_data.as_told(known, _state(ring, known, row.PersonalDataRow, now))
    return OrderImported.from_document(document, sequence=row.sequence, personal_data=state, replay=True)


def _state(ring: KeyRing, document: OrderDocument, kept: PersonalDataRow | None, now: datetime) -> PersonalDataState:
    """How its personal data stands. A seal whose day is over is none, also where the redactor has not come to it."""
    if kept is None and document.fulfilled_by == "amazon":
        return PersonalDataState.none()
    state = personal_data.as_kept(kept)
    if (
        state.state == "sealed"
        and kept is not None
        and (kept.dies_at <= now or personal_data.is_gone(ring, kept.order_id, now))
    ):
        return PersonalDataState.redacted(min(kept.dies_at, now))
    return state
