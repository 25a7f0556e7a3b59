"""What a consumer has handled is known by (consumer, source, event id), and two at once can't both write it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select

from orderbridge.database import inbox
from orderbridge.database.models import InboxRow
from orderbridge.database.unit_of_work import Database
from tests.parts.databases import add_order, aged, cause, outbox
from tests.parts.hand_clock import START
from tests.parts.patience import PATIENCE


def seen(database: Database, event_id: str, digest: str, *, consumer: str = "shipper", source: str = "store") -> str:
    with database.unit_of_work(cause(event_id, source)) as work:
        return inbox.look_up(work, consumer, digest)


def handle(database: Database, event_id: str, digest: str) -> bool:
    with database.unit_of_work(cause(event_id)) as work:
        return inbox.record(work, "shipper", digest, "handled")


def test_new_repeated_reused(database: Database) -> None:
    assert seen(database, "1", "aa") == "new"
    assert handle(database, "1", "aa")
    assert seen(database, "1", "aa") == "repeated"
    assert seen(database, "1", "bb") == "reused"


def test_another_consumer_source_or_id_is_another_event(database: Database) -> None:
    handle(database, "1", "aa")
    assert seen(database, "1", "aa", consumer="importer") == "new"
    assert seen(database, "1", "aa", source="another store") == "new"
    assert seen(database, "2", "aa") == "new"


def test_a_second_record_says_so_and_changes_nothing(database: Database) -> None:
    assert handle(database, "1", "aa")
    with database.unit_of_work(cause("1")) as work:
        assert not inbox.record(work, "shipper", "bb", "rejected", "event_id_reused")
    with database.unit_of_work() as work:
        row = work.session.scalars(select(InboxRow)).one()
    assert (row.digest, row.outcome, row.reason, row.handled_at) == ("aa", "handled", None, START)


def test_the_record_is_rolled_back_with_its_effect(database: Database) -> None:
    with database.unit_of_work(cause("1")) as work:
        inbox.record(work, "shipper", "aa", "handled")
        work.session.rollback()
    assert seen(database, "1", "aa") == "new"


def test_of_two_handlers_at_once_one_has_an_effect(database: Database) -> None:
    """Both look before either writes (on SQLite the second waits already there)."""
    add_order(database, "A")
    both = threading.Barrier(2)

    def work_on(_: int) -> bool:
        both.wait(20 * PATIENCE)
        with database.unit_of_work(cause("1")) as work:
            if inbox.look_up(work, "shipper", "aa") != "new":
                return False
            if not database.is_sqlite:
                both.wait(20 * PATIENCE)
            work.post(aged("A"))
            if inbox.record(work, "shipper", "aa", "handled"):
                return True
            work.session.rollback()
            return False

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(work_on, range(2))) == [False, True]
    assert len(outbox(database)) == 1
