"""Amazon's quotas as a state machine over the real way of a call, by processes that die at any statement, commit, call.

Amazon's token bucket is written apart (`tests/parts/token_bucket.py`). Amazon never says 429 unless another client
ate; whoever wants a call has it while there is a token, and within a bound whoever died. The last tests plant a defect
in the real code, and the machine must find it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from sqlalchemy import update

from orderbridge.amazon import NoAnswer, Unwell
from orderbridge.database import quotas
from orderbridge.database.models import Quota
from orderbridge.database.unit_of_work import Work
from tests.parts.databases import migrated
from tests.parts.installation import installation
from tests.parts.quota_house import ACCOUNTS, APART, API, OPERATIONS, QuotaHouse

PROCESSES = st.integers(0, len(APART) - 1)
KEYS = st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(sorted(OPERATIONS)))


class Quotas(RuleBasedStateMachine):
    """What may happen to calls."""

    house: ClassVar[QuotaHouse]

    def __init__(self) -> None:
        super().__init__()
        self.house.begin()

    @rule(process=PROCESSES, key=KEYS, most=st.integers(1, 20), under_way=st.sampled_from([0, 100, 300]))
    def calls(self, process: int, key: tuple[str, str], most: int, under_way: int) -> None:
        for _ in range(most):
            if self.house.call(process, key, timedelta(milliseconds=under_way)) not in ("done", "failed"):
                return

    @rule(key=KEYS, processes=st.permutations(range(len(APART))), under_way=st.sampled_from([0, 100, 300]))
    def two_call(self, key: tuple[str, str], processes: list[int], under_way: int) -> None:
        first, second, _ = processes
        way = timedelta(milliseconds=under_way)
        self.house.call(first, key, way, lambda: self.house.call(second, key, timedelta(0)))

    @rule(process=PROCESSES, points=st.integers(1, 30))
    def die_at(self, process: int, points: int) -> None:
        self.house.processes[process].crashes.arm(points)

    @rule(process=PROCESSES, key=KEYS, times=st.integers(1, 4), when=st.sampled_from(["before", "after"]))
    def die_in_calls(self, process: int, key: tuple[str, str], times: int, when: Literal["before", "after"]) -> None:
        for _ in range(times):
            self.house.call(process, key, timedelta(0), dies=when)

    @rule(seconds=st.sampled_from([0.25, 0.5, 1, 4, 31, 179, 400, 7200]))
    def wait(self, seconds: float) -> None:
        self.house.pass_time(timedelta(seconds=seconds))

    @rule(key=KEYS, slower=st.sampled_from([1, 2, 4]))
    def amazon_grants_another_rate(self, key: tuple[str, str], slower: int) -> None:
        self.house.amazon[key].next_rate = OPERATIONS[key[1]].rate_per_second / slower

    @rule(key=KEYS, calls=st.integers(1, 20))
    def another_client_eats(self, key: tuple[str, str], calls: int) -> None:
        self.house.eats(key, calls)

    @rule(key=KEYS, kind=st.sampled_from([Unwell, NoAnswer]), count=st.integers(1, 4))
    def amazon_fails(self, key: tuple[str, str], kind: type[NoAnswer | Unwell], count: int) -> None:
        self.house.amazon[key].faults += [kind] * count

    @rule(account=st.sampled_from(ACCOUNTS), connected=st.booleans())
    def a_person(self, account: str, connected: bool) -> None:
        (self.house.connects if connected else self.house.disconnects)(account)

    def teardown(self) -> None:
        self.house.check_all_are_served()


@contextmanager
def housed(url: str, folder: Path) -> Iterator[None]:
    """The house on a new database."""
    with migrated(url):
        pass
    Quotas.house = QuotaHouse(url, installation(folder, url, API))
    try:
        yield
    finally:
        Quotas.house.close()


@pytest.fixture
def house(sqlite_url: str, tmp_path: Path) -> Iterator[None]:
    """The house on SQLite."""
    with housed(sqlite_url, tmp_path):
        yield


@pytest.fixture
def house_on_postgres(postgres_url: str, tmp_path: Path) -> Iterator[None]:
    """The house on PostgreSQL."""
    with housed(postgres_url, tmp_path):
        yield


def play(examples: int, **more: Any) -> None:
    run_state_machine_as_test(Quotas, settings=settings(max_examples=examples, stateful_step_count=20, **more))


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("house")
def test_amazon_never_says_429_and_nobody_starves() -> None:
    play(12)


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("house_on_postgres")
def test_the_same_on_postgresql() -> None:
    play(4)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("house")
def test_amazon_never_says_429_in_thousands_of_ways() -> None:
    play(3_000)


# --- planted defects


Reserve = Callable[..., datetime | None]


def with_less_taken(reserve: Reserve, part: int) -> Reserve:
    """Takes a token, and puts a part of it back."""

    def taken_back(work: Work, account_id: str, operation: str, **limits: Any) -> datetime | None:
        again_at = reserve(work, account_id, operation, **limits)
        if again_at is None:
            mine = update(Quota).where(Quota.account_id == account_id, Quota.operation == operation)
            work.session.execute(mine.values(arrival_us=Quota.arrival_us - Quota.interval_us // part))
        return again_at

    return taken_back


def refilled_twice(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(quotas, "reserve", with_less_taken(quotas.reserve, 2))


def reserved_after_the_call(planted: pytest.MonkeyPatch) -> None:
    reserve, answered = quotas.reserve, quotas.answered

    def reserve_late(work: Work, account_id: str, operation: str, rate: float | None) -> None:
        limits = OPERATIONS[operation]
        reserve(work, account_id, operation, rate_per_second=limits.rate_per_second, burst=limits.burst)
        answered(work, account_id, operation, rate)

    planted.setattr(quotas, "reserve", with_less_taken(reserve, 1))
    planted.setattr(quotas, "answered", reserve_late)


def a_probe_that_dies_closes_for_long(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(quotas, "closed_for", lambda _faults: timedelta(minutes=20))  # a day would not be believed


def an_answer_leaves_the_breaker(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(quotas, "_OPEN", {"faults": Quota.faults})


def a_new_rate_empties_the_bucket(planted: pytest.MonkeyPatch) -> None:
    whole = quotas.answered

    def answered(work: Work, account_id: str, operation: str, rate: float | None) -> None:
        whole(work, account_id, operation, rate)
        if rate:
            quotas.throttled(work, account_id, operation)

    planted.setattr(quotas, "answered", answered)


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (refilled_twice, "Amazon said 429, and no other client ate"),
        (reserved_after_the_call, "Amazon said 429, and no other client ate"),
        (a_probe_that_dies_closes_for_long, "put off beyond the bound|not served within the bound"),
        (an_answer_leaves_the_breaker, "not the whole burst but one|put off beyond the bound"),
        (a_new_rate_empties_the_bucket, "tokens are there"),
    ],
)
def test_a_planted_defect_is_found(plant: Callable[[pytest.MonkeyPatch], None], found: str) -> None:
    """PLANTED: the machine would be worth nothing if it passed this."""
    with pytest.MonkeyPatch.context() as planted:
        plant(planted)
        with pytest.raises(AssertionError, match=found):
            play(300, database=None, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False)
