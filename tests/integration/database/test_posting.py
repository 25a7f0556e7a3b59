"""What `post` and `withdraw` leave in the outbox."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import make_url, select, update
from sqlalchemy.exc import IntegrityError

from orderbridge.database.models import Lease, OutboxRow
from orderbridge.database.outbox import CHANNEL
from orderbridge.database.unit_of_work import Cause, Database
from schemas.failures import GivenBack, Original
from tests.parts.databases import add_order, aged, cause, empty, migrated, outbox, post
from tests.parts.hand_clock import START, HandClock
from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until

SOON = START + timedelta(minutes=5)
LATER = START + timedelta(days=30)


def publish_all(database: Database) -> None:
    with database.unit_of_work() as work:
        work.session.execute(update(OutboxRow).values(published_at=work.now))


def test_a_posted_event_is_a_row(database: Database) -> None:
    (event_id,) = post(database, aged("A"))
    (row,) = outbox(database)
    assert (row.event_id, row.topic, row.event_type, row.key) == (event_id, "order.aged", "order.aged", "A")
    assert json.loads(row.body) == {"account_id": "main", "order_id": "A"}
    assert (row.posted_at, row.due_at, row.published_at, row.name) == (START, START, None, None)


def test_a_dated_event_is_due_at_its_date(database: Database) -> None:
    post(database, aged("A"), at=LATER)
    (row,) = outbox(database)
    assert (row.posted_at, row.due_at) == (START, LATER)


def test_an_event_of_a_service_goes_to_its_own_topic(database: Database) -> None:
    original = Original(topic="order.shipped", partition=0, offset=7, timestamp=START, value=b"\xff")
    post(database, GivenBack(service="shipper", original=original, failures=1))
    (row,) = outbox(database)
    assert (row.topic, row.key) == ("shipper.retry", "order.shipped/0/7")


def test_rows_stand_in_the_order_of_posting(database: Database) -> None:
    with database.unit_of_work() as work:
        ids = [work.post(aged(order_id)) for order_id in "CAB"]
    assert [row.event_id for row in outbox(database)] == ids
    assert len(set(ids)) == 3


def test_a_name_is_taken_over_while_unpublished(database: Database, clock: HandClock) -> None:
    (first,) = post(database, aged("A"), at=LATER, name="due:A")
    clock.advance(seconds=1)
    (second,) = post(database, aged("B"), at=SOON, name="due:A")
    (row,) = outbox(database)
    assert first != second == row.event_id  # or the relay could mark the new one published in the old one's place
    assert (row.key, row.due_at, row.name, row.posted_at) == ("B", SOON, "due:A", clock.now())


def test_a_published_name_is_free_again(database: Database) -> None:
    post(database, aged("A"), name="due:A")
    publish_all(database)
    post(database, aged("A"), name="due:A")
    assert [row.published_at is None for row in outbox(database)] == [False, True]


def test_events_without_a_name_replace_nothing(database: Database) -> None:
    post(database, aged("A"), aged("A"))
    assert len(outbox(database)) == 2


def test_withdraw_takes_back_what_is_unpublished(database: Database) -> None:
    post(database, aged("A"), name="due:A")
    publish_all(database)
    post(database, aged("A"), name="due:A")
    post(database, aged("B"), name="due:B")
    with database.unit_of_work() as work:
        work.withdraw("due:A")
        work.withdraw("due:nobody")
    assert [(row.name, row.published_at is None) for row in outbox(database)] == [("due:A", False), ("due:B", True)]


def test_post_once_keeps_the_first(database: Database) -> None:
    with database.unit_of_work() as work:
        work.post_once(aged("A"), LATER, "due:A")
        work.post_once(aged("B"), SOON, "due:A")
    (row,) = outbox(database)
    assert (row.key, row.due_at) == ("A", LATER)
    publish_all(database)
    with database.unit_of_work() as work:
        work.post_once(aged("B"), SOON, "due:A")
    assert [row.key for row in outbox(database)] == ["A", "B"]


@pytest.mark.timeout(60)
def test_orders_that_share_a_name_never_wait_for_each_other_crosswise(migrated_postgres: Database) -> None:
    """A page that holds A and wants B, beside a single import that holds B: both post the same key's death."""
    database = migrated_postgres
    empty(database)
    for order_id in "AB":
        add_order(database, order_id)
    both_hold_one = threading.Barrier(2)

    def store(*order_ids: str) -> None:
        with database.unit_of_work() as work:
            for order_id in order_ids:
                work.lock_order(order_id)
                work.post_once(aged("key"), LATER, "key")
                if order_id == order_ids[0]:
                    both_hold_one.wait(20 * PATIENCE)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(store, "A", "B"), pool.submit(store, "B")]:
            future.result(30 * PATIENCE)
    assert [row.name for row in outbox(database)] == ["key"]


def test_what_was_to_be_posted_once_is_rolled_back_too(database: Database) -> None:
    with database.unit_of_work() as work:
        work.post_once(aged("A"), LATER, "due:A")
        work.rollback()
    assert outbox(database) == []


class Bug(Exception):
    """A handler's."""


def test_what_is_rolled_back_posts_nothing(database: Database) -> None:
    post(database, aged("A"), at=LATER, name="due:A")

    def handle() -> None:
        with database.unit_of_work() as work:
            work.post(aged("B"))
            work.post(aged("A"), at=SOON, name="due:A")
            work.withdraw("due:A")
            raise Bug

    with pytest.raises(Bug):
        handle()
    assert [(row.key, row.due_at) for row in outbox(database)] == [("A", LATER)]


def test_what_was_committed_midway_stays(database: Database) -> None:
    def handle() -> None:
        with database.unit_of_work() as work:
            work.post(aged("A"))
            work.commit()
            work.post(aged("B"))
            raise Bug

    with pytest.raises(Bug):
        handle()
    assert [row.key for row in outbox(database)] == ["A"]


def test_two_transactions_post_one_name_at_once(database: Database) -> None:
    """The second waits for the first, and takes its place."""
    posted, go_on = threading.Event(), threading.Event()

    def first() -> None:
        with database.unit_of_work() as work:
            work.post(aged("first"), name="due:A")
            posted.set()
            assert go_on.wait(20 * PATIENCE)

    def second() -> None:
        assert posted.wait(20 * PATIENCE)
        with database.unit_of_work() as work:
            work.post(aged("second"), name="due:A")

    with ThreadPoolExecutor(2) as pool:
        one, two = pool.submit(first), pool.submit(second)
        assert posted.wait(20 * PATIENCE)
        assert not two.done()
        go_on.set()
        one.result(20 * PATIENCE)
        two.result(20 * PATIENCE)
    assert [row.key for row in outbox(database)] == ["second"]


def test_many_post_one_name_at_once(database: Database) -> None:
    def work_on(number: int) -> None:
        for _ in range(5):
            post(database, aged(str(number)), name="due:A")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work_on, range(6)))
    assert len(outbox(database)) == 1


def test_posts_wake_listeners_at_the_commit(postgres_url: str) -> None:
    conninfo = make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with (
        migrated(postgres_url) as database,
        psycopg.connect(conninfo, autocommit=True) as listener,
        database.unit_of_work() as work,
    ):
        listener.execute(f"LISTEN {CHANNEL}")
        work.post(aged("A"))
        work.post(aged("B"))
        assert list(listener.notifies(timeout=0.1)) == []
        work.commit()
        assert len(list(listener.notifies(timeout=10, stop_after=1))) == 1
        work.post(aged("C"))
        work.session.rollback()  # and the word goes with it
        work.post(aged("D"))
        work.commit()
        assert len(list(listener.notifies(timeout=10, stop_after=1))) == 1


def test_a_unit_of_work_knows_its_cause(database: Database) -> None:
    known: Cause = cause("1")
    with database.unit_of_work(known) as work:
        assert work.cause == known
        assert work.now == START
    with database.unit_of_work() as work, pytest.raises(LookupError):
        _ = work.cause


def test_an_error_of_the_database_quotes_no_value(database: Database) -> None:
    with database.unit_of_work() as work:
        statement = work.insert(Lease).values(name="Wilhelmina", holder="Wilhelmina", until=None)
        with pytest.raises(IntegrityError, match="leases") as caught:
            work.session.execute(statement)
        work.session.rollback()
    # PostgreSQL itself adds a DETAIL with the row: telemetry logs no exception's text.
    assert "Wilhelmina" not in str(caught.value).partition("DETAIL")[0]


def test_a_lock_is_held_until_the_commit(database: Database) -> None:
    """Readers see a posted event only with everything else of its transaction."""
    with database.unit_of_work() as work:
        work.post(aged("A"))
        if not database.is_sqlite:
            with database.unit_of_work() as reader:
                assert reader.session.scalars(select(OutboxRow)).all() == []
    wait_until(lambda: len(outbox(database)) == 1, seconds=5, what="the event")
