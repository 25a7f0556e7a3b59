"""Transactions, what counts as an outage, and the time that the database tells."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from orderbridge.clock import DatabaseClock, HostClock
from orderbridge.database import engine
from orderbridge.database.engine import LONGEST_IDLE, connect_unpooled, database_time, is_outage, measure_time
from orderbridge.database.models import Lease, Slot
from orderbridge.database.unit_of_work import Database, TransactionOpen, refuse_open_transaction
from tests.parts.databases import aged, post
from tests.parts.hand_clock import START
from tests.parts.patience import PATIENCE
from tests.parts.postgres import Postgres
from tests.parts.process import wait_until

_IDLE = "idle_in_transaction_session_timeout"


def test_a_network_call_is_refused_while_a_transaction_is_open(database: Database) -> None:
    refuse_open_transaction()
    with database.unit_of_work() as work:
        refuse_open_transaction()  # nothing was asked of the database yet
        work.post(aged("A"))
        with pytest.raises(TransactionOpen):
            refuse_open_transaction()
        work.commit()
        refuse_open_transaction()
        work.session.execute(select(Slot))
        with pytest.raises(TransactionOpen):
            refuse_open_transaction()
    refuse_open_transaction()


def test_an_inner_commit_does_not_hide_an_outer_transaction(database: Database) -> None:
    if database.is_sqlite:
        return  # one writer: a second unit of work inside of one would wait for ever
    with database.unit_of_work() as outer:
        outer.post(aged("A"))
        with database.unit_of_work() as inner:
            inner.post(aged("B"))
            inner.commit()
            with pytest.raises(TransactionOpen):
                refuse_open_transaction()


def test_another_threads_transaction_is_its_own(database: Database) -> None:
    with database.unit_of_work() as work, ThreadPoolExecutor(1) as pool:
        work.post(aged("A"))
        pool.submit(refuse_open_transaction).result(20 * PATIENCE)


def test_a_failed_unit_of_work_leaves_no_transaction_behind(database: Database) -> None:
    def fail() -> None:
        with database.unit_of_work() as work:
            work.post(aged("A"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    refuse_open_transaction()
    post(database, aged("B"))


def test_ours_takes_the_place_of_no_options_in_the_url(postgres_url: str) -> None:
    database = Database(f"{postgres_url}?options=-c%20application_name%3Dmine")
    with database.unit_of_work() as work:
        shown = [work.session.execute(text(f"SHOW {name}")).scalar_one() for name in ("application_name", _IDLE)]
    database.close()
    assert shown == ["mine", f"{LONGEST_IDLE}s"]


def test_a_file_that_is_no_database_fails_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"no database at all" * 100)
    began = time.monotonic()
    with pytest.raises(DBAPIError, match="not a database"):
        Database(f"sqlite:///{tmp_path / 'file'}").engine.connect()
    assert time.monotonic() - began < 20 * PATIENCE


def test_writers_wait_for_their_turn(database: Database) -> None:
    """Reading first and writing later fails in SQLite's WAL mode, unless the writer's lock comes first."""
    with database.unit_of_work() as work:
        work.session.add(Lease(name="counter", holder="0", until=START))
    all_ready = threading.Barrier(6)

    def count_up(_: int) -> None:
        all_ready.wait(20 * PATIENCE)
        for _ in range(10):
            with database.unit_of_work() as work:
                row = work.session.scalars(select(Lease).with_for_update()).one()
                row.holder = str(int(row.holder) + 1)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(count_up, range(6)))
    with database.unit_of_work() as work:
        assert work.session.scalars(select(Lease)).one().holder == "60"


def test_moments_are_the_same_on_both(database: Database) -> None:
    given = datetime.fromisoformat("2026-11-24T10:00:00.123456+01:00")
    with database.unit_of_work() as work:
        work.session.add(Lease(name="a", holder="a", until=given))
    with database.unit_of_work() as work:
        read = work.session.scalars(select(Lease.until)).one()
        microsecond = timedelta(microseconds=1)
        for moment, found in ((given, 1), (given.astimezone(UTC), 1), (given - microsecond, 0)):
            assert len(work.session.scalars(select(Lease).where(Lease.until <= moment)).all()) == found
    assert read == given
    assert read.tzinfo == UTC


def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    naive = START.replace(tzinfo=None)
    with database.unit_of_work() as work, pytest.raises(Exception, match="without a time zone"):
        work.session.execute(select(Lease).where(Lease.until <= naive))


def test_a_broken_rule_is_no_outage(database: Database) -> None:
    with database.unit_of_work() as work:
        work.session.add_all([Lease(name="a", holder="a", until=START), Slot(account_id="a", starts_at=START)])
    with database.unit_of_work() as work:
        with pytest.raises(IntegrityError) as caught:
            work.session.execute(work.insert(Lease).values(name="a", holder="b", until=START))
        assert not is_outage(caught.value)
        work.session.rollback()
    assert not is_outage(ValueError())


def test_a_deadlock_is_an_outage(migrated_postgres: Database) -> None:
    """Neither of the two did anything wrong: the one that PostgreSQL chose tries again."""
    database = migrated_postgres
    with database.unit_of_work() as work:
        work.session.merge(Lease(name="x", holder="a", until=START))
        work.session.merge(Lease(name="y", holder="a", until=START))
    both = threading.Barrier(2)

    def lock(first: str, second: str) -> BaseException | None:
        try:
            with database.unit_of_work() as work:
                work.session.execute(text("SET LOCAL deadlock_timeout = '50ms'"))
                work.session.scalars(select(Lease).where(Lease.name == first).with_for_update()).one()
                both.wait(20 * PATIENCE)
                work.session.scalars(select(Lease).where(Lease.name == second).with_for_update()).one()
        except DBAPIError as error:
            return error
        return None

    with ThreadPoolExecutor(2) as pool:
        results = [
            future.result(20 * PATIENCE) for future in (pool.submit(lock, "x", "y"), pool.submit(lock, "y", "x"))
        ]
    errors = [error for error in results if error is not None]
    assert len(errors) == 1
    assert is_outage(errors[0])


def test_a_server_that_went_away_is_an_outage(own_postgres: Postgres) -> None:
    database = Database(own_postgres.new_database())

    def ask() -> object:
        with database.unit_of_work() as work:
            return work.session.execute(text("SELECT 1")).scalar_one()

    assert ask() == 1
    before = database.clock.now()
    own_postgres.stop(kill=True)
    for _ in range(2):  # the connection that was open, then a new one
        with pytest.raises(DBAPIError) as caught:
            ask()
        assert is_outage(caught.value)
    assert database.clock.now() > before
    own_postgres.start()
    assert ask() == 1
    database.close()


def test_a_locked_sqlite_is_an_outage(migrated_sqlite: Database) -> None:
    with migrated_sqlite.unit_of_work() as work:
        work.post(aged("A"))
        other = Database(str(migrated_sqlite.engine.url))
        with other.engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA busy_timeout = 10")
            with pytest.raises(OperationalError, match="locked") as caught:
                connection.execute(select(Slot))
        other.close()
    assert is_outage(caught.value)


def test_postgres_tells_the_time_and_sqlite_takes_the_hosts(postgres_url: str, sqlite_url: str) -> None:
    on_postgres, on_sqlite = Database(postgres_url), Database(sqlite_url)
    assert isinstance(on_postgres.clock, DatabaseClock)
    assert isinstance(on_sqlite.clock, HostClock)
    assert abs(on_postgres.clock.now() - database_time(on_postgres.engine)) < timedelta(seconds=1)
    on_postgres.close()
    on_sqlite.close()


def test_how_long_a_connection_takes_to_open_does_not_put_the_clock_wrong(postgres_url: str) -> None:
    slow, quick = connect_unpooled(postgres_url), connect_unpooled(postgres_url)
    event.listen(slow, "do_connect", lambda *_: time.sleep(0.5))

    def wrong_by() -> timedelta:
        return abs(DatabaseClock(lambda: measure_time(slow)).now() - database_time(quick))

    # On a busy machine any one may take longer; with the way to a connection in it, each would be wrong by 0.25 s.
    assert min(wrong_by() for _ in range(5)) < timedelta(seconds=0.2)


def test_a_connection_is_replaced_after_a_while(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's process behind one that lives for days takes ever more memory."""

    def serving(database: Database) -> int:
        with database.unit_of_work() as work:
            return int(work.session.execute(text("SELECT pg_backend_pid()")).scalar_one())

    with closing(Database(postgres_url)) as database:
        assert serving(database) == serving(database)
    monkeypatch.setattr(engine, "CONNECTION_LIVES", 0.05)
    with closing(Database(postgres_url)) as database:
        first = serving(database)
        wait_until(lambda: serving(database) != first, seconds=10, what="another process serves", interval=0.1)
