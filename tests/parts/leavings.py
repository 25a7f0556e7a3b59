"""What has left memory, to be searched: the bytes of data folders, and what tables and topics say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import inspect, text

import tests.parts.kafka_python  # noqa: F401 - before the bus, which imports Kafka
from orderbridge.bus.reading import read_topics
from orderbridge.database.models import Base
from orderbridge.database.unit_of_work import Database
from orderbridge.settings import Settings
from schemas.events import all_topics
from tests.parts.needles import Search


def search_everything(settings: Settings, database: Database, folders: Iterable[Path]) -> Search:
    """Every file below the folders, with PostgreSQL's log written out to its pages; every row, every record."""
    found = Search()
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("CHECKPOINT"))
    for folder in folders:
        found.folder(folder)
    search_rows(database, found)
    search_topics(settings, found)
    return found


def search_rows(database: Database, found: Search) -> None:
    """What the tables say, however a page holds it: a long text may be cut in two there, and a canary with it."""
    with database.engine.connect() as connection:
        for name in inspect(connection).get_table_names():
            for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"'):  # noqa: S608  (our own tables)
                found.text(f"table {name}", b"\n".join(_values(row)))


def search_topics(settings: Settings, found: Search) -> None:
    """What consumers are given, however a segment holds it."""
    for record in read_topics(settings, all_topics()):
        headers = b"\n".join(value for _, value in record.headers if value)
        found.text(f"topic {record.topic}", b"\n".join((record.key or b"", headers, record.value or b"")))


def store_without_compression(database: Database) -> None:
    """Long texts as they are on PostgreSQL's pages: compressed, a canary would hide from the search."""
    with database.engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            for column in inspect(connection).get_columns(table.name):
                if str(column["type"]).startswith(("TEXT", "VARCHAR", "BYTEA")):
                    connection.execute(
                        text(f'ALTER TABLE "{table.name}" ALTER COLUMN "{column["name"]}" SET STORAGE EXTERNAL')
                    )


def _values(row: Iterable[Any]) -> Iterator[bytes]:
    for value in row:
        yield value if isinstance(value, bytes) else str(value).encode()
