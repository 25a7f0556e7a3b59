"""The command line in a folder of its own, on a migrated SQLite file that the environment names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import tests.parts.kafka_python  # noqa: F401 - before the command line, which imports Kafka
from orderbridge.accounts.settings import AccountSettings
from orderbridge.cli import app, application
from orderbridge.database.models import Account
from orderbridge.database.unit_of_work import Database
from tests.parts.command_line import LIVE, Command
from tests.parts.databases import migrated


@pytest.fixture
def command(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `orderbridge` with some arguments; a traceback fails the test."""
    for name in os.environ:
        if name.startswith("ORDERBRIDGE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ORDERBRIDGE_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("COLUMNS", "300")  # Typer's own messages; ours were given a width when they were imported
    for console in (application.console, application.errors):
        monkeypatch.setattr(console, "_width", 300)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **options: Any) -> Result:
        result = CliRunner().invoke(app, arguments, **options)
        if not isinstance(result.exception, SystemExit | None):
            raise result.exception
        return result

    return run


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """The command line's database."""
    with migrated(sqlite_url) as database:
        yield database


@pytest.fixture
def account(database: Database) -> str:
    """An account that is connected and enabled."""
    with database.unit_of_work() as work:
        work.session.add(
            Account(
                account_id="main",
                marketplace_ids='["ATVPDKIKX0DER"]',
                refresh_token="sealed",
                settings=AccountSettings(enabled=True).model_dump_json(),
                connected_at=work.now,
                **LIVE,
            )
        )
    return "main"
