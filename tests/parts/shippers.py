"""Shippers as processes that a test kills. Not the supervisor's: that waits ever longer before it starts them again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import requests

from orderbridge.ports import free_port
from tests.parts.distributed_house import DistributedHouse
from tests.parts.process import wait_until


class Shippers:
    """So many shippers of a house, each with a stable instance name; `module` is the program."""

    def __init__(self, house: DistributedHouse, number: int, module: tuple[str, ...]) -> None:
        self._environment = {**os.environ, **house.environment}
        self._command = [sys.executable, "-m", *module]
        self._folder = house.folder
        self._health = {f"shipper-{number}": free_port() for number in range(number)}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """All of them, ready."""
        for name in self._health:
            self._start(name)
        wait_until(lambda: all(map(self._is_ready, self._health)), seconds=90, what="the shippers", interval=0.2)

    def names(self) -> list[str]:
        """What they are called."""
        return list(self._health)

    def kill(self, name: str) -> None:
        """SIGKILL, and a new one at once."""
        self._end(name)
        self._start(name)

    def restart_dead(self) -> list[str]:
        """Start again whatever ended by itself; returns their names."""
        dead = [name for name, process in self._processes.items() if process.poll() is not None]
        for name in dead:
            self._start(name)
        return dead

    def close(self) -> None:
        """The end of all."""
        for name in list(self._processes):
            self._end(name)

    def _start(self, name: str) -> None:
        own = {"ORDERBRIDGE_INSTANCE": name, "ORDERBRIDGE_HEALTH_PORT": str(self._health[name])}
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                self._command,
                env=self._environment | own,
                cwd=Path(__file__).parents[2],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _end(self, name: str) -> None:
        self._processes[name].kill()
        self._processes[name].wait()

    def _is_ready(self, name: str) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self._health[name]}/readyz", timeout=2).ok
        except requests.RequestException:
            return False
