"""Import slots: one per account and slot start, whoever plans; missed ones caught up once."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from orderbridge.accounts.settings import AccountSettings
from orderbridge.database.models import Account
from orderbridge.database.unit_of_work import Database
from services.ticker.slots import plan_slots, slot_start
from tests.parts.databases import outbox
from tests.parts.hand_clock import START, HandClock
from tests.parts.patience import PATIENCE


def connect(
    database: Database, account_id: str, *, connected: bool = True, enabled: bool = True, every: int = 60
) -> None:
    with database.unit_of_work() as work:
        work.session.add(
            Account(
                account_id=account_id,
                marketplace_ids='["ATVPDKIKX0DER"]',
                refresh_token="sealed" if connected else None,
                api_url="http://127.0.0.1",
                login_url="http://127.0.0.1",
                settings=AccountSettings(enabled=enabled, import_every_minutes=every).model_dump_json(),
            )
        )


def test_each_account_gets_its_slot_once(database: Database, clock: HandClock) -> None:
    connect(database, "a")
    connect(database, "b")
    assert plan_slots(database) == 2
    assert plan_slots(database) == 0
    clock.advance(minutes=59, seconds=59)
    assert plan_slots(database) == 0
    clock.advance(seconds=1)
    assert plan_slots(database) == 2
    rows = outbox(database)
    assert [(row.topic, row.key) for row in rows] == [("import.due", key) for key in "abab"]
    assert json.loads(rows[0].body) == {"account_id": "a", "reason": "slot"}
    assert rows[0].due_at == START


def test_missed_slots_are_caught_up_once(database: Database, clock: HandClock) -> None:
    connect(database, "a")
    plan_slots(database)
    clock.advance(hours=20, minutes=30)
    assert plan_slots(database) == 1
    assert plan_slots(database) == 0
    clock.advance(minutes=30)
    assert plan_slots(database) == 1  # and the next in its turn


def test_after_a_clock_was_set_back_slots_are_planned_at_once(database: Database, clock: HandClock) -> None:
    """Not only when it is where it was: those that were planned by then are no longer taken for lived."""
    connect(database, "a")
    assert plan_slots(database) == 1
    clock.advance(hours=1)
    assert plan_slots(database) == 1
    clock.advance(hours=-1, minutes=10)
    assert [plan_slots(database), plan_slots(database)] == [1, 0]
    clock.advance(hours=1)
    assert [plan_slots(database), plan_slots(database)] == [1, 0]


@pytest.mark.parametrize(("connected", "enabled"), [(False, True), (True, False)])
def test_only_connected_and_enabled_accounts_are_planned(database: Database, connected: bool, enabled: bool) -> None:
    connect(database, "a", connected=connected, enabled=enabled)
    assert plan_slots(database) == 0
    assert outbox(database) == []


def test_an_account_says_how_often(database: Database, clock: HandClock) -> None:
    connect(database, "a", every=15)
    planned = 0
    for _ in range(60):
        planned += plan_slots(database)
        clock.advance(minutes=1)
    assert planned == 4


def test_planners_at_once_plan_a_slot_once(database: Database) -> None:
    for number in range(5):
        connect(database, str(number))
    all_ready = threading.Barrier(4)

    def plan(_: int) -> int:
        all_ready.wait(20 * PATIENCE)
        return plan_slots(database)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(plan, range(4))) == 5
    assert len(outbox(database)) == 5


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds have none
    st.integers(1, 60),
)
def test_a_slot_is_the_stretch_that_now_lies_in(now: datetime, minutes: int) -> None:
    every = timedelta(minutes=minutes)
    start = slot_start(now, every)
    assert start <= now < start + every
    assert slot_start(start, every) == start
    assert slot_start(start - timedelta(microseconds=1), every) == start - every


def test_a_second_look_asks_as_much_of_many_accounts_as_of_one(database: Database) -> None:
    """It looks every second, and with a thousand accounts asked a thousand times each second."""
    for number in range(30):
        connect(database, f"{number}")
    assert plan_slots(database) == 30
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        assert plan_slots(database) == 0
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    assert len([one for one in statements if one.startswith(("SELECT", "INSERT"))]) == 2
