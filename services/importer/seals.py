"""Looks at seals that are kept: they must die when the account's clock says, and their keys must be in the ring."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import select

from orderbridge.accounts import find_account
from orderbridge.amazon.operations import GET_ORDER
from orderbridge.bus.outcomes import Skipped
from orderbridge.database.models import OrderRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.late_shipments import deadlines, plan_look
from orderbridge.privacy.asking import fetch_name, redact_early, seals_name
from orderbridge.privacy.clock import dies_by_now
from orderbridge.vault.key_ring import KeyRing
from orderbridge.vault.seal import SealExpired, SealRedacted, SealRefused, SealSuperseded, open_seal
from schemas.imports import ImportDue
from schemas.orders import OrderDocument, OrderUpdated
from schemas.privacy import SealDue, SealsDue
from services.importer import personal_data

log = structlog.get_logger()
AT_ONCE: Final = 200
"""Orders looked at in one event: each seal is opened, which takes a fraction of a millisecond."""
_APART = timedelta(seconds=1 / GET_ORDER.rate_per_second)


def look_at_seals(event: SealsDue, work: Work, ring: KeyRing) -> None:
    """Look at the next batch of the account's seals, and post an event for each order that is not as it should be.

    A seal that dies at another moment than the clock says is made anew by `look_at_seal`. An order whose key the ring
    has lost is fetched again from Amazon, one whenever the quota has room for one.
    """
    account = find_account(work, event.account_id)
    if account is None:
        raise Skipped("account_not_connected")
    now = work.now
    alive = (
        select(PersonalDataRow, OrderRow.document)
        .join(OrderRow, OrderRow.order_id == PersonalDataRow.order_id)
        .where(
            OrderRow.account_id == event.account_id,
            PersonalDataRow.redacted_at.is_(None),
            PersonalDataRow.seal.is_not(None),
            PersonalDataRow.order_id > (event.after or ""),
        )
        .order_by(PersonalDataRow.order_id)
        .limit(AT_ONCE)
    )
    rows = work.session.execute(alive.execution_options(populate_existing=True)).all()
    fetch_at, moved, lost = event.fetch_from or now, [], 0
    for row, text in rows:
        planned = ring.moment_for(dies_by_now(work, OrderDocument.model_validate_json(text), account.settings))
        stands = _stands(ring, row, now)
        if stands == "redacted":
            redact_early(work, row.order_id)
            continue
        if planned != row.dies_at or stands == "superseded":
            moved.append(SealDue(order_id=row.order_id, account_id=event.account_id))
        if stands == "lost" and min(planned, row.dies_at) > now:
            due = ImportDue(account_id=event.account_id, reason="order", order_id=row.order_id)
            work.post(due, at=max(fetch_at, now), name=fetch_name(row.order_id))
            fetch_at = max(fetch_at, now) + _APART
            lost += 1
    work.post_all(moved)
    if moved or lost:
        log.info("seals are to be made anew", account=event.account_id, by_the_clock=len(moved), lost=lost)
    if len(rows) == AT_ONCE:
        # Not in the place of one that begins anew: that one is for what has changed since.
        go_on = SealsDue(account_id=event.account_id, after=rows[-1][0].order_id, fetch_from=fetch_at)
        work.post_once(go_on, at=now, name=seals_name(event.account_id))


def look_at_seal(event: SealDue, work: Work, ring: KeyRing) -> None:
    """Seal the order anew if its clock says another moment than its seal, and tell the store."""
    order = work.lock_order(event.order_id)
    kept = work.session.get(PersonalDataRow, event.order_id, populate_existing=True)
    account = find_account(work, order.account_id) if order is not None else None
    if order is None or kept is None or account is None or kept.redacted_at is not None:
        return
    document = OrderDocument.model_validate_json(order.document)
    hours = account.settings.late_warning_hours
    before = deadlines(document, kept.dies_at, hours)
    dies_at = ring.moment_for(dies_by_now(work, document, account.settings))
    moved = personal_data.move(work, ring, account.account_id, kept, dies_at)
    if not moved.changes:
        return  # as it should be, or the redactor tells the store
    told = work.next_sequence(event.order_id)
    assert told is not None  # noqa: S101  (we hold its lock)
    work.post(
        OrderUpdated.from_document(document, sequence=told.sequence, personal_data=moved.state, changes=moved.changes)
    )
    after = deadlines(document, moved.state.dies_at, hours)
    if after and after != before:
        plan_look(work, document, after[0].warn_at)


def _stands(ring: KeyRing, row: PersonalDataRow, now: datetime) -> str:
    """Whether the seal opens: `open`, `dead`, `redacted`, `superseded`, or `lost` if the ring has no such key."""
    try:
        open_seal(ring, row.order_id, row.seal or "", now)
    except SealRedacted:
        return "redacted"
    except SealSuperseded:
        return "superseded"
    except SealExpired:
        return "dead"
    except SealRefused:
        return "lost"
    return "open"
