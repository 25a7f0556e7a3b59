"""Migrations give the models' tables, on both databases, however often and by however many they are run."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, select, text

from orderbridge.database.engine import LONGEST_IDLE, connect
from orderbridge.database.migrate import _config, current_and_head, differences, is_ahead, upgrade
from orderbridge.database.models import AccountState, Base, OutboxRow
from orderbridge.database.unit_of_work import Database
from schemas.shipments import ShipmentCheck
from tests.parts import at_once
from tests.parts.databases import migrated


def test_models_and_migrations_agree(database: Database) -> None:
    assert differences(database.engine) == []
    assert set(inspect(database.engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
    current, head = current_and_head(database.engine)
    assert current == head is not None


def test_a_difference_would_be_found(database_url: str) -> None:
    with migrated(database_url) as database:
        with database.engine.begin() as connection:
            connection.execute(text("ALTER TABLE slots ADD COLUMN forgotten INTEGER"))
        assert "forgotten" in str(differences(database.engine))


def test_partial_indexes_are_partial_in_both(database: Database) -> None:
    """Alembic does not compare an index's WHERE."""
    indexes = {index["name"]: index for index in inspect(database.engine).get_indexes("outbox")}
    for name in ("uq_outbox_name", "ix_outbox_due"):
        where = {key: str(value) for key, value in indexes[name]["dialect_options"].items() if key.endswith("_where")}
        assert "published_at IS NULL" in "".join(where.values()), name
    assert indexes["uq_outbox_name"]["unique"]


def test_a_second_upgrade_does_nothing(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("INSERT INTO leases (name, holder, until) VALUES ('a', 'b', '2026-11-24 09:00:00')"))
    upgrade(database.engine)
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT holder FROM leases")).scalar_one() == "b"


def test_a_migration_may_be_idle_for_long(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Handlers may not: `orderbridge/database/engine.py`."""
    allowed = []

    def look(config: Config, _: str) -> None:
        connection = config.attributes["connection"]
        allowed.append(connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar_one())

    monkeypatch.setattr(command, "upgrade", look)
    with closing(Database(postgres_url)) as database:
        upgrade(database.engine)
        with database.engine.connect() as connection:
            look(_config(connection), "head")
    assert allowed == ["0", f"{LONGEST_IDLE}s"]


def test_rows_of_the_first_tables_stay(database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        command.upgrade(_config(connection), "0001")
        connection.execute(
            text(
                "INSERT INTO outbox (event_id, event_type, topic, key, body, posted_at, due_at) VALUES "
                "('a', 'shipper.dead-letter', 'shipper.dead-letter', 'k', '{}', '2026-11-24 09:00', '2026-11-24 09:00')"
            )
        )
    upgrade(engine)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT event_id, settled_as, settled_at FROM outbox")).all()
    engine.dispose()
    assert rows == [("a", None, None)]


def test_before_the_first_upgrade_there_is_no_revision(database_url: str) -> None:
    engine = connect(database_url)
    current, head = current_and_head(engine)
    engine.dispose()
    assert current is None
    assert head is not None


def test_a_database_ahead_of_this_release_is_left_as_it_is(database: Database) -> None:
    """Going back by one release needs no step: the old release's `migrate` runs before its services start."""
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert not upgrade(database.engine)
    assert current_and_head(database.engine)[0] == "9999"
    assert is_ahead(database.engine)


def test_one_behind_is_not_ahead(database_url: str) -> None:
    engine = connect(database_url)
    assert not is_ahead(engine)
    with engine.begin() as connection:
        command.upgrade(_config(connection), "0003")
    assert not is_ahead(engine)
    assert upgrade(engine)
    assert not is_ahead(engine)
    engine.dispose()


def test_processes_that_upgrade_at_once_wait_for_each_other(database_url: str) -> None:
    at_once.in_processes(at_once.migrate, [(database_url,)] * 3)
    engine = connect(database_url)
    assert differences(engine) == []
    engine.dispose()


def test_an_account_in_the_middle_of_an_import_survives_0004_and_back(database_url: str) -> None:
    engine = connect(database_url)
    moment = datetime(2026, 11, 24, 9, tzinfo=UTC)
    state = text('INSERT INTO account_states (account_id, cursor, "window") VALUES (:name, :cursor, :window)')
    states = text('SELECT account_id, "window" FROM account_states ORDER BY account_id')
    run = "INSERT INTO runs (run_id, account_id, kind, started_at, progress) VALUES ('r', 'main', 'search', :at, '{}')"
    at = "2026-11-24 09:00:00+00:00"
    with engine.begin() as connection:
        command.upgrade(_config(connection), "0003")
        connection.execute(state, {"name": "main", "cursor": at, "window": "{}"})
        connection.execute(state, {"name": "new", "cursor": None, "window": None})
    upgrade(engine)
    assert differences(engine) == []
    with engine.begin() as connection:
        found = connection.execute(select(AccountState).order_by(AccountState.account_id))
        rows = [(row.account_id, row.cursor, row.first_run_at) for row in found]
        connection.execute(text(run), {"at": at})
    assert rows == [("main", moment, moment), ("new", None, None)]
    with engine.begin() as connection:
        command.downgrade(_config(connection), "0003")
        assert connection.execute(states).all() == [("main", None), ("new", None)]
    upgrade(engine)
    assert differences(engine) == []
    engine.dispose()


def test_orders_that_await_shipment_are_looked_at_after_0006(database_url: str) -> None:
    engine = connect(database_url)
    order = text(
        "INSERT INTO orders (order_id, account_id, order_number, amazon_status, fulfilled_by, placed_at, "
        "amazon_updated_at, sequence, document) VALUES (:id, 'main', 'AMZ', :status, :by, :at, :at, 1, '{}')"
    )
    planned = text("SELECT key, name, topic, body FROM outbox WHERE topic = 'shipment.check' ORDER BY key")
    orders = [("a", "unshipped", "merchant"), ("b", "partially_shipped", "merchant")]
    others = [("c", "shipped", "merchant"), ("d", "unshipped", "amazon"), ("e", "pending", "merchant")]
    with engine.begin() as connection:
        command.upgrade(_config(connection), "0005")
        for name, status, by in (*orders, *others):
            at = "2026-11-24 09:00:00+00:00"
            connection.execute(order, {"id": name, "status": status, "by": by, "at": at})
    upgrade(engine)
    with engine.begin() as connection:
        rows = connection.execute(planned).all()
        assert [(row.key, row.name) for row in rows] == [("a", "shipment-check:a"), ("b", "shipment-check:b")]
        assert ShipmentCheck.model_validate_json(rows[0].body) == ShipmentCheck(order_id="a", account_id="main")
        due = connection.execute(select(OutboxRow.due_at)).scalars().all()
        assert all(abs((datetime.now(UTC) - moment).total_seconds()) < 60 for moment in due)
        command.downgrade(_config(connection), "0005")
        assert connection.execute(planned).all() == []
    engine.dispose()


def test_orders_get_their_queue_and_runs_their_problems(database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        command.upgrade(_config(connection), "0012")
        for order_id, document in (("A", '{"store": {"status": {"name": "On \u00e9t\u00e9"}}}'), ("B", "{}")):
            connection.execute(
                text(
                    "INSERT INTO orders (order_id, account_id, order_number, amazon_status, fulfilled_by, sequence, "
                    "document, placed_at, amazon_updated_at) VALUES (:id, 'main', 'AMZ', 'unshipped', 'merchant', 1, "
                    ":document, '2026-11-24 09:00', '2026-11-24 09:00')"
                ),
                {"id": order_id, "document": document},
            )
        for run_id, log, progress in (
            ("open", None, '{"problems": ["a"]}'),
            ("ended", '{"problems": ["a", "b"]}', "{}"),
        ):
            connection.execute(
                text(
                    "INSERT INTO runs (run_id, account_id, kind, started_at, progress, log) VALUES "
                    "(:id, :account, 'search', '2026-11-24 09:00', :progress, :log)"
                ),
                {"id": run_id, "account": run_id, "log": log, "progress": progress},
            )
    upgrade(engine)
    with engine.connect() as connection:
        assert dict(connection.execute(text("SELECT order_id, queue FROM orders")).all()) == {
            "A": "On \u00e9t\u00e9",
            "B": "",
        }
        assert dict(connection.execute(text("SELECT run_id, problems FROM runs")).all()) == {"open": 1, "ended": 2}
    engine.dispose()
