"""Imports what was placed long ago, from Amazon's reports: without personal data, which must be gone by then anyway."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from orderbridge.accounts import ConnectedAccount
from orderbridge.amazon import ReportOrder
from orderbridge.amazon.reports import ORDERS_BY_ORDER_DATE
from orderbridge.database.models import OrderRow, PersonalDataRow, Run
from orderbridge.database.unit_of_work import Work
from schemas.imports import ImportDue, RunLine
from schemas.orders import OrderDocument, OrderImported
from schemas.personal_data import PersonalDataState
from services.importer import orders as stored_orders
from services.importer import runs, unmapped
from services.importer.from_report import document_from_report, is_from_report
from services.importer.personal_data import KEPT_FOR
from services.importer.report_run import ReportProgress, spans
from services.importer.skipping import why_skipped
from services.importer.window import SEARCHED, imported_from

_FINAL = ("SHIPPED", "CANCELLED")


def open_history(work: Work, account: ConnectedAccount, event: ImportDue) -> ReportProgress | None:
    """What `--from` asks for: the import date moves back, the search reads its 30 days again, reports tell the rest.

    Returns the run that reads the reports, or None if nothing lies so far back. A run that is open is stretched.
    """
    since = event.since or work.now
    state = runs.state_of(work, account.account_id)
    begins = imported_from(account, state) or since
    if state.imported_from is None and state.cursor is None:
        since = min(since, begins)  # the first run, which would read since then, will find the date set
    state.imported_from = min(since, begins)
    searched = work.now - SEARCHED
    state.read_again_from = min(max(since, searched), state.read_again_from or work.now)
    row = runs.find_open(work, account.account_id, "history")
    if row is not None:
        return _stretched(account, row, since)
    if since >= searched:
        return None
    return _run(account, work.now, since, searched)


def _run(account: ConnectedAccount, now: datetime, since: datetime, until: datetime) -> ReportProgress:
    found = spans(since, until, account.marketplace_ids)
    return ReportProgress(
        kind="history",
        marketplace_ids=account.marketplace_ids,
        account_id=account.account_id,
        started_at=now,
        updated_after=since,
        updated_before=until,
        report_type=ORDERS_BY_ORDER_DATE,
        spans=found,
        spans_total=len(found),
    )


def _stretched(account: ConnectedAccount, row: Run, since: datetime) -> ReportProgress:
    progress = ReportProgress.model_validate_json(row.progress)
    begins = min(since, progress.updated_after)
    more = spans(since, progress.updated_after, account.marketplace_ids)
    added = tuple(name for name in account.marketplace_ids if name not in progress.marketplace_ids)
    more += spans(progress.updated_after, progress.updated_before or since, added)
    return progress.model_copy(
        update={
            "updated_after": begins,
            "marketplace_ids": account.marketplace_ids,
            "spans": (*progress.spans, *more),
            "spans_total": progress.spans_total + len(more),
        }
    )


def store_chunk(
    work: Work, account: ConnectedAccount, progress: ReportProgress, found: list[ReportOrder]
) -> ReportProgress:
    """Store the orders that are new and final; note those that must be read one by one.

    An order that is here already stays as it is: what we know of it is more than a report tells. A part of an order
    that stands apart from the rest in the report, and an order that awaits shipment (the report has no order item
    ids), are read with `getOrder`.
    """
    since = imported_from(account, runs.state_of(work, account.account_id))
    known = _known(work, [order.order_id for order in found])
    lines: list[RunLine] = []
    new: dict[str, tuple[OrderDocument, dict[str, object]]] = {}
    to_fetch: list[str] = []
    for order in found:
        if order.order_id in known:
            if _is_another_part(known[order.order_id], order):
                to_fetch.append(order.order_id)
            else:
                lines.append(RunLine(order_id=order.order_id, did="unchanged"))
            continue
        try:
            document = document_from_report(account, order)
            kept = stored_orders.columns(document)
        except (ValueError, ArithmeticError) as error:
            problem = f"It cannot be stored: {stored_orders.what_is_wrong(error)}."
            lines.append(_line(order, "unreadable", None, problem))
            continue
        reason = why_skipped(account, document, since)
        if reason is not None:
            lines.append(_line(order, "skipped", reason))
        elif order.status not in _FINAL or order.may_lack_items or order.order_id in new:
            new.pop(order.order_id, None)
            to_fetch.append(order.order_id)
        else:
            new[order.order_id] = (document, kept)
    lines += _insert(work, account, list(new.values()))
    for line in lines:
        if line.problem:
            progress = progress.with_problem(f"Order {line.order_id}: {line.problem}")
    runs.add_lines(work, progress.run_id, lines)
    fetch = tuple(dict.fromkeys((*progress.to_fetch, *to_fetch)))
    return progress.counted(lines).model_copy(update={"to_fetch": fetch})


def _insert(
    work: Work, account: ConnectedAccount, orders: list[tuple[OrderDocument, dict[str, object]]]
) -> list[RunLine]:
    """All of them, with their columns, in few statements. What another import has inserted meanwhile stays as it is."""
    if not orders:
        return []
    now = work.now
    sequence = int(now.timestamp() * 1000)
    statement = work.insert(OrderRow).on_conflict_do_nothing().returning(OrderRow.order_id)
    rows = [
        {
            "order_id": document.order_id,
            "account_id": document.account_id,
            "placed_at": document.placed_at,
            "sequence": sequence,
            **columns,
        }
        for document, columns in orders
    ]
    inserted = set(work.session.scalars(statement, rows))
    fresh = [document for document, _ in orders if document.order_id in inserted]
    gone: list[dict[str, Any]] = [
        {
            "order_id": document.order_id,
            "seal": None,
            "dies_at": document.placed_at + KEPT_FOR,
            "redacted_at": now,
        }
        for document in fresh
        if document.fulfilled_by != "amazon"
    ]
    if gone:
        work.session.execute(insert(PersonalDataRow), gone)
    work.post_all(
        [
            OrderImported.from_document(document, sequence=sequence, personal_data=_state(document, now))
            for document in fresh
        ]
    )
    words = {document.store.shipping_method.amazon: document for document in fresh}
    for document in words.values():  # one of each: the words are what counts
        unmapped.note(work, account, document)
    return [stored_orders.document_line(document, "imported") for document in fresh]


def _state(document: OrderDocument, now: datetime) -> PersonalDataState:
    """ "Amazon Replaced" from the start; an order that Amazon fulfilled never has any."""
    if document.fulfilled_by == "amazon":
        return PersonalDataState.none()
    return PersonalDataState.redacted(now, document.ship_to_country or "")


def _known(work: Work, order_ids: list[str]) -> dict[str, str]:
    rows = work.session.execute(select(OrderRow.order_id, OrderRow.document).where(OrderRow.order_id.in_(order_ids)))
    return {row.order_id: row.document for row in rows}


def _is_another_part(kept: str, order: ReportOrder) -> bool:
    """Whether what came of a report lacks items that the same order has elsewhere in it."""
    document = OrderDocument.model_validate_json(kept)
    if not is_from_report(document):
        return False  # it came of the search, whole
    quantities = {line.sku or line.asin: line.quantity for line in document.lines}
    return any(quantities.get(item.sku or item.asin) != item.quantity for item in order.items)


def _line(order: ReportOrder, did: Any, reason: str | None, problem: str | None = None) -> RunLine:
    return RunLine(
        order_id=order.order_id, did=did, marketplace_id=order.marketplace_id, reason=reason, problem=problem
    )
