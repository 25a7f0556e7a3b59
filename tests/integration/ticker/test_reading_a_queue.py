"""What it costs to look for work does not grow with what was done since PostgreSQL last vacuumed."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, event, text

from orderbridge.database.unit_of_work import Database
from schemas.accounts import AccountAttention
from schemas.base import Event
from schemas.orders import KeyExpired
from services.redactor.key_expiry import AT_ONCE, next_under_the_key
from services.ticker.relay import BATCH, Relay
from tests.parts.databases import empty
from tests.parts.hand_clock import START, HandClock
from tests.parts.pages_read import pages_read
from tests.parts.publishing import FakeBroker

_TABLES = ("outbox", "orders", "personal_data")
_ORDERS = (
    """INSERT INTO orders (order_id, account_id, order_number, amazon_status, fulfilled_by, placed_at,
        amazon_updated_at, sequence, document)
    SELECT lpad(n::text, 7, '0'), 'main', n::text, 'shipped', 'merchant', :now, :now, 1, '{}'
    FROM generate_series(1, :count) n""",
    """INSERT INTO personal_data (order_id, seal, dies_at)
    SELECT lpad(n::text, 7, '0'), 'sealed', :now FROM generate_series(1, :count) n""",
)


@pytest.fixture
def unvacuumed(migrated_postgres: Database) -> Iterator[Database]:
    """Its tables are analysed while they are empty, and never again."""
    migrated_postgres.clock = HandClock()
    empty(migrated_postgres)
    for table in _TABLES:
        at_once(migrated_postgres, f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        vacuum(migrated_postgres, table)
    yield migrated_postgres
    if event.contains(migrated_postgres.engine, "begin", bitmaps_look_cheap):
        event.remove(migrated_postgres.engine, "begin", bitmaps_look_cheap)
    for table in _TABLES:
        at_once(migrated_postgres, f"ALTER TABLE {table} RESET (autovacuum_enabled)")


def vacuum(database: Database, tables: str) -> None:
    at_once(database, f"VACUUM ANALYZE {tables}")


def at_once(database: Database, statement: str) -> None:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))


def bitmaps_look_cheap(connection: Connection) -> None:
    connection.exec_driver_sql("SET LOCAL random_page_cost = 100")


def long_event(key: str) -> Event:
    """As long as an order's."""
    return AccountAttention(
        account_id=key, trouble="a", message=random.Random(key).randbytes(700).hex(), what_to_do="", since=START
    )


def test_the_relay_looks_at_no_more_than_at_first(unvacuumed: Database) -> None:
    """Bitmaps look cheap to the planner here, as they do where its figures of a table that grows are old."""
    event.listen(unvacuumed.engine, "begin", bitmaps_look_cheap)
    relay = Relay(unvacuumed, FakeBroker().publish, holder="a")

    def publish(hundreds: int) -> None:
        for _ in range(hundreds):
            with unvacuumed.unit_of_work() as work:
                work.post_all(long_event(str(number)) for number in range(BATCH))
            while relay.tick().more:
                pass

    with pages_read(unvacuumed.engine, "SELECT outbox.position") as pages:
        publish(50)
    assert len(pages) > 50
    assert max(pages[-20:]) < 300, "5,000 events lie behind"


def test_the_next_orders_under_a_key_are_found_from_the_last_ones_on(unvacuumed: Database) -> None:
    count = 20_000
    with unvacuumed.unit_of_work() as work:
        for statement in _ORDERS:
            work.session.execute(text(statement), {"now": START, "count": count})
    vacuum(unvacuumed, "orders, personal_data")
    query = next_under_the_key(KeyExpired(moment=START, after=f"{count * 3 // 4:07}"))
    with pages_read(unvacuumed.engine, "SELECT personal_data") as pages, unvacuumed.unit_of_work() as work:
        assert len(work.session.scalars(query).all()) == AT_ONCE
    assert max(pages) < 20
