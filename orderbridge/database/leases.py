"""Leases: what one process does at a time, until a moment; a dead holder's lease runs out."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select

from orderbridge.database.models import Lease
from orderbridge.database.unit_of_work import Work

_AHEAD = timedelta(minutes=10)
"""A lease that ends later than this after its duration was taken before the clock was set back: its holder's end would
never come. The clocks of two processes differ by far less, also of one that was stopped for a while."""


def take(work: Work, name: str, holder: str, duration: timedelta) -> bool:
    """Take or renew a lease: False while another holds it."""
    now = work.now
    from_the_future = Lease.until > now + duration + _AHEAD
    statement = work.insert(Lease).values(name=name, holder=holder, until=now + duration)
    statement = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": holder, "until": now + duration},
        where=(Lease.until <= now) | (Lease.holder == holder) | from_the_future,
    ).returning(Lease.name)
    return work.session.execute(statement).first() is not None


def holds(work: Work, name: str, holder: str) -> bool:
    """Whether the lease is still this holder's; locks its row, so that it stays so until the transaction ends."""
    found = work.session.execute(select(Lease.holder).where(Lease.name == name).with_for_update()).scalar_one_or_none()
    return found == holder


def release(work: Work, name: str, holder: str) -> None:
    """Give a lease back before its end."""
    work.session.execute(delete(Lease).where(Lease.name == name, Lease.holder == holder))
