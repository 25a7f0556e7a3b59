"""Compares Amazon's report of all orders with what is here: what differs is fetched, counted and reported.

It should be nothing. The report is asked for daily over the last 7 days, once a week over 30: the search could not
carry it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.attentions import ROLE_MISSING, stands
from orderbridge.amazon import ReportOrder
from orderbridge.amazon.reports import ORDERS_BY_LAST_UPDATE
from orderbridge.database.models import AccountState, OrderRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from schemas.imports import ImportDue, RunLine
from schemas.orders import OrderDocument
from services.importer import runs, skipped_orders
from services.importer.from_report import document_from_report
from services.importer.report_run import ReportProgress, spans
from services.importer.skipping import why_skipped
from services.importer.window import imported_from

EVERY: Final = timedelta(days=1)
DAILY_DAYS: Final = 7
WEEKLY_DAYS: Final = 30
_LAG: Final = timedelta(minutes=30)
"""Amazon's order reports may lag so much behind its orders."""
_TELLING: Final = ("UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED")
"""What a report says of pending orders is too little to compare."""

_TO_SHIP: Final = ("unshipped", "partially_shipped")


def plan(work: Work, state: AccountState) -> None:
    """After a run that was through: post the account's reconciliation, if its day is over."""
    last = state.reconciled_at
    if last is not None and work.now - last < EVERY:
        return
    if last is None:  # nothing to compare yet but what the first run has just read
        state.reconciled_at = work.now
        return
    new_week = last.isocalendar()[:2] != work.now.isocalendar()[:2]
    due = ImportDue(account_id=state.account_id, reason="reconciliation", days=WEEKLY_DAYS if new_week else DAILY_DAYS)
    work.post(due, name=f"reconciliation:{state.account_id}")
    state.reconciled_at = work.now


def open_reconciliation(work: Work, account: ConnectedAccount, event: ImportDue) -> ReportProgress:
    """The run over the event's days, as far as reports are sure to tell all."""
    until = work.now - _LAG
    since = until - timedelta(days=event.days or DAILY_DAYS)
    found = spans(since, until, account.marketplace_ids)
    return ReportProgress(
        kind="reconciliation",
        account_id=account.account_id,
        started_at=work.now,
        updated_after=since,
        updated_before=until,
        report_type=ORDERS_BY_LAST_UPDATE,
        spans=found,
        spans_total=len(found),
    )


def compare_chunk(
    work: Work, account: ConnectedAccount, progress: ReportProgress, found: list[ReportOrder]
) -> ReportProgress:
    """Note the orders that are missing here, or stand differently."""
    state = runs.state_of(work, account.account_id)
    since = imported_from(account, state)
    ids = [order.order_id for order in found]
    rows = {row.order_id: row for row in work.session.scalars(select(OrderRow).where(OrderRow.order_id.in_(ids)))}
    lacking = set() if stands(work, account.account_id, (ROLE_MISSING,)) else _without_address(work, rows.values())
    skipped = skipped_orders.still_skipped(work, account, set(ids) - rows.keys())
    lines, to_fetch = [], []
    for order in found:
        row = rows.get(order.order_id)
        reason = _why_not_ours(account, order, since) if row is None else None
        if reason is None and order.order_id in skipped:
            reason = "program_skipped"
        if reason is not None:
            lines.append(
                RunLine(order_id=order.order_id, did="skipped", marketplace_id=order.marketplace_id, reason=reason)
            )
        elif _differs(row, order, state.cursor) or order.order_id in lacking:
            to_fetch.append(order.order_id)
        else:
            lines.append(RunLine(order_id=order.order_id, did="unchanged"))
    runs.add_lines(work, progress.run_id, lines)
    fetch = tuple(dict.fromkeys((*progress.to_fetch, *to_fetch)))
    return progress.counted(lines).model_copy(update={"to_fetch": fetch})


def _without_address(work: Work, rows: Iterable[OrderRow]) -> set[str]:
    """The orders that await the merchant's shipment, and came without personal data."""
    awaiting = {row.order_id for row in rows if row.fulfilled_by == "merchant" and row.amazon_status in _TO_SHIP}
    kept = select(PersonalDataRow.order_id).where(PersonalDataRow.order_id.in_(awaiting))
    return awaiting.difference(work.session.scalars(kept))


def _why_not_ours(account: ConnectedAccount, order: ReportOrder, since: datetime | None) -> str | None:
    try:
        return why_skipped(account, document_from_report(account, order), since)
    except (ValueError, ArithmeticError):
        return None  # what the report garbles is looked at itself


def _differs(row: OrderRow | None, order: ReportOrder, cursor: datetime | None) -> bool:
    """Whether the report knows something that the search should have shown: presence, status, quantities."""
    updated_at = order.updated_at or order.placed_at
    if order.status not in _TELLING or (cursor is not None and updated_at >= cursor):
        return False  # the next search shows it
    if row is None:
        return True
    if row.amazon_updated_at > updated_at:
        return False  # ours is newer
    if row.amazon_status != order.status.lower():
        return True
    if order.status == "CANCELLED" or order.may_lack_items:
        return False  # a cancelled item's quantity is told as 0 or not at all
    document = OrderDocument.model_validate_json(row.document)
    return sum(line.quantity for line in document.lines) < order.quantity
