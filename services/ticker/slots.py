"""Plans the import slots, and the nightly sweep: one row per account and slot start.

A slot that was missed is caught up once, not often.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select

from orderbridge.accounts import connected_accounts
from orderbridge.database.models import Slot
from orderbridge.database.unit_of_work import Database
from schemas.imports import ImportDue
from schemas.privacy import SweepDue

SWEEP_AT: Final = timedelta(hours=3)
"""Of the day, UTC: the hour at which the sweep begins."""
_DAY = timedelta(days=1)
_SWEEP = "(sweep)"
_CLOCKS = timedelta(minutes=1)
"""Two tickers' clocks differ by less: a slot that one has just planned does not lie ahead of the other."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def slot_start(now: datetime, every: timedelta) -> datetime:
    """The start of the slot that `now` lies in."""
    return now - (now - _EPOCH) % every


def plan_slots(database: Database) -> int:
    """Post `import.due` for every account whose current slot is not planned yet. Returns how many were.

    Only the current slot is looked at: however many were missed while no ticker ran, one import catches up. After the
    clock was set back, slots that seem to lie ahead are forgotten: else there were none until it is where it was.
    """
    planned = 0
    with database.unit_of_work() as work:
        now = work.now
        # Asked once for all: this is done every second, and with a thousand accounts hardly ever one is missing.
        lately = select(Slot.account_id, Slot.starts_at).where(Slot.starts_at > now - _DAY)
        known = {(account_id, starts_at) for account_id, starts_at in work.session.execute(lately)}
        ahead = {account_id for account_id, starts_at in known if starts_at > now + _CLOCKS}
        for account in connected_accounts(work):
            if not account.settings.enabled:
                continue
            start = slot_start(now, timedelta(minutes=account.settings.import_every_minutes))
            if account.account_id in ahead:
                mine = (Slot.account_id == account.account_id) & (Slot.starts_at >= start)
                work.session.execute(delete(Slot).where(mine))
            elif (account.account_id, start) in known:
                continue
            row = work.insert(Slot).values(account_id=account.account_id, starts_at=start)
            if work.session.execute(row.on_conflict_do_nothing().returning(Slot.account_id)).first():
                work.post(ImportDue(account_id=account.account_id, reason="slot"))
                planned += 1
    return planned


def plan_sweep(database: Database) -> bool:
    """Post `sweep.due` if this night's is not planned yet; true if it was posted now.

    After the clock was set back, nights that seem to lie ahead are forgotten, and it is swept at once: what is alive
    by the clock may have been dead before.
    """
    with database.unit_of_work() as work:
        night = slot_start(work.now - SWEEP_AT, _DAY)
        newest = work.session.scalar(select(func.max(Slot.starts_at)).where(Slot.account_id == _SWEEP))
        if newest == night:
            return False
        if newest is not None and newest > night:
            work.session.execute(delete(Slot).where(Slot.account_id == _SWEEP, Slot.starts_at >= night))
        row = work.insert(Slot).values(account_id=_SWEEP, starts_at=night).on_conflict_do_nothing()
        if work.session.execute(row.returning(Slot.account_id)).first() is None:
            return False  # another ticker came first
        work.post(SweepDue(), name="sweep")
    return True
