"""A service as a child process of a test, with its health page and its log."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from orderbridge.ports import free_port
from tests.parts.process import ServerProcess, wait_until

PARTITIONS = 3
"""Of each topic."""


class ChildProcess:
    """A worker or a ticker, with its health page and its log."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._port = free_port()
        self._log = log
        variables = [f"{name}={value}" for name, value in environment.items()]
        variables += [f"ORDERBRIDGE_HEALTH_PORT={self._port}", f"PYTHONPATH={Path(__file__).parents[2]}"]
        self.server = ServerProcess(["/usr/bin/env", *variables, *command], log=log)
        self.server.start()

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self.server.pid is not None
        return self.server.pid

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait_for_end(self, seconds: float = 30) -> None:
        """Return when it has ended by itself, or by a signal sent before."""
        wait_until(lambda: self.server.failure() is not None, seconds=seconds, what="the end of a child process")
        self.server.stop()

    def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and report of its health page; (0, {}) if it does not answer."""
        status, body = self._get(path)
        return status, json.loads(body) if body else {}

    def metrics(self) -> str:
        """The text of `/metrics`."""
        return self._get("/metrics")[1]

    def wait_for_partitions(self, number: int = 2 * PARTITIONS, seconds: float = 40) -> None:
        """Return when it has been assigned so many partitions (of its two topics together)."""
        wait_until(
            lambda: self.ask("/healthz")[1].get("partitions") == number, seconds=seconds, what=f"{number} partitions"
        )

    def log(self) -> str:
        """Everything it has written."""
        return self._log.read_text()

    def _get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""
