"""The whole system in one process, with a reporter and a real mail server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.parts.mail_server import MailServer
from tests.parts.mailing_system import MailingSystem
from tests.parts.sandbox_server import SandboxServer

Start = Callable[..., MailingSystem]


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server that takes all mail."""
    server = MailServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def start(sqlite_url: str, tmp_path: Path, sandbox: SandboxServer, server: MailServer) -> Iterator[Start]:
    """Starts the system on SQLite; keywords are settings of its account."""
    with ExitStack() as stack:

        def start(**account: Any) -> MailingSystem:
            return stack.enter_context(closing(MailingSystem(sqlite_url, tmp_path, sandbox, server, **account)))

        yield start


@pytest.fixture
def system(start: Start) -> MailingSystem:
    """The system on SQLite."""
    return start()


@pytest.fixture
def anywhere(database_url: str, tmp_path: Path, sandbox: SandboxServer, server: MailServer) -> Iterator[MailingSystem]:
    """The system on SQLite and on PostgreSQL."""
    with closing(MailingSystem(database_url, tmp_path, sandbox, server)) as system:
        yield system


@pytest.fixture
def postgres_system(
    postgres_url: str, tmp_path: Path, sandbox: SandboxServer, server: MailServer
) -> Iterator[MailingSystem]:
    """The system on PostgreSQL, for several reporters at once."""
    with closing(MailingSystem(postgres_url, tmp_path, sandbox, server)) as system:
        yield system
