"""An order's lock and its counter."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from orderbridge.database.models import OrderRow
from orderbridge.database.unit_of_work import Database
from tests.parts.databases import add_order, aged, outbox, post
from tests.parts.hand_clock import START, HandClock
from tests.parts.patience import PATIENCE

START_MS = 1_795_510_800_000


def next_sequence(database: Database, order_id: str = "A") -> int:
    with database.unit_of_work() as work:
        order = work.next_sequence(order_id)
        assert order is not None
        return int(order.sequence)


def test_an_unknown_order_has_no_row(database: Database) -> None:
    with database.unit_of_work() as work:
        assert work.lock_order("A") is None
        assert work.next_sequence("A") is None


def test_a_sequence_starts_at_unix_milliseconds(database: Database, clock: HandClock) -> None:
    assert int(START.timestamp() * 1000) == START_MS
    add_order(database, "A")
    assert next_sequence(database) == START_MS
    assert next_sequence(database) == START_MS + 1
    clock.advance(seconds=2)
    assert next_sequence(database) == START_MS + 2000


def test_a_sequence_never_falls_back(database: Database, clock: HandClock) -> None:
    add_order(database, "A", sequence=START_MS + 10**9)
    clock.advance(hours=-1)
    assert next_sequence(database) == START_MS + 10**9 + 1


def test_a_restored_order_goes_on_above_what_was_sent(database: Database, clock: HandClock) -> None:
    """More events than milliseconds have passed can't be made, so the clock is ahead of any number ever given."""
    add_order(database, "A")
    sent = next_sequence(database)
    with database.unit_of_work() as work:
        work.session.merge(OrderRow(order_id="A", sequence=0))  # as the backup had it
    clock.advance(seconds=1)
    assert next_sequence(database) > sent


def test_a_sequence_that_was_rolled_back_is_given_again(database: Database) -> None:
    add_order(database, "A")
    with database.unit_of_work() as work:
        order = work.next_sequence("A")
        assert order is not None
        work.session.rollback()
    assert next_sequence(database) == order.sequence


def test_locking_reads_the_row_anew(database: Database) -> None:
    """A handler that read the order before it waited for the lock must not go on with what it knew."""
    add_order(database, "A")
    with database.unit_of_work() as work:
        before = work.session.get_one(OrderRow, "A")
        work.commit()
        next_sequence(database)
        order = work.lock_order("A")
        assert order is before
        assert order.sequence == START_MS


def test_events_of_one_order_stand_in_the_outbox_by_sequence(database: Database) -> None:
    add_order(database, "A")
    all_ready = threading.Barrier(4)

    def work_on(_: int) -> list[int]:
        all_ready.wait(20 * PATIENCE)
        given = []
        for _ in range(10):
            with database.unit_of_work() as work:
                order = work.next_sequence("A")
                assert order is not None
                given.append(order.sequence)
                work.post(aged(str(order.sequence)))
        return given

    with ThreadPoolExecutor(4) as pool:
        given = [number for numbers in pool.map(work_on, range(4)) for number in numbers]
    assert sorted(given) == list(range(START_MS, START_MS + 40))
    assert [int(row.key) for row in outbox(database)] == sorted(given)


def test_one_orders_lock_leaves_another_free(database: Database) -> None:
    if database.is_sqlite:
        return  # one writer at a time, whatever he writes
    add_order(database, "A")
    add_order(database, "B")
    with database.unit_of_work() as work:
        assert work.lock_order("A") is not None
        assert next_sequence(database, "B") == START_MS
        post(database, aged("B"))
