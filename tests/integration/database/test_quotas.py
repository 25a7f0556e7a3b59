"""Reserving calls: GCRA is a token bucket, follows Amazon's answers, and its breaker spares a network that is down."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderbridge.database import endpoints, quotas
from orderbridge.database.quotas import CLOSED_FOR, LONGEST_PAUSE
from orderbridge.database.unit_of_work import Database
from tests.parts import at_once
from tests.parts.databases import migrated
from tests.parts.hand_clock import START, HandClock
from tests.parts.token_bucket import TokenBucket

MICROSECOND = timedelta(microseconds=1)
on_the_database = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class Caller:
    """One account's calls of one operation."""

    def __init__(self, database: Database, *, rate: float, burst: int) -> None:
        self.database = database
        self.account_id = uuid.uuid4().hex
        self.rate = rate
        self.burst = burst

    def reserve(self) -> datetime | None:
        with self.database.unit_of_work() as work:
            return quotas.reserve(work, self.account_id, "getOrder", rate_per_second=self.rate, burst=self.burst)

    def reserve_all(self) -> int:
        """How many calls fit now."""
        count = 0
        while self.reserve() is None:
            count += 1
            assert count < 1000
        return count

    def answered(self, rate: float | None = None) -> None:
        with self.database.unit_of_work() as work:
            quotas.answered(work, self.account_id, "getOrder", rate)

    def throttled(self) -> datetime:
        with self.database.unit_of_work() as work:
            return quotas.throttled(work, self.account_id, "getOrder")

    def faulted(self) -> datetime:
        with self.database.unit_of_work() as work:
            return quotas.faulted(work, self.account_id, "getOrder")


steps = st.lists(st.integers(0, 3_000_000) | st.just(0), min_size=1, max_size=25)


@on_the_database
@given(st.integers(1, 5_000_000), st.integers(2, 6), steps)
def test_it_is_a_token_bucket(
    database: Database, clock: HandClock, interval_us: int, burst: int, pauses_us: list[int]
) -> None:
    """With room for one call less than Amazon's burst, to the microsecond, and the moment it names is the first."""
    caller = Caller(database, rate=1_000_000 / interval_us, burst=burst)
    bucket = TokenBucket(interval_us, burst - 1)
    now_us = 0
    for pause in pauses_us:
        clock.advance(microseconds=pause)
        now_us += pause
        expected = bucket.take(now_us)
        again_at = caller.reserve()
        assert (again_at is None) == expected
        if again_at is not None:
            assert again_at - clock.now() == max(timedelta(milliseconds=1), bucket.us_until_the_next() * MICROSECOND)


@on_the_database
@given(st.integers(0, 10**15), st.integers(1_000, 10**9))
def test_at_the_moment_it_names_a_call_fits(
    database: Database, clock: HandClock, later_us: int, interval_us: int
) -> None:
    clock.advance(microseconds=later_us)
    caller = Caller(database, rate=1_000_000 / interval_us, burst=2)
    assert caller.reserve() is None
    again_at = caller.reserve()
    assert again_at is not None
    clock.advance(seconds=(again_at - clock.now()).total_seconds())
    clock.advance(microseconds=(again_at - clock.now()) // MICROSECOND)
    assert clock.now() == again_at
    assert caller.reserve() is None


def test_amazons_figures(database: Database, clock: HandClock) -> None:
    """searchOrders: 0.0056 calls a second, burst 20; one less is ours."""
    caller = Caller(database, rate=0.0056, burst=20)
    assert caller.reserve_all() == 19
    again_at = caller.reserve()
    assert again_at is not None
    assert again_at - clock.now() == timedelta(microseconds=178_571_429)
    clock.advance(hours=1)
    assert caller.reserve_all() == 19  # 3600 s / 178.6 s = 20.2: full again, not fuller


def test_a_burst_of_one_stays_one(database: Database) -> None:
    assert Caller(database, rate=1, burst=1).reserve_all() == 1


def test_accounts_and_operations_have_their_own(database: Database) -> None:
    assert Caller(database, rate=1, burst=3).reserve_all() == 2
    caller = Caller(database, rate=1, burst=3)
    assert caller.reserve_all() == 2
    with database.unit_of_work() as work:
        assert quotas.reserve(work, caller.account_id, "searchOrders", rate_per_second=1, burst=3) is None


def test_a_restart_does_not_forget(database_url: str) -> None:
    clock = HandClock()
    with migrated(database_url, clock) as first:
        caller = Caller(first, rate=0.01, burst=4)
        assert caller.reserve_all() == 3
    with migrated(database_url, clock) as second:
        caller.database = second
        assert caller.reserve_all() == 0


def test_what_is_rolled_back_was_not_reserved(database: Database) -> None:
    caller = Caller(database, rate=0.01, burst=4)
    caller.reserve()
    with database.unit_of_work() as work:
        quotas.reserve(work, caller.account_id, "getOrder", rate_per_second=0.01, burst=4)
        work.session.rollback()
    assert caller.reserve_all() == 2


@pytest.mark.parametrize(("named", "wait_s"), [(2.0, 0.5), (0.5, 2.0), (1.0, 1.0), (0.0001, 10_000.0)])
def test_the_rate_amazon_names_is_taken_over(database: Database, clock: HandClock, named: float, wait_s: float) -> None:
    """What is used up is scaled along: an empty bucket is empty at any rate, and fills at the new one."""
    caller = Caller(database, rate=1.0, burst=11)
    assert caller.reserve_all() == 10
    caller.answered(named)
    again_at = caller.reserve()
    assert again_at is not None
    assert again_at - clock.now() == timedelta(seconds=wait_s)
    clock.advance(seconds=4 * wait_s)
    assert caller.reserve_all() == 4
    clock.advance(seconds=100 * wait_s)
    assert caller.reserve_all() == 10


def test_a_half_used_bucket_is_half_used_at_the_new_rate(database: Database) -> None:
    caller = Caller(database, rate=1.0, burst=11)
    for _ in range(5):
        assert caller.reserve() is None
    caller.answered(0.1)
    assert caller.reserve_all() == 5


def test_a_full_bucket_is_taken_over_at_the_slowest_rate_that_is_believed(database: Database) -> None:
    caller = Caller(database, rate=0.001, burst=40)
    caller.reserve_all()
    caller.answered(0.001)  # the product of what is used and the interval has more than 63 bits
    assert caller.reserve() is not None


@pytest.mark.parametrize("rate", [None, 0.0])
def test_an_answer_without_a_rate_changes_nothing(database: Database, rate: float | None) -> None:
    caller = Caller(database, rate=1.0, burst=6)
    caller.reserve()
    caller.answered(rate)
    assert caller.reserve_all() == 4


def test_throttled_the_bucket_is_empty(database: Database, clock: HandClock) -> None:
    caller = Caller(database, rate=0.5, burst=6)
    assert caller.reserve() is None
    again_at = caller.throttled()
    assert again_at == START + timedelta(seconds=2)
    assert caller.reserve() == again_at
    clock.advance(seconds=2)
    assert caller.reserve_all() == 1
    clock.advance(seconds=100)
    assert caller.reserve_all() == 5


def test_three_faults_in_a_row_close_the_breaker_and_one_probe_opens_it(database: Database, clock: HandClock) -> None:
    caller = Caller(database, rate=1, burst=30)
    again = []
    for _ in range(3):
        assert caller.reserve() is None
        again.append(caller.faulted() - clock.now())
    assert again == [timedelta(seconds=2), timedelta(seconds=4), CLOSED_FOR]
    closed_until = clock.now() + CLOSED_FOR
    assert caller.reserve() == closed_until
    clock.advance(seconds=CLOSED_FOR.total_seconds())
    assert caller.reserve() is None  # the probe
    assert caller.reserve() == clock.now() + CLOSED_FOR  # and nobody beside it
    caller.answered()
    assert caller.reserve_all() == 28


def test_a_probe_that_fails_closes_it_again(database: Database, clock: HandClock) -> None:
    caller = Caller(database, rate=1, burst=30)
    for _ in range(3):
        caller.reserve()
        caller.faulted()
    waits = [CLOSED_FOR]
    for _ in range(6):
        clock.advance(seconds=waits[-1].total_seconds())
        assert caller.reserve() is None
        again_at = caller.faulted()
        assert caller.reserve() == again_at
        waits.append(again_at - clock.now())
    assert [wait.total_seconds() for wait in waits] == [30, 60, 120, 240, 300, 300, 300]


def test_a_paused_account_is_probed_once_for_each_operation(database: Database, clock: HandClock) -> None:
    caller, other = Caller(database, rate=1, burst=30), Caller(database, rate=1, burst=30)
    assert caller.reserve() is None
    until = clock.now() + timedelta(minutes=15)
    with database.unit_of_work() as work:
        quotas.pause(work, caller.account_id, until)
    assert (caller.reserve(), other.reserve()) == (until, None)
    clock.advance(seconds=900)
    assert caller.reserve() is None
    assert caller.reserve() == clock.now() + CLOSED_FOR
    with database.unit_of_work() as work:
        quotas.reopen(work, caller.account_id)
    assert caller.reserve() is None


def test_a_probe_that_dies_is_followed_by_another(database: Database, clock: HandClock) -> None:
    caller = Caller(database, rate=1, burst=30)
    for _ in range(3):
        caller.reserve()
        caller.faulted()
    clock.advance(seconds=30)
    assert caller.reserve() is None  # its process is killed: nobody tells how it went
    clock.advance(seconds=30)
    assert caller.reserve() is None


def test_a_probe_that_is_throttled_opens_it(database: Database, clock: HandClock) -> None:
    """429 is an answer: the network is there."""
    caller = Caller(database, rate=1, burst=10)
    for _ in range(3):
        caller.reserve()
        caller.faulted()
    clock.advance(seconds=30)
    assert caller.reserve() is None
    again_at = caller.throttled()
    assert again_at == clock.now() + timedelta(seconds=1)
    clock.advance(seconds=1)
    assert caller.reserve() is None


def test_an_answer_between_faults_starts_the_count_again(database: Database) -> None:
    caller = Caller(database, rate=1, burst=30)
    for _ in range(5):
        for _ in range(2):
            assert caller.reserve() is None
            caller.faulted()
        caller.answered()
    assert caller.reserve() is None


def test_after_a_clock_was_set_back_the_next_call_waits_for_one_interval(database: Database, clock: HandClock) -> None:
    """And not until the clock is where it was: the bucket counts as empty, which Amazon's is at worst."""
    caller = Caller(database, rate=0.5, burst=6)
    clock.advance(hours=6)
    caller.reserve()
    clock.advance(hours=-6)
    again_at = clock.now() + timedelta(seconds=2)
    assert next_call_at(caller) == again_at
    assert caller.reserve() == again_at
    clock.advance(seconds=2)
    assert caller.reserve_all() == 1
    clock.advance(seconds=8)
    assert caller.reserve_all() == 4


def test_a_clock_that_is_a_little_behind_another_gives_nothing_back(database: Database, clock: HandClock) -> None:
    caller = Caller(database, rate=0.5, burst=6)
    assert caller.reserve_all() == 5
    clock.advance(minutes=-9)
    again_at = START + timedelta(seconds=2)
    assert (caller.reserve(), next_call_at(caller)) == (again_at, again_at)


def test_a_breaker_is_closed_no_longer_by_a_clock_that_was_set_back(database: Database, clock: HandClock) -> None:
    caller = Caller(database, rate=1, burst=30)
    api_url = "https://api.example"
    caller.reserve()
    clock.advance(hours=6)
    with database.unit_of_work() as work:
        quotas.pause(work, caller.account_id, work.now + LONGEST_PAUSE)
        for _ in range(3):
            endpoints.timed_out(work, api_url)
    clock.advance(hours=-6)
    assert next_call_at(caller) == clock.now()
    assert caller.reserve() is None  # a probe
    assert caller.reserve() == clock.now() + CLOSED_FOR
    with database.unit_of_work() as work:
        assert endpoints.hangs_until(work, api_url) == work.now
        again_at = endpoints.take_probe(work, api_url)
        assert again_at == work.now + timedelta(milliseconds=1)  # its bucket counts as empty
    clock.advance(milliseconds=1)
    with database.unit_of_work() as work:
        assert endpoints.take_probe(work, api_url) is None
        assert endpoints.take_probe(work, api_url) == work.now + CLOSED_FOR


def next_call_at(caller: Caller) -> datetime:
    with caller.database.unit_of_work() as work:
        return quotas.next_call_at(work, caller.account_id, "getOrder")


def test_processes_at_once_get_no_more_than_the_burst(database_url: str) -> None:
    with migrated(database_url):
        got = at_once.in_processes(at_once.reserve_calls, [(database_url, 5)] * 8)
    assert sum(got) == 10
