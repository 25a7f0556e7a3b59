"""The unit of work: one transaction, and the events it posts.

    with database.unit_of_work() as work:
        work.session.execute(...)
        work.post(event)                                  # now
        work.post(event, at=moment)                       # later
        work.post(event, at=moment, name="due:ORDER")     # replaces an earlier one of that name
        work.withdraw("due:ORDER")

It is committed at the block's end, rolled back if the block raises. A handler that talks to Amazon calls
`work.commit()` before the call (claim and reserve), and goes on in a new transaction after it (outcome).
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Row, bindparam, case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from orderbridge.clock import Clock, DatabaseClock, HostClock
from orderbridge.database import outbox
from orderbridge.database.engine import connect, connect_unpooled, measure_time
from orderbridge.database.models import OrderRow
from orderbridge.tracing import current_traceparent
from schemas.base import Event

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCK_ORDER = (
    select(OrderRow)
    .where(OrderRow.order_id == bindparam("id"))
    .with_for_update()
    .execution_options(populate_existing=True)
)
_COUNTED_UP = (
    update(OrderRow)
    .values(sequence=case((OrderRow.sequence < bindparam("moment"), bindparam("moment")), else_=OrderRow.sequence + 1))
    .execution_options(synchronize_session=False)
)
_COUNT_UP = _COUNTED_UP.where(OrderRow.order_id == bindparam("id")).returning(OrderRow.sequence, OrderRow.document)


class TransactionOpen(RuntimeError):
    """A network call was about to be made while a database transaction is open: a bug in a handler."""


@dataclass(frozen=True)
class Cause:
    """The event a handler is working on: where it came from, and where it stands among its like."""

    event_id: str
    """The CloudEvents id, else `topic/partition/offset` of its first sighting."""
    source: str
    place: str
    """`topic/partition/offset` of its first sighting."""
    rank: str
    """Orders events of one subject: the sender's time, else Kafka's, then the place."""
    first_seen: datetime
    failures: int = 0

    @property
    def said_at(self) -> datetime:
        """When it was said: the time that leads its rank."""
        return _EPOCH + timedelta(microseconds=int(self.rank.partition("/")[0]))


_OTHER_WAYS = ("bitmapscan", "sort")


class Work:
    """A unit of work: session, clock, and the events it posts."""

    def __init__(self, session: Session, clock: Clock, cause: Cause | None = None) -> None:
        self.session = session
        self.clock = clock
        self._cause = cause
        self._dialect = session.get_bind().dialect.name
        self._at_commit: dict[str, tuple[Event, datetime]] = {}
        self._kept: set[object] = set()

    @property
    def now(self) -> datetime:
        """The present moment, by the clock that all services share."""
        return self.clock.now()

    @property
    def cause(self) -> Cause:
        """The event being handled. Raises LookupError outside a handler."""
        if self._cause is None:
            raise LookupError("this unit of work handles no event")
        return self._cause

    def post(self, event: Event, at: datetime | None = None, name: str | None = None) -> str:
        """Publish an event when this transaction has committed, not before `at`. Returns its id.

        With a `name` it takes the place of an unpublished event of that name. A dated event is a hint, never an
        order: its handler looks into the database whether it is really time.
        """
        return self._insert_event(event, at, name, "none" if name is None else "replaced")

    def post_all(self, events: Iterable[Event]) -> None:
        """Like `post`, for many events at once, all for now and without a name."""
        now = self.now
        rows = [self._row(event, now, now, None) for event in events]
        if len(rows) == 1:  # its INSERT announces it as well: a statement fewer
            self.session.connection().execute(outbox.insertion(self._dialect, "none"), rows[0])
        elif rows:
            self.session.connection().execute(outbox.insertion_of_many(self._dialect), rows)
            if self._dialect == "postgresql":
                self.session.connection().execute(outbox.NOTIFY)

    def post_once(self, event: Event, at: datetime, name: str) -> None:
        """Like `post`, but an unpublished event of that name stays as it is.

        Such names are shared by many orders. They are written at the commit, in their order: transactions that share
        some, each with an order's lock that the other wants, would wait for each other crosswise.
        """
        self._at_commit.setdefault(name, (event, at))

    def _insert_event(
        self, event: Event, at: datetime | None, name: str | None, same_name: Literal["none", "replaced", "kept"]
    ) -> str:
        now = self.now
        row = self._row(event, now, at or now, name)
        self.session.connection().execute(outbox.insertion(self._dialect, same_name), row)
        return str(row["event_id"])

    def _row(self, event: Event, now: datetime, at: datetime, name: str | None) -> dict[str, Any]:
        return {
            "event_id": str(uuid.uuid4()),
            "event_type": event.topic(),
            "topic": event.topic(),
            "key": event.key(),
            "body": event.model_dump_json(exclude_none=True),
            "name": name,
            "traceparent": current_traceparent(),
            "posted_at": now,
            "due_at": at,
        }

    def withdraw(self, name: str) -> None:
        """Take back the unpublished event of that name, if there is one."""
        self.session.connection().execute(outbox.WITHDRAW, {"named": name})

    def insert(self, table: type[DeclarativeBase]) -> Any:
        """An INSERT with `on_conflict_do_update` and `on_conflict_do_nothing`, which both our databases have."""
        return (sqlite if self._dialect == "sqlite" else postgresql).insert(table)

    def keep(self, row: object) -> None:
        """Hold a row that is asked for again and again: a session lets go of what nobody holds, and reads it anew."""
        self._kept.add(row)

    def lock_order(self, order_id: str) -> OrderRow | None:
        """The order's row, locked until the transaction ends: events of one order are posted under this lock."""
        return self.session.scalars(_LOCK_ORDER, {"id": order_id}).one_or_none()

    def try_lock(self, name: str) -> bool:
        """Take the lock of that name until the transaction ends, unless another transaction has it.

        On SQLite, whose transactions take turns, it is always free.
        """
        if self._dialect == "sqlite":
            return True
        return bool(self.session.scalar(select(func.pg_try_advisory_xact_lock(func.hashtextextended(name, 0)))))

    def read_in_index_order(self) -> None:
        """Have PostgreSQL read by the index that has the rows in order, for the rest of this transaction.

        Of a table that is a queue it does not know how much of it lies behind, and may gather and sort all that
        matches. That way it never forgets index entries of rows that no longer match, as it does one after the other
        in the order of the index: until the next vacuum each look would cost more than the one before.
        """
        if self._dialect == "postgresql":
            self.session.execute(select(*(func.set_config(f"enable_{way}", "off", True) for way in _OTHER_WAYS)))

    def next_sequence(self, order_id: str) -> Row[int, str] | None:
        """The next `sequence` of the order's one counter, with its `document`; None where there is no such order.

        The number never falls back, not even after a restore. The order is locked as by `lock_order`.
        """
        parameters = {"id": order_id, "moment": int(self.now.timestamp() * 1000)}
        return self.session.connection().execute(_COUNT_UP, parameters).one_or_none()

    def lock_free_orders(self, order_ids: Sequence[str]) -> list[str]:
        """Those of the orders that no other transaction has locked, locked as by `lock_order`."""
        free = select(OrderRow.order_id).where(OrderRow.order_id.in_(order_ids)).with_for_update(skip_locked=True)
        return list(self.session.scalars(free))

    def next_sequences(self, order_ids: Sequence[str]) -> Sequence[Row[str, int, str]]:
        """Like `next_sequence`, for many orders that are locked already: id, sequence and document of each."""
        counted = _COUNTED_UP.where(OrderRow.order_id.in_(order_ids))
        told = counted.returning(OrderRow.order_id, OrderRow.sequence, OrderRow.document)
        return self.session.execute(told, {"moment": int(self.now.timestamp() * 1000)}).all()

    def commit(self) -> None:
        """End the transaction so far. What follows, a network call perhaps, is outside of it."""
        for name, (event, at) in sorted(self._at_commit.items()):
            self._insert_event(event, at, name, "kept")
        self._at_commit.clear()
        self.session.commit()

    def rollback(self) -> None:
        """Take back what was done and posted in the transaction so far."""
        self._at_commit.clear()
        self.session.rollback()


def _database_clock(url: str) -> DatabaseClock:
    engine = connect_unpooled(url)
    return DatabaseClock(lambda: measure_time(engine))


_open_work = threading.local()


def refuse_open_transaction() -> None:
    """Guard before every network call. Raises TransactionOpen if this thread has a transaction open."""
    for work in getattr(_open_work, "stack", ()):
        if work.session.in_transaction():
            raise TransactionOpen("a database transaction is open during a network call: commit the claim first")


class Database:
    """The database of this installation, its clock, and its units of work."""

    def __init__(self, url: str, clock: Clock | None = None, *, pool_size: int = 16) -> None:
        self.engine = connect(url, pool_size=pool_size)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self.clock: Clock = clock or (HostClock() if self.is_sqlite else _database_clock(url))
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def unit_of_work(self, cause: Cause | None = None) -> Iterator[Work]:
        """One transaction: committed at the end of the block, rolled back if it raises."""
        stack = _open_work.__dict__.setdefault("stack", [])
        with self._sessions() as session:
            work = Work(session, self.clock, cause)
            stack.append(work)
            try:
                yield work
                work.commit()
            finally:
                stack.remove(work)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
