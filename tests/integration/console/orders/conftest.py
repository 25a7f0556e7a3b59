"""The console of a whole system that runs in this process, with somebody of each role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.parts.console import ConsoleServer, Visitor
from tests.parts.in_process import System
from tests.parts.sandbox_server import SandboxServer


@pytest.fixture
def anywhere(database_url: str, tmp_path: Path, sandbox: SandboxServer) -> Iterator[System]:
    """The system, on SQLite and on PostgreSQL."""
    with closing(System(database_url, tmp_path, sandbox)) as system:
        yield system


@pytest.fixture
def console(anywhere: System) -> Iterator[ConsoleServer]:
    """Its console, at Amazon's own addresses: links to Seller Central are shown."""
    with ConsoleServer(anywhere.database) as server:
        yield server


@pytest.fixture
def operator(console: ConsoleServer) -> Visitor:
    """Somebody who may act."""
    console.signed_in("owner")
    return console.signed_in("olga", "operator")
