"""Runs the services as child processes of one command, restarts one that dies, and leaves none behind.

Each child holds the reading end of a pipe as its standard input. When the supervisor ends, however it ends, the pipe
closes and the child stops itself (`stop_with_supervisor`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from orderbridge import memory

log = structlog.get_logger()
SUPERVISED = "ORDERBRIDGE_SUPERVISED"
_STOP_SECONDS = 10.0
_LONGEST_BACKOFF = 30.0
_LONGEST_LOG = 10_000_000
"""Bytes of a log; looked at when a child is started, and one older log is kept."""


@dataclass
class _Child:
    name: str
    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    started_at: float
    failures: int = 0
    restart_at: float | None = None


@dataclass
class Supervisor:
    """Keeps children running; their output goes to `logs/NAME.log`, and once that is long it becomes `NAME.log.1`."""

    logs: Path
    _children: dict[str, _Child] = field(default_factory=dict)
    _stopping: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(
        self, service: str, arguments: list[str], environment: Mapping[str, str], *, name: str | None = None
    ) -> None:
        """Start a service with arguments, and with these variables besides our own; `name` tells it from others."""
        name = name or service
        command = [sys.executable, "-m", "orderbridge.service", service, *arguments]
        complete = {**memory.ENVIRONMENT, **os.environ, **environment, SUPERVISED: "1"}
        with self._lock:
            if not self._stopping:
                process = self._spawn(name, command, complete)
                self._children[name] = _Child(name, command, complete, process, time.monotonic())

    def pids(self) -> dict[str, int]:
        """The process id of each running child."""
        return {name: child.process.pid for name, child in self._children.items() if child.process.poll() is None}

    def watch(self) -> None:
        """Restart children that have ended, with growing pauses. To be called again and again."""
        with self._lock:
            for child in self._children.values():
                if self._stopping or child.process.poll() is None:
                    continue
                now = time.monotonic()
                if child.restart_at is None:
                    child.failures = 1 if now - child.started_at > 60 else child.failures + 1
                    child.restart_at = now + min(2.0 ** (child.failures - 1), _LONGEST_BACKOFF)
                    log.warning("ended, will be restarted", child=child.name, status=child.process.returncode)
                elif now >= child.restart_at:
                    _close(child.process)
                    child.process = self._spawn(child.name, child.command, child.environment)
                    child.started_at, child.restart_at = now, None

    def failing(self) -> list[str]:
        """Children that have ended three times in a row."""
        return [child.name for child in self._children.values() if child.failures >= 3]

    def stop(self) -> None:
        """Stop all children: SIGTERM, and after ten seconds SIGKILL."""
        with self._lock:
            self._stopping = True
        for child in self._children.values():
            if child.process.poll() is None:
                child.process.terminate()
        end = time.monotonic() + _STOP_SECONDS
        for child in self._children.values():
            try:
                child.process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            _close(child.process)

    def _spawn(self, name: str, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        self.logs.mkdir(parents=True, exist_ok=True)
        log_file = self.logs / f"{name}.log"
        if log_file.exists() and log_file.stat().st_size > _LONGEST_LOG:
            log_file.replace(self.logs / f"{name}.log.1")
        with log_file.open("ab") as output:
            return subprocess.Popen(  # noqa: S603  (our own command)
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C on the terminal is the supervisor's to handle
            )


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def stop_with_supervisor() -> None:
    """In a supervised child: end when the supervisor has ended (its end of our standard input closes)."""
    if not os.environ.pop(SUPERVISED, None):
        return

    def wait_for_the_end() -> None:
        while os.read(0, 1):  # not through sys.stdin, whose lock would be held when the interpreter ends
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_STOP_SECONDS)
        os._exit(1)

    threading.Thread(target=wait_for_the_end, name="supervised", daemon=True).start()
