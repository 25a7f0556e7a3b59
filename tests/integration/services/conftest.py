"""The whole system in one process, on SQLite unless a test asks for both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.parts.consenting import Shop
from tests.parts.in_process import System
from tests.parts.sandbox_server import SandboxServer

Start = Callable[..., System]


@pytest.fixture
def start(sqlite_url: str, tmp_path: Path, sandbox: SandboxServer) -> Iterator[Start]:
    """Starts the system on SQLite; keywords are settings of its account."""
    with ExitStack() as stack:
        yield lambda **account: stack.enter_context(closing(System(sqlite_url, tmp_path, sandbox, **account)))


@pytest.fixture
def system(start: Start) -> System:
    """The system on SQLite, with one connected account that imports from now on."""
    return start()


@pytest.fixture
def anywhere(database_url: str, tmp_path: Path, sandbox: SandboxServer) -> Iterator[System]:
    """The system on SQLite and on PostgreSQL: where locks matter."""
    with closing(System(database_url, tmp_path, sandbox)) as system:
        yield system


@pytest.fixture
def postgres_system(postgres_url: str, tmp_path: Path, sandbox: SandboxServer) -> Iterator[System]:
    """The system on PostgreSQL, for several threads at once."""
    with closing(System(postgres_url, tmp_path, sandbox)) as system:
        yield system


@pytest.fixture
def shop(system: System, sandbox: SandboxServer) -> Iterator[Shop]:
    """A person in front of the console, on SQLite."""
    shop = Shop(system, sandbox)
    yield shop
    shop.seller.close()


@pytest.fixture
def shop_anywhere(anywhere: System, sandbox: SandboxServer) -> Iterator[Shop]:
    """The same on SQLite and on PostgreSQL."""
    shop = Shop(anywhere, sandbox)
    yield shop
    shop.seller.close()
