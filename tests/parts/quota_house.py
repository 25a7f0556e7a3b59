"""Processes that share Amazon's quotas through one database, and an Amazon that counts with a bucket of its own.

Each process has its own connections, its own clock, and dies at any statement, commit and call. What is real is the
way of every call: reserve, claim, commit, call, learn (`orderbridge/amazon_calls.py`).

Our burst is one less than Amazon's, so calls may come closer together by one interval: the clocks here differ by 20 ms,
and a call is under way for 300 ms at most, of the 500 ms that are the shortest interval.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, func, select, update

from orderbridge.accounts.disconnecting import disconnect_account
from orderbridge.amazon import Answer, Connection, NoAnswer, Operation, Throttled, Unwell
from orderbridge.amazon.operations import CONFIRM_SHIPMENT, CREATE_SUBSCRIPTION, SEARCH_ORDERS
from orderbridge.amazon_calls import AmazonCalls, CallFailed
from orderbridge.database.models import Account, Attempt, OutboxRow, Quota
from orderbridge.database.unit_of_work import Database, refuse_open_transaction
from orderbridge.settings import Settings
from orderbridge.vault.secrets_box import SecretsBox
from tests.parts.crashes import Crashes
from tests.parts.databases import add_account
from tests.parts.hand_clock import START, HandClock
from tests.parts.in_process import Killed
from tests.parts.token_bucket import TokenBucket

OPERATIONS = {one.name: one for one in (CONFIRM_SHIPMENT, CREATE_SUBSCRIPTION, SEARCH_ORDERS)}
ACCOUNTS = ("one", "two")
API = "http://amazon.test"
APART = (timedelta(0), timedelta(milliseconds=20), timedelta(milliseconds=-20))
"""The processes' clocks."""
AMISS = timedelta(milliseconds=50)
"""More than two clocks differ."""
LONGEST_CLOSED = timedelta(minutes=5)
"""After faults nobody may wait longer than that; docs/decisions/0006."""
SLOWEST = 0.0056 / 4
"""The least rate that is granted here."""
Key = tuple[str, str]
_US = timedelta(microseconds=1)


class Amazon:
    """One quota at Amazon's: who calls too early, and is no other client's victim, is a failure of the test."""

    def __init__(self, operation: Operation) -> None:
        self.bucket = TokenBucket(round(1_000_000 / operation.rate_per_second), operation.burst)
        self.next_rate: float | None = None
        """Amazon grants another rate from the next call on, and its answer says so."""
        self.rate = operation.rate_per_second
        self.faults: list[type[NoAnswer | Unwell]] = []
        self.excused = False
        """Another client ate, or nobody learned of a new rate: until the bucket is full, 429 is nobody's fault."""
        self.untold = False
        self.under_way = 0
        self.lost = 0
        """Reservations, at most, whose process died before the call."""
        self.reserved_at_us = 0

    def look(self, now_us: int) -> None:
        """Time has passed."""
        if self.bucket.refill(now_us) == self.bucket.size:
            self.excused = self.untold
        if now_us - self.reserved_at_us > self.bucket.size * self.bucket.interval_us:
            self.lost = 0

    def called(self, now_us: int) -> bool:
        """A call arrives; whether it has a token. Raises AssertionError where it should have had one."""
        self.look(now_us)
        if self.untold:
            self.excused = True
        taken = self.bucket.take(now_us)
        assert taken or self.excused, "Amazon said 429, and no other client ate"
        if taken and self.next_rate is not None:
            self.rate, self.next_rate = self.next_rate, None
            self.bucket.interval_us = round(1_000_000 / self.rate)
            self.untold = True
        return taken


class Process:
    """One process: its connections and its clock."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.clock = HandClock()
        self.database = Database(url, self.clock)
        self.crashes = Crashes(self.database)
        self.calls = AmazonCalls(settings, self.database)

    def close(self) -> None:
        """It ends."""
        self.crashes.close()
        self.database.close()


class QuotaHouse:
    """Three processes, two accounts, three operations."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._settings = settings
        self.processes = [Process(url, settings) for _ in APART]
        self._own = Database(url, HandClock())  # the test's, which never dies
        box = SecretsBox(settings.need("secrets_key"))
        self._tokens = {name: box.encrypt(f"Atzr|{name}", purpose=f"refresh_token:{name}") for name in ACCOUNTS}
        for name, token in self._tokens.items():
            add_account(self._own, name, token, API)
        self.begin()

    def begin(self) -> None:
        """All anew: nobody has called yet."""
        self.amazon = {
            (account, name): Amazon(operation) for account in ACCOUNTS for name, operation in OPERATIONS.items()
        }
        for process, apart in zip(self.processes, APART, strict=True):
            process.crashes.disarm()
            process.clock.set(START + apart)
        self._passed_us = 0
        self._troubled_us: int | None = None
        """When a call last failed, or was begun since: from then on a breaker may be closed."""
        self._again_at = START
        with self._own.unit_of_work() as work:
            for table in (Quota, Attempt, OutboxRow):
                work.session.execute(delete(table))
        for account in ACCOUNTS:
            self.connects(account)

    def close(self) -> None:
        """All end."""
        for process in self.processes:
            process.close()
        self._own.close()

    # --- what may happen

    def pass_time(self, by: timedelta) -> None:
        """For everybody."""
        self._passed_us += by // _US
        for process in self.processes:
            process.clock.advance(seconds=by.total_seconds())

    def call(
        self,
        number: int,
        key: Key,
        under_way: timedelta,
        meanwhile: Callable[[], object] | None = None,
        *,
        dies: Literal["before", "after"] | None = None,
    ) -> str:
        """A process wants a call: `done`, `waits`, `failed`, `refused` (not connected) or `died`.

        It may die after it has reserved, before Amazon has the call or after.
        """
        process = self.processes[number]
        try:
            return self._call(process, key, under_way, meanwhile, dies)
        except Killed:
            process.database.engine.dispose()  # a dead process has no connections
            self.amazon[key].lost += 1
            return "died"

    def eats(self, key: Key, calls: int) -> None:
        """Another client of the same seller's application calls."""
        amazon = self.amazon[key]
        amazon.excused = True
        for _ in range(calls):
            amazon.bucket.take(self._passed_us)

    def disconnects(self, account: str) -> None:
        """A person disconnects the account."""
        disconnect_account(self._settings, self._own, account)

    def connects(self, account: str) -> None:
        """A person connects it again."""
        with self._own.unit_of_work() as work:
            token = self._tokens[account]
            work.session.execute(update(Account).where(Account.account_id == account).values(refresh_token=token))

    # --- what must hold in the end

    def check_all_are_served(self) -> None:
        """Nothing dies or fails any more: whoever wants a call has it within the bound, and all of the burst soon."""
        for process in self.processes:
            process.crashes.disarm()
        for amazon in self.amazon.values():
            amazon.faults.clear()
            amazon.next_rate = None
        for account in ACCOUNTS:
            self.connects(account)
        for number, key in enumerate(self.amazon):
            self._check_served(number % len(self.processes), key)
        slowest = max(amazon.bucket.size / amazon.rate for amazon in self.amazon.values())
        self.pass_time(timedelta(seconds=slowest) + AMISS)
        for key, amazon in self.amazon.items():
            if key[0] != ACCOUNTS[0]:
                continue  # for time's sake
            amazon.look(self._passed_us)
            done = 0
            while self.call(1, key, timedelta(0)) == "done":
                done += 1
            assert done == amazon.bucket.size - 1, f"{done} calls at once, not the whole burst but one"

    def _check_served(self, number: int, key: Key) -> None:
        interval = timedelta(seconds=1 / self.amazon[key].rate)
        bound = 2 * (LONGEST_CLOSED + interval + AMISS)  # the endpoint's breaker, and the quota's own
        began = self.processes[number].clock.now()
        while (outcome := self.call(number, key, timedelta(0))) != "done":
            assert outcome in ("waits", "failed")  # a 429 after another client's meal
            clock = self.processes[number].clock
            assert clock.now() - began < bound, "not served within the bound"
            self.pass_time(max(self._again_at - clock.now(), timedelta(milliseconds=1)))

    # --- the way of a call

    def _call(
        self,
        process: Process,
        key: Key,
        under_way: timedelta,
        meanwhile: Callable[[], object] | None,
        dies: Literal["before", "after"] | None,
    ) -> str:
        account, name = key
        operation, amazon = OPERATIONS[name], self.amazon[key]
        amazon.look(self._passed_us)

        def called(_: Connection) -> Answer:
            refuse_open_transaction()
            self._check_claimed(process, key)
            process.crashes.point()
            if dies == "before":
                raise Killed
            amazon.under_way += 1
            try:
                self.pass_time(under_way)
                if meanwhile is not None:
                    meanwhile()
            finally:
                amazon.under_way -= 1
            answer = self._answer(operation, amazon)
            process.crashes.point()
            if dies == "after":
                raise Killed
            return answer

        with process.database.unit_of_work() as work:
            again_at = process.calls.reserve(work, account, operation)
            if again_at is not None:
                self._check_may_wait(process, amazon, again_at)
                self._again_at = again_at
                return "waits"
            amazon.reserved_at_us = self._passed_us
            if self._troubled_us is not None:
                self._troubled_us = self._passed_us
            try:
                process.calls.make(work, account, operation, "a call", called)
            except LookupError:
                work.rollback()
                return "refused"
            except CallFailed as failed:
                self._again_at = failed.retry_at
                return "failed"
        amazon.untold = False
        return "done"

    def _answer(self, operation: Operation, amazon: Amazon) -> Answer:
        if not amazon.called(self._passed_us):
            raise Throttled(operation.name, "too many", status=429)
        if amazon.faults:
            self._troubled_us = self._passed_us
            raise amazon.faults.pop(0)(operation.name, "planted")
        return Answer(200, {}, b"{}", 0.0, amazon.rate, None, None)

    def _check_claimed(self, process: Process, key: Key) -> None:
        """Who calls has written so before, for whoever comes after him, and his account is connected."""
        account, name = key
        of_it = (Attempt.account_id == account, Attempt.operation == name, Attempt.finished_at.is_(None))
        written = select(func.count()).where(*of_it, Attempt.started_at == process.clock.now())
        with self._own.unit_of_work() as work:
            assert work.session.execute(written).scalar_one() > 0, "a call of which nothing is written"
            assert work.session.get_one(Account, account).refresh_token is not None, "a call for nobody"

    def _check_may_wait(self, process: Process, amazon: Amazon, again_at: datetime) -> None:
        """Nobody waits while there is a token, nor for longer than one takes; but for a breaker that is closed."""
        wait_us = (again_at - process.clock.now()) // _US
        assert wait_us > 0, "put off to the past"
        bound_us = amazon.bucket.interval_us
        if amazon.untold:
            bound_us = max(bound_us, round(1_000_000 / SLOWEST))
        if self._troubled_us is not None:
            bound_us = max(bound_us, self._troubled_us + LONGEST_CLOSED // _US - self._passed_us)
        assert wait_us <= bound_us + AMISS // _US, "put off beyond the bound"
        if self._troubled_us is None and not amazon.excused and not amazon.untold:
            idle = amazon.bucket.refill(self._passed_us) - amazon.under_way - amazon.lost
            assert idle < 2.5, f"put off though {float(idle)} tokens are there"  # one is never used: 0006
