"""Servers as child processes of the tests: their ports, their start and their end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import psutil

from tests.parts.patience import PATIENCE

STOP_SECONDS = 60.0


class Server(Protocol):
    """What can be taken down and up again in the same place, with the same data."""

    def start(self) -> None:
        """Launches it; it may not answer yet."""

    def stop(self, *, kill: bool = False) -> None:
        """Ends it, orderly or by SIGKILL, and returns when it is gone."""

    def close(self) -> None:
        """Ends it for good."""

    def failure(self) -> str | None:
        """The end of its log if it has died, else None."""


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str, interval: float = 0.02) -> None:
    """Polls `condition` until it holds. Raises TimeoutError naming `what` when it has not within `seconds`.

    These are a quiet machine's seconds (`tests/parts/patience.py`).
    """
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(interval)


class ServerProcess:
    """A server in a process group of its own.

    A watcher, one `sh` waiting for the end of a pipe, kills the group when the tests die without cleaning up: Java and
    PostgreSQL would stay otherwise.
    """

    def __init__(
        self,
        command: list[str],
        *,
        log: Path,
        stop_signal: signal.Signals = signal.SIGTERM,
        uid_gid: tuple[int, int] | None = None,
    ) -> None:
        """`log` takes both outputs; `uid_gid` is the user to run as, for root only."""
        self._command = command
        self._log = log
        self._stop_signal = stop_signal
        self._uid_gid = uid_gid
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The id of the running process."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Launches the process. Raises RuntimeError if it runs."""
        if self._process:
            raise RuntimeError(f"{self._command[0]} runs already")
        user, group = self._uid_gid or (None, None)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=group,
                extra_groups=[] if self._uid_gid else None,
            )
        self._watcher = subprocess.Popen(
            ["/bin/sh", "-c", 'cat; kill -s KILL -- "-$1"', "watcher", str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stop(self, *, kill: bool = False) -> None:
        """Ends the process, with SIGKILL if `kill` or if it does not go by itself; returns when all of it is gone."""
        if self._process is None or self._watcher is None:
            return
        # PostgreSQL's children have sessions of their own and hold its shared memory, so they must be gone too.
        family = _with_children(self._process.pid)
        if kill:
            _kill(family)
        elif self._process.poll() is None:
            os.kill(self._process.pid, self._stop_signal)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                _kill(family)
        self._process.wait(STOP_SECONDS)
        psutil.wait_procs(family, timeout=STOP_SECONDS)
        self._watcher.kill()
        self._watcher.communicate()
        self._process = self._watcher = None

    def close(self) -> None:
        """Ends the process."""
        self.stop()

    def failure(self) -> str | None:
        """The end of the log if the process has died, else None."""
        if self._process is not None and self._process.poll() is None:
            return None
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return "\n".join(lines[-20:]) or "it left no output"


def _with_children(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _kill(family: list[psutil.Process]) -> None:
    for process in family:
        if process.is_running():
            process.kill()
