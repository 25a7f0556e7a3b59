"""One holder at a time, until a moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from orderbridge.database import leases
from orderbridge.database.engine import is_outage
from orderbridge.database.unit_of_work import Database
from tests.parts.databases import migrated
from tests.parts.hand_clock import HandClock
from tests.parts.patience import PATIENCE

FIVE = timedelta(seconds=5)


def take(database: Database, holder: str, name: str = "relay") -> bool:
    with database.unit_of_work() as work:
        return leases.take(work, name, holder, FIVE)


def holds(database: Database, holder: str, name: str = "relay") -> bool:
    with database.unit_of_work() as work:
        return leases.holds(work, name, holder)


def release(database: Database, holder: str) -> None:
    with database.unit_of_work() as work:
        leases.release(work, "relay", holder)


def test_one_holds_it_until_it_runs_out(database: Database, clock: HandClock) -> None:
    assert take(database, "a")
    assert not take(database, "b")
    clock.advance(seconds=4.999)
    assert not take(database, "b")
    clock.advance(seconds=0.001)
    assert take(database, "b")
    assert not take(database, "a")
    assert (holds(database, "a"), holds(database, "b")) == (False, True)


def test_renewing_prolongs_it(database: Database, clock: HandClock) -> None:
    take(database, "a")
    clock.advance(seconds=4)
    assert take(database, "a")
    clock.advance(seconds=4)
    assert not take(database, "b")
    clock.advance(seconds=1)
    assert take(database, "b")


def test_its_holder_may_take_it_again_after_it_ran_out(database: Database, clock: HandClock) -> None:
    take(database, "a")
    clock.advance(hours=1)
    assert holds(database, "a")  # nobody else has taken it, so nobody else has begun
    assert take(database, "a")
    assert not take(database, "b")


def test_released_it_is_free_at_once(database: Database) -> None:
    take(database, "a")
    release(database, "b")  # not the holder: changes nothing
    assert not take(database, "b")
    release(database, "a")
    assert not holds(database, "a")
    assert take(database, "b")


def test_what_was_taken_before_the_clock_was_set_back_is_free(database: Database, clock: HandClock) -> None:
    """Else nobody would hold it for as long as the clock was ahead: nothing would be published, say."""
    take(database, "a")
    clock.advance(minutes=-9)
    assert not take(database, "b")
    clock.advance(minutes=-2)
    assert take(database, "b")
    assert not take(database, "a")


def test_leases_of_other_names_are_others(database: Database) -> None:
    assert take(database, "a", "import:main")
    assert take(database, "b", "import:other")
    assert not holds(database, "a", "import:other")


@pytest.mark.parametrize("ran_out", [False, True])
def test_of_many_takers_at_once_one_gets_it(database: Database, clock: HandClock, ran_out: bool) -> None:
    if ran_out:
        take(database, "before")
        clock.advance(seconds=6)
    all_ready = threading.Barrier(8)

    def work_on(number: int) -> bool:
        all_ready.wait(20 * PATIENCE)
        return take(database, str(number))

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(work_on, range(8))) == [False] * 7 + [True]


def test_while_it_is_checked_it_cannot_be_taken(database: Database, clock: HandClock) -> None:
    """`holds` locks it: what is written in the same transaction was written by the holder."""
    take(database, "a")
    clock.advance(seconds=6)
    with ThreadPoolExecutor(1) as pool:
        with database.unit_of_work() as work:
            assert leases.holds(work, "relay", "a")
            other = pool.submit(take, database, "b")
            assert not other.done()
            assert leases.take(work, "relay", "a", FIVE)
        assert not other.result(20 * PATIENCE)


@pytest.mark.timeout(60)
def test_a_holder_that_stands_still_in_its_transaction_holds_nobody_up(postgres_url: str) -> None:
    """So does a process that was stopped (SIGSTOP, a paused machine) between two statements: its locks must fall."""
    with migrated(postgres_url) as standing_still, migrated(postgres_url) as other, ThreadPoolExecutor(1) as pool:
        with standing_still.unit_of_work() as work:
            assert leases.take(work, "relay", "a", FIVE)
            assert pool.submit(take, other, "b").result(30 * PATIENCE)
            with pytest.raises(DBAPIError) as caught:
                leases.holds(work, "relay", "a")
            assert is_outage(caught.value)
            work.session.rollback()
        assert holds(standing_still, "b")  # asked on a new connection
