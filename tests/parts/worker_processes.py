"""Workers as processes that a test kills. Not the supervisor's: that waits ever longer before it starts them again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import requests

from orderbridge import memory
from orderbridge.ports import free_port
from orderbridge.supervisor import SUPERVISED
from tests.parts.process import wait_until

REPOSITORY = Path(__file__).parents[2]


@dataclass
class WorkerProcesses:
    """Workers by name (`shipper`, `shipper-2`, …), each with a stable instance name and a health page of its own.

    `command` is what follows `python -m`, with the service in its last place: that of the name unless told. The output
    goes to `logs/NAME.log`. They end when the tests do, however that is.
    """

    environment: Mapping[str, str]
    command: tuple[str, ...]
    logs: Path
    own: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What only the worker of that name has in its environment."""
    _health: dict[str, int] = field(default_factory=dict)
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, names: Iterable[str], *, seconds: float = 90) -> None:
        """Start these, and wait until they are ready."""
        names = list(names)
        for name in names:
            self.spawn(name)
        wait_until(lambda: all(map(self.is_ready, names)), seconds=seconds, what=", ".join(names), interval=0.2)

    def spawn(self, name: str) -> None:
        """Start this one, for the first time or again; it is not ready yet."""
        if name in self._processes:
            self.end(name)
        port = self._health.setdefault(name, free_port())
        own = {"ORDERBRIDGE_INSTANCE": name, "ORDERBRIDGE_HEALTH_PORT": str(port), SUPERVISED: "1"}
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", *self.command, name.partition("-")[0]],
                env={**memory.ENVIRONMENT, **os.environ, **self.environment, **own, **self.own.get(name, {})},
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def names(self) -> list[str]:
        """What they are called."""
        return list(self._processes)

    def pid(self, name: str) -> int:
        """The process id."""
        return self._processes[name].pid

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        self._processes[name].send_signal(number)

    def end(self, name: str) -> None:
        """SIGKILL, also for one that is stopped or has ended; returns when it is gone."""
        process = self._processes[name]
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()

    def kill(self, name: str) -> None:
        """SIGKILL, and a new one at once."""
        self.spawn(name)

    def dead(self) -> dict[str, int]:
        """Those that have ended, with their exit status: minus the signal's number if one ended it."""
        statuses = {name: process.poll() for name, process in self._processes.items()}
        return {name: status for name, status in statuses.items() if status is not None}

    def report(self, name: str) -> dict[str, object]:
        """What its health page says; nothing if it does not answer."""
        try:
            answer = requests.get(f"http://127.0.0.1:{self._health[name]}/healthz", timeout=2)
            report: dict[str, object] = answer.json()
            return report
        except (requests.RequestException, ValueError):
            return {}

    def is_ready(self, name: str) -> bool:
        """Whether it says so."""
        try:
            return requests.get(f"http://127.0.0.1:{self._health[name]}/readyz", timeout=2).ok
        except requests.RequestException:
            return False

    def close(self) -> None:
        """The end of all."""
        for name in self._processes:
            self.end(name)
