"""What becomes of a key and its orders at its moment, without Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from orderbridge.database.models import OrderRow, PersonalDataRow
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.vault.key_ring import FolderKeyRing, KeyDead
from orderbridge.vault.keys import KEY_BYTES
from schemas.orders import KeyExpired, OrderRedacted
from services.redactor.key_expiry import AT_ONCE, LOOK_AGAIN, expire_key
from tests.parts.contract import EXAMPLES
from tests.parts.databases import add_order, migrated, outbox
from tests.parts.hand_clock import START, HandClock

DIES_AT = START + timedelta(hours=2)
DOCUMENT = OrderRedacted.model_validate(EXAMPLES["order.redacted"])


@pytest.fixture
def clock() -> HandClock:
    """Two hours before the key dies."""
    return HandClock()


@pytest.fixture
def database(sqlite_url: str, clock: HandClock) -> Iterator[Database]:
    """A database without an order."""
    with migrated(sqlite_url, clock) as database:
        yield database


@pytest.fixture
def ring(tmp_path: Path, clock: HandClock) -> FolderKeyRing:
    """With the key. The redactor has the folder, not the installation's key."""
    FolderKeyRing(tmp_path / "ring", bytes(KEY_BYTES)).key(DIES_AT, clock.now())
    return FolderKeyRing(tmp_path / "ring", None)


def seal_order(database: Database, order_id: str, dies_at: datetime = DIES_AT) -> None:
    """An order whose personal data is sealed."""
    add_order(database, order_id)
    document = DOCUMENT.model_copy(update={"order_id": order_id})
    with database.unit_of_work() as work:
        work.session.get_one(OrderRow, order_id).document = document.model_dump_json(
            exclude={"sequence", "personal_data"}, exclude_none=True
        )
        work.session.add(PersonalDataRow(order_id=order_id, seal="e30.e30", dies_at=dies_at))


def expire(database: Database, ring: FolderKeyRing, moment: datetime = DIES_AT, after: str | None = None) -> None:
    with database.unit_of_work() as work:
        expire_key(KeyExpired(moment=moment, after=after), work, ring)


def planned(database: Database) -> tuple[datetime, KeyExpired]:
    """The one event that is to go on with it, and when."""
    (row,) = [row for row in outbox(database) if row.event_type == "key.expired"]
    return row.due_at, KeyExpired.model_validate_json(row.body)


def redacted(database: Database) -> list[str]:
    with database.unit_of_work() as work:
        gone = select(PersonalDataRow.order_id).where(PersonalDataRow.redacted_at.is_not(None))
        return sorted(work.session.scalars(gone))


def told(database: Database) -> list[str]:
    return sorted(row.key for row in outbox(database) if row.event_type == "order.redacted")


def test_a_key_dies_at_its_moment_and_not_before(
    database: Database, clock: HandClock, ring: FolderKeyRing, tmp_path: Path
) -> None:
    seal_order(database, "A")
    expire(database, ring)
    assert (ring.alive(), redacted(database)) == ([DIES_AT], [])
    assert planned(database) == (DIES_AT, KeyExpired(moment=DIES_AT))
    before = clock.now()
    clock.advance(hours=2)
    for _ in range(2):
        expire(database, ring)
    assert (ring.alive(), redacted(database), told(database)) == ([], ["A"], ["A"])
    with pytest.raises(KeyDead):  # not by its date: it was destroyed, and is never made again
        FolderKeyRing(tmp_path / "ring", bytes(KEY_BYTES)).key(DIES_AT, before)


def test_a_key_of_many_orders_is_gone_through_in_batches(
    database: Database, clock: HandClock, ring: FolderKeyRing
) -> None:
    ids = [f"{number:04}" for number in range(2 * AT_ONCE + 1)]
    for order_id in ids:
        seal_order(database, order_id)
    seal_order(database, "another key", DIES_AT + timedelta(hours=1))
    clock.advance(hours=2)
    expire(database, ring)
    for count in (1, 2):
        assert redacted(database) == ids[: count * AT_ONCE]
        due, event = planned(database)
        assert (due, event.after) == (clock.now(), ids[count * AT_ONCE - 1])
        expire(database, ring, after=event.after)
    assert redacted(database) == told(database) == ids
    _, event = planned(database)
    assert event.after is None
    expire(database, ring)
    assert planned(database) == (DIES_AT + LOOK_AGAIN, KeyExpired(moment=DIES_AT))
    assert told(database) == ids
    with database.unit_of_work() as work:
        (row,) = [row for row in outbox(database) if row.key == ids[7]]
        event_told = OrderRedacted.model_validate_json(row.body)
        assert event_told.sequence == work.session.get_one(OrderRow, ids[7]).sequence


def test_what_a_transaction_brings_after_all_is_redacted_ten_minutes_later(
    database: Database, clock: HandClock, ring: FolderKeyRing
) -> None:
    """An import had sealed it, and committed after the key's death."""
    clock.advance(hours=2)
    expire(database, ring)
    due, event = planned(database)
    assert due == DIES_AT + LOOK_AGAIN
    seal_order(database, "late")
    clock.advance(minutes=10)
    with database.unit_of_work() as work:
        work.withdraw(f"key:{DIES_AT.isoformat()}")
        expire_key(event, work, ring)
    assert redacted(database) == told(database) == ["late"]
    assert {row.event_type for row in outbox(database)} == {"order.redacted"}, "nothing is left to look for"


def test_cut_off_after_the_key_was_destroyed_it_goes_on(
    database: Database, clock: HandClock, ring: FolderKeyRing
) -> None:
    seal_order(database, "A")
    clock.advance(hours=2)
    ring.destroy(DIES_AT)
    expire(database, ring)
    assert redacted(database) == ["A"]


def test_a_key_whose_own_event_was_lost_dies_with_the_next_and_its_orders_too(
    database: Database, clock: HandClock, ring: FolderKeyRing, tmp_path: Path
) -> None:
    earlier = DIES_AT - timedelta(hours=1)
    FolderKeyRing(tmp_path / "ring", bytes(KEY_BYTES)).key(earlier, clock.now())
    seal_order(database, "A", earlier)
    clock.advance(hours=2)
    expire(database, ring)
    assert ring.alive() == []
    rows = [row for row in outbox(database) if row.key == earlier.isoformat()]
    assert [row.due_at for row in rows] == [clock.now()]
    expire(database, ring, earlier)
    assert redacted(database) == ["A"]


def test_orders_that_others_have_locked_are_looked_at_again(
    database: Database, clock: HandClock, ring: FolderKeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has no locks of rows; PostgreSQL's are in tests/integration/services/test_at_once.py."""
    for order_id in ("A", "B"):
        seal_order(database, order_id)
    clock.advance(hours=2)
    with monkeypatch.context() as patch:
        patch.setattr(Work, "lock_free_orders", lambda _work, ids: [one for one in ids if one != "A"])
        expire(database, ring)
    assert redacted(database) == ["B"]
    due, event = planned(database)
    assert (due - clock.now(), event.after) == (timedelta(seconds=1), None)
    expire(database, ring)
    assert redacted(database) == told(database) == ["A", "B"]


def test_an_order_without_a_row_of_its_own_keeps_nobody_busy(
    database: Database, clock: HandClock, ring: FolderKeyRing
) -> None:
    with database.unit_of_work() as work:
        work.session.add(PersonalDataRow(order_id="nobody's", seal="e30.e30", dies_at=DIES_AT))
    clock.advance(hours=2, minutes=11)
    expire(database, ring)
    assert outbox(database) == []
