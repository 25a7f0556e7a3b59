from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.parts.process import ServerProcess, wait_until

OWNER = """
import pathlib, sys, time
from tests.parts.process import ServerProcess
server = ServerProcess(["sleep", "600"], log=pathlib.Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def sleeper(tmp_path: Path) -> ServerProcess:
    return ServerProcess(["sleep", "600"], log=tmp_path / "log")


@pytest.mark.parametrize("kill", [False, True])
def test_stop_ends_the_process_and_its_watcher(sleeper: ServerProcess, kill: bool) -> None:
    before = psutil.Process().children()
    sleeper.start()
    assert len(psutil.Process().children()) == len(before) + 2
    sleeper.stop(kill=kill)
    assert psutil.Process().children() == before
    sleeper.stop()


def test_it_starts_again(sleeper: ServerProcess) -> None:
    sleeper.start()
    with pytest.raises(RuntimeError, match="runs already"):
        sleeper.start()
    first = sleeper.pid
    sleeper.stop(kill=True)
    sleeper.start()
    assert sleeper.pid not in (None, first)
    assert sleeper.failure() is None
    sleeper.close()


def test_a_process_that_ignores_its_stop_signal_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.parts.process.STOP_SECONDS", 0.2)
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    process = ServerProcess([sys.executable, "-c", deaf], log=tmp_path / "log")
    process.start()
    wait_until(lambda: (tmp_path / "log").read_text() == "deaf\n", seconds=20, what="the process")
    pid = process.pid
    process.stop()
    assert not psutil.pid_exists(pid or 0)


def test_a_dead_process_leaves_its_last_words(tmp_path: Path) -> None:
    process = ServerProcess(["sh", "-c", "echo no room; exit 1"], log=tmp_path / "log")
    process.start()
    wait_until(lambda: process.failure() is not None, seconds=20, what="its end")
    assert process.failure() == "no room"
    process.close()


def test_a_server_does_not_outlive_killed_tests(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        server = psutil.Process(int(owner.stdout.readline()))
        assert server.is_running()
        owner.send_signal(signal.SIGKILL)
    wait_until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE, seconds=20, what="its end")


def test_waiting_ends_at_its_bound() -> None:
    with pytest.raises(TimeoutError, match="the moon: not within 0 s"):
        wait_until(lambda: False, seconds=0.05, what="the moon")


def test_nothing_of_the_environment_is_lost(tmp_path: Path) -> None:
    process = ServerProcess(["sh", "-c", "echo $PATH"], log=tmp_path / "log")
    process.start()
    wait_until(lambda: process.failure() is not None, seconds=20, what="its end")
    assert process.failure() == os.environ["PATH"]
    process.close()
