"""The whole system in one process, on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.parts.in_process import System
from tests.parts.sandbox_server import SandboxServer


@pytest.fixture
def system(sqlite_url: str, tmp_path: Path, sandbox: SandboxServer) -> Iterator[System]:
    """The system on SQLite, with one connected account that imports from now on."""
    with closing(System(sqlite_url, tmp_path, sandbox)) as system:
        yield system
