"""A SQLite database copied and put back, as an operator restores a dump."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from orderbridge.database.unit_of_work import Database


def dump(database: Database, to: Path) -> Path:
    """A copy of the database, whole, by SQLite's own backup."""
    with closing(sqlite3.connect(_file(database))) as here, closing(sqlite3.connect(to)) as copy:
        here.backup(copy)
    return to


def restore(database: Database, dumped: Path) -> None:
    """Put the copy in the place of what is there now."""
    database.engine.dispose()
    file = _file(database)
    for part in ("-wal", "-shm"):
        file.with_name(file.name + part).unlink(missing_ok=True)
    shutil.copy(dumped, file)


def _file(database: Database) -> Path:
    name = database.engine.url.database
    assert name is not None
    return Path(name)
