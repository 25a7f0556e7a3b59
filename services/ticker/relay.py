"""The relay: publishes what is due from the outbox, in order per key, and marks it after the broker's answer.

One relay is active at a time, by a lease. After a takeover events may repeat, with the same id; none is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic, time_ns

import structlog
from sqlalchemy import ColumnElement, Select, case, func, select, tuple_, update

from orderbridge import tracing
from orderbridge.bus.envelope import binary_message
from orderbridge.bus.publisher import Outgoing
from orderbridge.database import leases
from orderbridge.database.models import OutboxRow
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.telemetry import PUBLISH_FAILURES, PUBLISHED

log = structlog.get_logger()
LEASE = "relay"
LEASE_SECONDS = 5.0
BATCH = 100
"""Dead letters of a megabyte among them: so many are in memory at once."""
SHARE = 5
"""So many of what was planned in masses for one moment go with a batch: who reads them is free for others between."""
HELD_BACK = timedelta(seconds=2)
"""How long a key waits after the broker has refused one of its events."""
LOCKED = timedelta(milliseconds=100)
"""How long a key waits whose event is just being replaced: a transaction lasts some milliseconds."""
LATE = timedelta(days=1)
"""What is published again later than this after it was due counts as published when it was due. What each start of the
embedded broker has published again would else begin its days anew: those until it goes (prune.py), and those in which
a store's events are published again (republish.py)."""
AGAIN = "again:"
"""Begins the name of what is published again."""
AHEAD = timedelta(seconds=5)
"""How far the clock of whoever posted an event may be ahead of ours."""

Publish = Callable[[Iterable[Outgoing]], dict[str, Exception | None]]
Key = tuple[str, str]


@dataclass(frozen=True)
class Tick:
    """What one tick did: how many events it published, whether more are due, and when the next will be."""

    active: bool
    published: int = 0
    more: bool = False
    next_due: datetime | None = None


class Relay:
    """Publishes due events with `publish`, while it holds the lease as `holder`."""

    def __init__(self, database: Database, publish: Publish, holder: str) -> None:
        self._database = database
        self._publish = publish
        self._holder = holder
        self._held_back: dict[Key, datetime] = {}
        self._lease_ends = 0.0  # by time.monotonic(), which goes on while the process is stopped

    def tick(self) -> Tick:
        """Publish one batch of what is due. Raises what the database raises if it is away."""
        began = monotonic()
        with self._database.unit_of_work() as work:
            lease_ends = self._take_lease(work, began)
            if lease_ends is None:
                return Tick(active=False)
            work.read_in_index_order()
            now = work.now
            self._held_back = {key: until for key, until in self._held_back.items() if until > now}
            rows, more_due = self._rows(work, now)
            next_due = work.session.execute(
                select(func.min(OutboxRow.due_at)).where(OutboxRow.published_at.is_(None), OutboxRow.due_at > now)
            ).scalar_one()
        self._lease_ends = lease_ends
        published, left = self._publish_in_order(sorted(rows, key=lambda row: row.position))
        self._mark(published)
        soonest = min((moment for moment in (next_due, *self._held_back.values()) if moment), default=None)
        more = bool(left) or (more_due and bool(published))
        return Tick(True, len(published), more=more, next_due=soonest)

    def end(self) -> None:
        """Give the lease back: another relay goes on at once."""
        with self._database.unit_of_work() as work:
            leases.release(work, LEASE, self._holder)

    def _take_lease(self, work: Work, began: float) -> float | None:
        """When our lease ends, or None while another holds it.

        It is renewed in its second half only: on SQLite each write wakes the ticker, which would never rest.
        """
        if began < self._lease_ends - LEASE_SECONDS / 2 and leases.holds(work, LEASE, self._holder):
            return self._lease_ends
        taken = leases.take(work, LEASE, self._holder, timedelta(seconds=LEASE_SECONDS))
        return began + LEASE_SECONDS if taken else None

    def _rows(self, work: Work, now: datetime) -> tuple[list[OutboxRow], bool]:
        """A batch of what is due, the oldest first, and whether there may be more.

        Where masses of one topic are due since one moment, what came due since on other topics has most of the batch,
        or imports and answers to the store would wait for all of them. What was planned for that moment (a night's
        redactions) goes in small steps besides, since an import waits for its readers too; a burst of now (a page of
        orders) fills the batch.
        """
        due = _due(now, list(self._held_back))
        rows = list(work.session.scalars(due))
        if len(rows) < BATCH or len({(row.topic, row.due_at) for row in rows}) > 1:
            return rows, len(rows) == BATCH
        since = (OutboxRow.due_at > rows[0].due_at, OutboxRow.topic != rows[0].topic)
        later = work.session.scalars(due.where(*since).limit(BATCH - SHARE)).all()
        planned = rows[0].due_at > rows[0].posted_at
        return [*rows[: SHARE if planned else BATCH - len(later)], *later], True

    def _publish_in_order(self, rows: list[OutboxRow]) -> tuple[list[OutboxRow], list[OutboxRow]]:
        """Publish in waves of at most one event a key, so that a failed one holds back the later ones of its key.

        No wave begins after the lease's end: stopped in between (SIGSTOP), we may have been replaced. Returns what was
        published and what was not tried.
        """
        published: list[OutboxRow] = []
        waiting = rows
        while waiting and monotonic() < self._lease_ends:
            wave: dict[Key, OutboxRow] = {}
            later: list[OutboxRow] = []
            for row in waiting:
                key = (row.topic, row.key)
                if key in wave:
                    later.append(row)
                else:
                    wave[key] = row
            began_ns = time_ns()
            results = self._publish([_outgoing(row) for row in wave.values()])
            for key, row in wave.items():
                error = results[row.event_id]
                _trace(row, began_ns, error)
                if error is None:
                    published.append(row)
                    PUBLISHED.labels(row.event_type).inc()
                else:
                    self._held_back[key] = self._database.clock.now() + HELD_BACK
                    PUBLISH_FAILURES.labels(row.event_type).inc()
                    log.warning("not published", topic=row.topic, event_id=row.event_id, error=type(error).__name__)
            waiting = [row for row in later if (row.topic, row.key) not in self._held_back]
        return published, waiting

    def _mark(self, rows: list[OutboxRow]) -> None:
        if not rows:
            return
        with self._database.unit_of_work() as work:
            # By event id: a row that was replaced while it was under way (same name, new event) is not marked; nor is
            # one that is being replaced now, or we would wait crosswise with whoever replaces several. It is looked at
            # again a little later, and published again should he take it back.
            keys = {row.event_id: (row.topic, row.key) for row in rows}
            free = select(OutboxRow.position).where(OutboxRow.event_id.in_(keys))
            marked = work.session.scalars(
                update(OutboxRow)
                .where(OutboxRow.position.in_(free.with_for_update(skip_locked=True)))
                .values(published_at=_counts_as_published(work.now))
                .returning(OutboxRow.event_id)
                .execution_options(synchronize_session=False)
            )
            if unmarked := keys.keys() - set(marked):
                there = select(OutboxRow.event_id).where(OutboxRow.event_id.in_(unmarked))
                for event_id in work.session.scalars(there):
                    self._held_back[keys[event_id]] = work.now + LOCKED


def _counts_as_published(now: datetime) -> ColumnElement[datetime]:
    # What was posted for a moment that was over has been due since it was posted.
    due = case((OutboxRow.due_at > OutboxRow.posted_at, OutboxRow.due_at), else_=OutboxRow.posted_at)
    return case((OutboxRow.name.startswith(AGAIN) & (due < now - LATE), due), else_=now)


def _due(now: datetime, held_back: list[Key]) -> Select[OutboxRow]:
    # What was posted for now is due, whatever the clock of its sender said: those clocks differ by milliseconds, and
    # an order's events must not overtake each other. Held-back keys stay out, or enough of them would fill the batch.
    # The bound stands by itself, and not in the OR, so that the rows come from their index, in its order.
    posted_for_now = OutboxRow.due_at == OutboxRow.posted_at
    return (
        select(OutboxRow)
        .where(
            OutboxRow.published_at.is_(None),
            OutboxRow.due_at <= now + AHEAD,
            (OutboxRow.due_at <= now) | posted_for_now,
            tuple_(OutboxRow.topic, OutboxRow.key).not_in(held_back),
        )
        .order_by(OutboxRow.due_at, OutboxRow.position)
        .limit(BATCH)
    )


def _trace(row: OutboxRow, began_ns: int, error: Exception | None) -> None:
    tracing.done(
        f"publish {row.event_type}",
        "PRODUCER",
        {"messaging.system": "kafka", "messaging.destination.name": row.topic, "messaging.message.id": row.event_id},
        parent=row.traceparent,
        began_ns=began_ns,
        error=type(error).__name__ if error else None,
    )


def _outgoing(row: OutboxRow) -> Outgoing:
    headers, value = binary_message(row.event_id, row.event_type, row.key, row.posted_at, row.body, row.traceparent)
    return Outgoing(row.event_id, row.topic, row.key, headers, value)
