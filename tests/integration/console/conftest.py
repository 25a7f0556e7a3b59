"""A console over each database, with the clock that the test moves, and an account to look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from orderbridge.access import passwords
from orderbridge.database.unit_of_work import Database
from tests.parts.console import ConsoleServer, add_account


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hashes of a millisecond: how strong they are is tests/unit/console's."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    passwords.nobodys_hash.cache_clear()
    yield
    passwords.nobodys_hash.cache_clear()


@pytest.fixture
def console(database: Database) -> Iterator[ConsoleServer]:
    """The console."""
    with ConsoleServer(database) as server:
        yield server


@pytest.fixture
def account(database: Database) -> str:
    """An account that is connected, in two marketplaces, and not enabled."""
    add_account(database, "main")
    return "main"
