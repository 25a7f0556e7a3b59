"""Brings the database to this release's tables (Alembic)."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from orderbridge.database.models import Base


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine) -> bool:
    """Apply every migration that is missing, in one transaction.

    False if the database is ahead of this release, as it may be by one (docs/operations/upgrade.md): nothing is done.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # On a busy machine more than the 10 s of a handler's may pass between two statements of a migration.
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7022113)")  # one migration at a time
        if _is_ahead(connection):
            return False
        command.upgrade(_config(connection), "head")
        return True


def is_ahead(engine: Engine) -> bool:
    """Whether the database is at a revision that this release does not know: a later one has migrated it."""
    with engine.connect() as connection:
        return _is_ahead(connection)


def _is_ahead(connection: Connection) -> bool:
    current = MigrationContext.configure(connection).get_current_revision()
    known = ScriptDirectory.from_config(_config(connection)).walk_revisions()
    return current is not None and current not in {script.revision for script in known}


def current_and_head(engine: Engine) -> tuple[str | None, str | None]:
    """The revision the database is at, and the one this release needs."""
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        return current, ScriptDirectory.from_config(_config(connection)).get_current_head()


def differences(engine: Engine) -> list[object]:
    """What models and migrated tables disagree on: must be nothing."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))
