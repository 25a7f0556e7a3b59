"""Plans the import slots: one row per account and slot start. A slot that was missed is caught up once, not often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orderbridge.accounts import connected_accounts
from orderbridge.database.models import Slot
from orderbridge.database.unit_of_work import Database
from schemas.imports import ImportDue

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def slot_start(now: datetime, every: timedelta) -> datetime:
    """The start of the slot that `now` lies in."""
    return now - (now - _EPOCH) % every


def plan_slots(database: Database) -> int:
    """Post `import.due` for every account whose current slot is not planned yet. Returns how many were.

    Only the current slot is looked at: however many were missed while no ticker ran, one import catches up.
    """
    planned = 0
    with database.unit_of_work() as work:
        for account in connected_accounts(work):
            if not account.settings.enabled:
                continue
            start = slot_start(work.now, timedelta(minutes=account.settings.import_every_minutes))
            row = work.insert(Slot).values(account_id=account.account_id, starts_at=start)
            if work.session.execute(row.on_conflict_do_nothing().returning(Slot.account_id)).first():
                work.post(ImportDue(account_id=account.account_id, reason="slot"))
                planned += 1
    return planned
