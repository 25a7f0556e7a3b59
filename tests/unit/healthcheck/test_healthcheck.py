"""What Docker's health checks ask, by the very command that docker-compose.yml has."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from orderbridge.bus.health import serve_health
from orderbridge.healthcheck import ask
from orderbridge.ports import free_port

STATE: dict[str, Any] = {}


@pytest.fixture
def url() -> Iterator[str]:
    """A service's health page, whose state is in `STATE`."""
    server = serve_health("127.0.0.1", 0, "shipper", lambda: STATE)
    yield f"http://127.0.0.1:{server.server_port}/readyz"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("state", "well"), [("ok", True), ("waiting", False), ("stuck", False)])
def test_who_waits_or_is_stuck_is_not_well_and_says_why(url: str, state: str, well: bool) -> None:
    STATE.update(state=state, waiting_for="the database")
    answer, words = ask(url)
    assert (answer, '"waiting_for": "the database"' in words) == (well, True)


def test_nobody_there_is_not_well() -> None:
    assert ask(f"http://127.0.0.1:{free_port()}/readyz") == (False, "no answer: ConnectionRefusedError")


def test_the_status_is_the_answer(url: str) -> None:
    command = [sys.executable, "-m", "orderbridge.healthcheck", url]
    STATE.update(state="ok")
    assert subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0
    STATE.update(state="stuck")
    stuck = subprocess.run(command, capture_output=True, check=False, timeout=30, text=True)
    assert (stuck.returncode, "stuck" in stuck.stdout, stuck.stderr) == (1, True, "")
