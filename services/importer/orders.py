"""Stores one order as Amazon tells it, and tells the store what is new in it."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import ValidationError

from orderbridge.accounts import ConnectedAccount
from orderbridge.amazon.order_models import Order
from orderbridge.database.models import OrderRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.vault.key_ring import KeyRing
from schemas.orders import Change, OrderDocument, OrderImported, OrderUpdated
from schemas.personal_data import PersonalDataState
from services.importer import personal_data
from services.importer.mapping import is_fulfilled_by_amazon, to_document

Stored = Literal["imported", "updated", "unchanged", "skipped"]

_FIELDS_OF: dict[Change, tuple[str, ...]] = {
    "status": ("amazon_status", "store"),
    "lines": ("lines",),
    "amounts": ("totals",),
    "cancel_requested": ("cancel_requested",),
    "address": ("ship_to_country", "ship_to_region"),
    "dates": ("ship_by", "deliver_by"),
    "other": ("fulfilled_by", "programs", "marketplace_id", "placed_at"),
}


def store_order(work: Work, ring: KeyRing, account: ConnectedAccount, order: Order, *, wanted: bool = False) -> Stored:
    """Upsert the order and post `order.imported` or `order.updated`; nothing where nothing changed.

    An older answer never overwrites a newer one. `wanted` is an order that was asked for by number: it is imported
    whenever it was placed.
    """
    row = work.lock_order(order.order_id)
    if row is None:
        if not (wanted or _to_be_imported(account, order)):
            return "skipped"
        document = to_document(account, order, None)
        if _insert(work, document):
            kept = personal_data.keep(work, ring, account.account_id, order, None)
            document, state = _as_told(document, kept.state)
            imported = work.session.get_one(OrderRow, order.order_id)
            _update(imported, document)
            work.post(OrderImported.from_document(document, sequence=imported.sequence, personal_data=state))
            return "imported"
        row = work.lock_order(order.order_id)  # another import of the same order came first
        assert row is not None  # noqa: S101  (its insert made ours do nothing)
    if order.last_updated_time < row.amazon_updated_at:
        return "unchanged"
    known = OrderDocument.model_validate_json(row.document)
    document = to_document(account, order, known)
    kept = personal_data.keep(
        work, ring, account.account_id, order, work.session.get(PersonalDataRow, order.order_id, populate_existing=True)
    )
    document, state = _as_told(document, kept.state)
    changes = what_changed(known, document, address=kept.changed)
    _update(row, document)
    if not changes:
        return "unchanged"
    told = work.next_sequence(row.order_id)
    assert told is not None  # noqa: S101  (we hold its lock)
    work.post(OrderUpdated.from_document(document, sequence=told.sequence, personal_data=state, changes=changes))
    return "updated"


def _as_told(document: OrderDocument, state: PersonalDataState) -> tuple[OrderDocument, PersonalDataState]:
    """What the store is told: once its personal data is gone, nothing of the buyer's but the country (for tax)."""
    if state.redacted_at is None:
        return document, state
    return document.redacted(), PersonalDataState.redacted(state.redacted_at, document.ship_to_country or "")


def what_changed(before: OrderDocument, after: OrderDocument, *, address: bool) -> tuple[Change, ...]:
    """The kinds of change between two states of an order; the address is compared under its seal, by the caller."""
    return tuple(
        change
        for change, fields in _FIELDS_OF.items()
        if any(getattr(before, field) != getattr(after, field) for field in fields) or (change == "address" and address)
    )


def what_is_wrong(error: ValueError) -> str:
    """Why an order cannot be stored, without its values."""
    if isinstance(error, ValidationError):
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problems[:3])
    return type(error).__name__


def _to_be_imported(account: ConnectedAccount, order: Order) -> bool:
    settings = account.settings
    if is_fulfilled_by_amazon(order):
        if not settings.import_fba:
            return False
    elif order.fulfillment and order.fulfillment.fulfillment_status in ("PENDING", "PENDING_AVAILABILITY"):
        return False  # not the seller's to ship yet; it comes again when its payment is authorised
    since = settings.import_from or account.connected_at
    return since is None or order.created_time >= since - timedelta(seconds=1)


def _insert(work: Work, document: OrderDocument) -> bool:
    statement = (
        work.insert(OrderRow)
        .values(
            order_id=document.order_id,
            account_id=document.account_id,
            placed_at=document.placed_at,
            sequence=int(work.now.timestamp() * 1000),
            **_columns(document),
        )
        .on_conflict_do_nothing()
        .returning(OrderRow.order_id)
    )
    return work.session.execute(statement).first() is not None


def _update(row: OrderRow, document: OrderDocument) -> None:
    for column, value in _columns(document).items():
        setattr(row, column, value)


def _columns(document: OrderDocument) -> dict[str, object]:
    return {
        "order_number": document.store.order_number,
        "amazon_status": document.amazon_status,
        "fulfilled_by": document.fulfilled_by,
        "ship_by": document.ship_by,
        "amazon_updated_at": document.amazon_updated_at,
        "document": document.model_dump_json(exclude_none=True),
    }
