"""Amazon's rate limits as rows: GCRA, one theoretical arrival time per account and operation.

Reserving a call is one atomic UPDATE, so any number of processes share a limit and a restart does not forget it.
GCRA is the token bucket of ITU-T I.371 Annex A written as one number: with interval T and burst B a call fits while
the arrival time lies less than (B-1)·T ahead. The same row is the circuit breaker: after three network faults in a
row calls are refused for a while, then a single probe opens it again. While probes fail the while grows, up to five
minutes. What a row says that no clock could have said that was right by now (the clock was ahead, and was set back) is
not believed: the bucket is empty then, and the breaker may be tried.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import case, select, update

from orderbridge.database.models import Quota
from orderbridge.database.unit_of_work import Work

_SECOND = 1_000_000
_EPOCH = datetime.fromtimestamp(0, UTC)
FAULTS_TO_CLOSE = 3
CLOSED_FOR = timedelta(seconds=30)
CLOSED_LONGEST = timedelta(minutes=5)
"""How long the breaker stays closed: at first, and at most; each probe that fails doubles it."""
LONGEST_PAUSE = timedelta(minutes=15)
"""How long an account's calls are paused at most."""
_AHEAD = timedelta(minutes=10)
"""As of leases: the clocks of two processes differ by far less."""
_OPEN = {"faults": 0, "closed_until_us": 0}
"""The breaker, once Amazon has answered, whatever it said."""


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(microseconds: int) -> datetime:
    """The moment that a row names."""
    return _EPOCH + timedelta(microseconds=microseconds)


def _in_us(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)


def closed_for(faults: int) -> timedelta:
    """How long the breaker is closed after so many faults in a row."""
    return min(CLOSED_FOR * (1 << min(faults - FAULTS_TO_CLOSE, 10)), CLOSED_LONGEST)


_STEPS = range(FAULTS_TO_CLOSE, FAULTS_TO_CLOSE + 4)
"""The numbers of faults after which the breaker stays closed for other times."""


def reserve(
    work: Work, account_id: str, operation: str, *, rate_per_second: float, burst: int, calls: int = 1
) -> datetime | None:
    """Reserve a call now, or several at once: None if they may be made, else the moment at which they may.

    The rate and burst are Amazon's published ones, used until an answer's `x-amzn-RateLimit-Limit` corrects them.
    Our burst is one less than Amazon's: a call's way takes time, and Amazon counts at its arrival.
    """
    now = _us(work.now)
    mine = (Quota.account_id == account_id) & (Quota.operation == operation)
    arrival = case((Quota.arrival_us > now, Quota.arrival_us), else_=now)
    room = (Quota.burst - calls) * Quota.interval_us
    # As long as after another fault: a probe that dies in its call is followed by another, no sooner.
    steps = [(Quota.faults == faults, now + _in_us(closed_for(faults))) for faults in _STEPS]
    closed = case(*steps, (Quota.faults > _STEPS[-1], now + _in_us(CLOSED_LONGEST)), else_=0)
    taken = (
        update(Quota)
        .where(mine, arrival - now <= room, Quota.closed_until_us <= now)
        .values(arrival_us=arrival + calls * Quota.interval_us, closed_until_us=closed)
        .returning(Quota.arrival_us)
        .execution_options(synchronize_session=False)
    )
    if work.session.execute(taken).first() is not None:
        return None
    row = work.session.get(Quota, (account_id, operation), populate_existing=True)
    if row is not None:
        if _believed(row, now) != (row.arrival_us, row.closed_until_us):
            _correct(work, row, now)
            return reserve(work, account_id, operation, rate_per_second=rate_per_second, burst=burst, calls=calls)
        # Another may have made the row since our UPDATE looked for it: there is room then.
        if _may_call_at(row, now, calls) <= moment(now) and work.session.execute(taken).first() is not None:
            return None
        return max(_may_call_at(row, now, calls), moment(now + 1000))
    new = work.insert(Quota).values(
        account_id=account_id,
        operation=operation,
        interval_us=round(_SECOND / rate_per_second),
        burst=max(burst - 1, 1),
        arrival_us=now,
        faults=0,
        closed_until_us=0,
    )
    work.session.execute(new.on_conflict_do_nothing())
    return reserve(work, account_id, operation, rate_per_second=rate_per_second, burst=burst, calls=calls)


def next_call_at(work: Work, account_id: str, operation: str) -> datetime:
    """When the next call may be made, as far as is known now; nothing is reserved."""
    row = work.session.get(Quota, (account_id, operation), populate_existing=True)
    return work.now if row is None else max(_may_call_at(row, _us(work.now)), work.now)


def calls_left(work: Work, account_id: str, operation: str) -> tuple[int, int] | None:
    """How many calls may be made at once just now, and how many at most; None before the first call."""
    row = work.session.get(Quota, (account_id, operation), populate_existing=True)
    if row is None:
        return None
    now = _us(work.now)
    closed = _believed(row, now)[1] > now
    return (0, row.burst) if closed else (not_used_up(row, work.now), row.burst)


def not_used_up(row: Quota, now: datetime) -> int:
    """How many calls Amazon's limit would take at once, whether the breaker lets them through or not."""
    arrival = _believed(row, _us(now))[0]
    used = -(-max(arrival - _us(now), 0) // row.interval_us)
    return max(row.burst - used, 0)


def closed_until(work: Work, closed_until_us: int) -> datetime:
    """The end of what a row says is closed, as far as it is to be believed."""
    return moment(_believed_end(closed_until_us, _us(work.now)))


def _may_call_at(row: Quota, now: int, calls: int = 1) -> datetime:
    arrival, closed = _believed(row, now)
    return moment(max(closed, arrival - (row.burst - calls) * row.interval_us))


def _believed(row: Quota, now: int) -> tuple[int, int]:
    """Arrival and end of the closure. A bucket is never more than empty: its arrival lies no further than that."""
    empty = now + row.burst * row.interval_us
    arrival = row.arrival_us if row.arrival_us <= empty + _in_us(_AHEAD) else empty
    return arrival, _believed_end(row.closed_until_us, now)


def _believed_end(closed_until_us: int, now: int) -> int:
    return closed_until_us if closed_until_us <= now + _in_us(LONGEST_PAUSE + _AHEAD) else now


def _correct(work: Work, row: Quota, now: int) -> None:
    """Write what is believed in place of what the row says, if it says that still: it is to be so when time goes on."""
    arrival, closed = _believed(row, now)
    said = (Quota.arrival_us == row.arrival_us) & (Quota.closed_until_us == row.closed_until_us)
    mine = (Quota.account_id == row.account_id) & (Quota.operation == row.operation)
    correction = update(Quota).where(mine, said).values(arrival_us=arrival, closed_until_us=closed)
    work.session.execute(correction.execution_options(synchronize_session=False))


def answered(work: Work, account_id: str, operation: str, rate_per_second: float | None) -> None:
    """Amazon answered: the breaker opens, and the rate it named is taken over (what is used up is scaled along)."""
    values: dict[str, object] = dict(_OPEN)
    if rate_per_second:
        now, interval = _us(work.now), round(_SECOND / rate_per_second)
        values["interval_us"] = interval
        used, old = Quota.arrival_us - now, Quota.interval_us
        # In two parts: the product of the whole may have more than the 63 bits of a column.
        scaled = used // old * interval + used % old * interval // old
        values["arrival_us"] = case(
            (Quota.arrival_us > now, now + scaled),
            else_=Quota.arrival_us,
        )
    _write(work, account_id, operation, values)


def throttled(work: Work, account_id: str, operation: str) -> datetime:
    """Amazon said 429: another client has used the bucket. Returns when the next call may be made."""
    now = _us(work.now)
    _write(work, account_id, operation, {"arrival_us": now + Quota.burst * Quota.interval_us, **_OPEN})
    interval = work.session.execute(
        select(Quota.interval_us).where(Quota.account_id == account_id, Quota.operation == operation)
    ).scalar_one()
    return moment(now + interval)


def faulted(work: Work, account_id: str, operation: str) -> datetime:
    """The network failed. After three in a row the breaker closes. Returns when to try again."""
    now = work.now
    _write(work, account_id, operation, {"faults": Quota.faults + 1})
    faults = work.session.execute(
        select(Quota.faults).where(Quota.account_id == account_id, Quota.operation == operation)
    ).scalar_one()
    if faults < FAULTS_TO_CLOSE:
        return now + timedelta(seconds=2**faults)
    until = now + closed_for(faults)
    _write(work, account_id, operation, {"closed_until_us": _us(until)})
    return until


def pause(work: Work, account_id: str, until: datetime) -> None:
    """No calls for this account before a moment, then one probe for each operation."""
    _write_all(work, account_id, {"faults": FAULTS_TO_CLOSE, "closed_until_us": _us(until)})


def reopen(work: Work, account_id: str) -> None:
    """What paused the account's calls is mended: they may go on at once."""
    _write_all(work, account_id, dict(_OPEN))


def _write_all(work: Work, account_id: str, values: dict[str, object]) -> None:
    work.session.execute(
        update(Quota).where(Quota.account_id == account_id).values(values).execution_options(synchronize_session=False)
    )


def _write(work: Work, account_id: str, operation: str, values: dict[str, object]) -> None:
    work.session.execute(
        update(Quota)
        .where(Quota.account_id == account_id, Quota.operation == operation)
        .values(values)
        .execution_options(synchronize_session=False)
    )
