"""Stores one order as Amazon tells it, and tells the store what is new in it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import ValidationError

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.identity import of_another_account
from orderbridge.amazon.order_models import Order
from orderbridge.bus.envelope import MAX_BODY
from orderbridge.database.models import OrderRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.late_shipments import Deadline, deadlines, dies_at, forget_look, lost_packages, plan_look
from orderbridge.vault.key_ring import KeyRing
from schemas.imports import Did, RunLine
from schemas.openings import LONGEST_SEAL
from schemas.orders import OrderDocument, OrderImported, OrderUpdated
from schemas.personal_data import PersonalDataState
from schemas.shipments import ShipmentDue
from services.importer import access, packages, personal_data, skipped_orders, unmapped
from services.importer.changes import what_changed
from services.importer.mapping import missing_mappings, to_document
from services.importer.skipping import why_skipped

LARGEST_DOCUMENT: Final = MAX_BODY - 2 * LONGEST_SEAL
"""Bytes of an order without what else is in its event: its seal, and some words of ours."""


class _TooLarge(ValueError):
    """Its text may be told: it holds no value."""


def store_order(
    work: Work,
    ring: KeyRing,
    account: ConnectedAccount,
    order: Order,
    *,
    since: datetime | None,
    wanted: bool = False,
    left_out: tuple[str, ...] = (),
) -> RunLine:
    """Upsert the order and post `order.imported` or `order.updated`; nothing where nothing changed.

    An older answer never overwrites a newer one. An order that is unknown to us and was placed before `since` is left
    alone; `wanted` is one that was asked for by number: it is imported whenever it was placed. `left_out` are the data
    sets that were not asked for. One that cannot be stored is told as unreadable, and holds up no other in the same
    transaction.
    """
    try:
        with work.session.begin_nested():
            return _store(work, ring, account, order, since, wanted, left_out)
    except (ValueError, ArithmeticError) as error:
        return _unreadable(order, error)


def preview_order(
    work: Work, account: ConnectedAccount, order: Order, *, since: datetime | None, left_out: tuple[str, ...] = ()
) -> RunLine:
    """What `store_order` would do, without doing it. Whether the address is another one is not looked at."""
    try:
        return _preview(work, account, order, since, left_out)
    except (ValueError, ArithmeticError) as error:
        return _unreadable(order, error)


def _store(
    work: Work,
    ring: KeyRing,
    account: ConnectedAccount,
    order: Order,
    since: datetime | None,
    wanted: bool,
    left_out: tuple[str, ...],
) -> RunLine:
    row = work.lock_order(order.order_id)
    if row is None:
        document = to_document(account, order, None)
        reason = None if wanted else why_skipped(account, document, since)
        if reason == "program_skipped":
            skipped_orders.remember(work, document)
        if reason is not None:
            return line(order, "skipped", reason=reason)
        if _insert(work, document):
            kept = personal_data.keep(work, ring, account, order, document, None)
            document, state = personal_data.as_told(document, kept.state)
            document = _with_differences(work, order, document, None)
            imported = work.session.get_one(OrderRow, order.order_id)
            _update(imported, document)
            work.post(OrderImported.from_document(document, sequence=imported.sequence, personal_data=state))
            unmapped.note(work, account, document, order)
            _plan_look(work, document, (), _deadlines(account, document, state), None)
            return line(order, "imported", document)
        row = work.lock_order(order.order_id)  # another import of the same order came first
        assert row is not None  # noqa: S101  (its insert made ours do nothing)
    if of_another_account(work, account.account_id, row.account_id):
        access.same_seller(work, account.account_id, row.account_id)
        return line(order, "skipped", reason="of_another_account")
    if row.account_id != account.account_id:
        row.account_id = account.account_id
        work.post(ShipmentDue(account_id=account.account_id, order_id=order.order_id))  # its packages go with it
    if order.last_updated_time < row.amazon_updated_at:
        return line(order, "unchanged")
    known = OrderDocument.model_validate_json(row.document)
    document = to_document(account, order, known, left_out)
    kept_before = work.session.get(PersonalDataRow, order.order_id, populate_existing=True)
    hours = account.settings.late_warning_hours
    planned = deadlines(known, dies_at(kept_before), hours)
    kept = personal_data.keep(work, ring, account, order, document, kept_before)
    document, state = personal_data.as_told(document, kept.state)
    document = _with_differences(work, order, document, known)
    changes = what_changed(known, document, sealed=kept.changes)
    _update(row, document)
    _plan_look(work, document, planned, _deadlines(account, document, state), known)
    if not changes:
        return line(order, "unchanged", document)
    told = work.next_sequence(row.order_id)
    assert told is not None  # noqa: S101  (we hold its lock)
    work.post(OrderUpdated.from_document(document, sequence=told.sequence, personal_data=state, changes=changes))
    if {"cancelled", "cancel_requested"}.intersection(changes):
        work.post(ShipmentDue(account_id=account.account_id, order_id=order.order_id))  # a package may wait, or be held
    unmapped.note(work, account, document, order)
    problem, note = packages.told_anew(document, known)
    return line(order, "updated", document).model_copy(update={"problem": problem, "note": note})


def _preview(
    work: Work, account: ConnectedAccount, order: Order, since: datetime | None, left_out: tuple[str, ...]
) -> RunLine:
    row = work.session.get(OrderRow, order.order_id, populate_existing=True)
    if row is None:
        document = to_document(account, order, None)
        reason = why_skipped(account, document, since)
        if reason is not None:
            return line(order, "skipped", reason=reason)
        return _with_choices(line(order, "imported", document), document)
    if of_another_account(work, account.account_id, row.account_id):
        return line(order, "skipped", reason="of_another_account")
    if order.last_updated_time < row.amazon_updated_at:
        return line(order, "unchanged")
    known = OrderDocument.model_validate_json(row.document)
    kept = work.session.get(PersonalDataRow, order.order_id, populate_existing=True)
    document, _ = packages.compare(work, order, to_document(account, order, known, left_out), known)
    state = PersonalDataState.none() if document.fulfilled_by == "amazon" else personal_data.as_kept(kept)
    document, _ = personal_data.as_told(document, state)
    changed = what_changed(known, document)
    return _with_choices(line(order, "updated" if changed else "unchanged", document), document)


def _with_choices(told: RunLine, document: OrderDocument) -> RunLine:
    """The line of a preview: also how the account's settings map the order."""
    store = document.store
    return told.model_copy(
        update={
            "order_number": store.order_number,
            "payment_type": store.payment_type.name,
            "shipping_method": store.shipping_method.name or store.shipping_method.amazon,
        }
    )


def line(order: Order, did: Did, document: OrderDocument | None = None, *, reason: str | None = None) -> RunLine:
    """The run's line for an order."""
    if document is None:
        return RunLine(
            order_id=order.order_id, did=did, marketplace_id=order.sales_channel.marketplace_id, reason=reason
        )
    return document_line(document, did)


def document_line(document: OrderDocument, did: Did) -> RunLine:
    """The run's line for an order as the store is to see it."""
    return RunLine(
        order_id=document.order_id,
        did=did,
        marketplace_id=document.marketplace_id,
        status=document.store.status.name,
        total=document.totals.total,
        currency=document.totals.currency,
        missing=missing_mappings(document),
    )


def _with_differences(work: Work, order: Order, document: OrderDocument, known: OrderDocument | None) -> OrderDocument:
    """The document with how Amazon's packages differ from ours; what it is too soon to tell is looked at again."""
    compared, again_at = packages.compare(work, order, document, known)
    if again_at is not None:
        packages.read_again(work, document, again_at)
    return compared


def _deadlines(account: ConnectedAccount, document: OrderDocument, state: PersonalDataState) -> tuple[Deadline, ...]:
    alive_until = state.dies_at if state.state == "sealed" else None
    return deadlines(document, alive_until, account.settings.late_warning_hours)


def _plan_look(
    work: Work,
    document: OrderDocument,
    before: tuple[Deadline, ...],
    after: tuple[Deadline, ...],
    known: OrderDocument | None,
) -> None:
    """Have the shipper look whether the order has shipped, when a deadline comes near: a plan that stands stays."""
    lost_before = lost_packages(known) if known is not None else set()
    if not after:
        if before:
            forget_look(work, document.order_id)
    elif after != before or lost_packages(document) - lost_before:
        plan_look(work, document, after[0].warn_at)


def _unreadable(order: Order, error: Exception) -> RunLine:
    problem = f"It cannot be stored: {what_is_wrong(error)}. Report it to Orderbridge's developers."
    return RunLine(order_id=order.order_id, did="unreadable", problem=problem)


def what_is_wrong(error: Exception) -> str:
    """Why an order cannot be stored, without its values."""
    if isinstance(error, ValidationError):
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problems[:3])
    return str(error) if type(error) is _TooLarge else type(error).__name__


def _insert(work: Work, document: OrderDocument) -> bool:
    statement = (
        work.insert(OrderRow)
        .values(
            order_id=document.order_id,
            account_id=document.account_id,
            placed_at=document.placed_at,
            sequence=int(work.now.timestamp() * 1000),
            **columns(document),
        )
        .on_conflict_do_nothing()
        .returning(OrderRow.order_id)
    )
    return work.session.execute(statement).first() is not None


def _update(row: OrderRow, document: OrderDocument) -> None:
    for column, value in columns(document).items():
        setattr(row, column, value)


def columns(document: OrderDocument) -> dict[str, object]:
    """What a row of the table keeps beside the document, so that it can be looked for.

    Raises ValueError for a document that no event could carry: its key's events would wait for it for good.
    """
    text = document.model_dump_json(exclude_none=True)
    if len(text.encode()) > LARGEST_DOCUMENT:
        raise _TooLarge(f"it has more than {LARGEST_DOCUMENT} bytes, which fit into no event")
    return {
        "order_number": document.store.order_number,
        "queue": document.store.status.name,
        "amazon_status": document.amazon_status,
        "fulfilled_by": document.fulfilled_by,
        "ship_by": document.ship_by,
        "amazon_updated_at": document.amazon_updated_at,
        "document": text,
    }
