"""What it costs to ask the inbox for many events does not grow with what their consumer has handled."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, text

from orderbridge.database import inbox
from orderbridge.database.unit_of_work import Database
from tests.parts.pages_read import pages_read

BATCHES, OF = 40, 500
SOURCES = ("orderbridge", "store")
ASKED = {(source, f"new-{number}") for number in range(25) for source in SOURCES}
KNOWN = {("orderbridge", "249-1"), ("store", "249-39")}


def handle(database: Database, consumer: str, *, sources: tuple[str, ...] = SOURCES) -> None:
    """Events of made-up ids: neighbours in the index lie far apart in the table."""
    for batch in range(BATCHES):
        events = ((source, f"{number}-{batch}") for number in range(OF // len(sources)) for source in sources)
        with database.unit_of_work() as work:
            assert inbox.record_handled(work, consumer, dict.fromkeys(events, "d")) == OF


def test_ids_may_be_of_any_printable_text(database: Database) -> None:
    events = {("söurce", 'quo"te'), ("back\\slash", "😀"), ("it's", "[1]")}
    with database.unit_of_work() as work:
        inbox.record_handled(work, "redactor", dict.fromkeys(events, "d"))
        assert inbox.known(work, "redactor", events | ASKED) == events


def test_on_postgresql_whose_figures_are_from_before(migrated_postgres: Database) -> None:
    """They say that this consumer has handled nearly nothing."""
    handle(migrated_postgres, "importer", sources=("orderbridge",))
    with migrated_postgres.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ALTER TABLE inbox SET (autovacuum_enabled = off)"))
        connection.execute(text("VACUUM ANALYZE inbox"))
    handle(migrated_postgres, "redactor")
    with migrated_postgres.unit_of_work() as work, pages_read(migrated_postgres.engine, "SELECT") as pages:
        assert inbox.known(work, "redactor", ASKED | KNOWN) == KNOWN
    assert len(pages) == 1
    assert pages[0] < 10 * len(ASKED)


def test_on_sqlite(migrated_sqlite: Database) -> None:
    """Counted in steps of SQLite's machine."""
    handle(migrated_sqlite, "redactor")
    thousands: list[None] = []

    def count(connection: Any, *_: Any) -> None:
        connection.connection.set_progress_handler(lambda: thousands.append(None), 1000)

    with migrated_sqlite.unit_of_work() as work:
        event.listen(migrated_sqlite.engine, "before_cursor_execute", count, once=True)
        assert inbox.known(work, "redactor", ASKED | KNOWN) == KNOWN
        work.session.connection().connection.set_progress_handler(None, 0)
    assert len(thousands) < 20
