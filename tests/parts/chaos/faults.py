"""Has the faults of a schedule befall the house, each in its time, and starts again what they ended."""

from __future__ import annotations

import errno
import heapq
import itertools
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import requests

from orderbridge.recovery.rewinding import groups_of
from tests.parts.chaos.house import ChaosHouse
from tests.parts.chaos.schedule import ALONE, AMAZON, KILL, MEMORY, STOP, WORKERS, Fault, Schedule
from tests.parts.process import wait_until

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CGROUPS = Path("/sys/fs/cgroup/memory")
_SLOWER = 0.2
_HANGS = 3.0
_CHUNK = 1 << 20


class Faults:
    """`go_on` does what is due by now; `end` waits for the last and ends all that lasts."""

    def __init__(self, house: ChaosHouse, schedule: Schedule) -> None:
        self._house = house
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._began = time.monotonic()
        self._doomed: dict[str, int] = {}
        self._alone = False
        self.done: Counter[str] = Counter()
        self.by_kernel = 0
        self.ended_by_themselves: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        for fault in schedule.faults:
            self._plan(fault.at, lambda fault=fault: self._do(fault))  # type: ignore[misc]  # mypy knows no defaults of a lambda

    @property
    def kills(self) -> int:
        """So many times a process was ended from without."""
        return sum(self.done[kind] for kind in (KILL, MEMORY, "offsets set back, members killed"))

    def go_on(self) -> bool:
        """Do what is due, start again what has ended; False when all is over."""
        self._start_again()
        while self._due and self._due[0][0] <= time.monotonic() - self._began:
            before = time.monotonic()
            heapq.heappop(self._due)[2]()
            self._began += time.monotonic() - before  # a server that starts slowly brings no faults in a heap
        return bool(self._due)

    def _plan(self, at: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._due, (at, next(self._order), what))

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        self._plan(time.monotonic() - self._began + seconds, what)

    def _start_again(self) -> None:
        for name, status in self._house.workers.dead().items():
            if self._doomed.pop(name, None) == self._house.workers.pid(name) and status == -signal.SIGKILL:
                self.by_kernel += 1
            else:
                self.ended_by_themselves[f"{name} {status}"] += 1
            self._house.workers.spawn(name)

    def _until(self, seconds: float, end: Callable[[], object]) -> None:
        """Another fault that needs the house for itself waits until this one is over."""
        self._alone = True

        def end_it() -> None:
            end()
            self._alone = False

        self._later(seconds, end_it)

    def _do(self, fault: Fault) -> None:
        if fault.kind in ALONE and self._alone:  # all is late on a busy machine
            self._later(1.0, lambda: self._do(fault))
            return
        print(fault, flush=True)
        workers, proxies = self._house.workers, self._house.proxies
        tier, _, how = fault.kind.partition(" ")
        if fault.kind == KILL:
            workers.kill(fault.target)
        elif fault.kind == STOP:
            pid = workers.pid(fault.target)
            workers.signal(fault.target, signal.SIGSTOP)
            self._later(fault.lasts, lambda: self._continue(fault.target, pid))
        elif fault.kind == MEMORY:
            self._take_memory(fault.target)
        elif fault.kind == "offsets set back":
            self._set_back(fault.target)
        elif fault.kind == "disk full":
            self._fill_disk(fault)
        elif how == "stopped":
            server = self._house.kafka if tier == "broker" else self._house.postgres
            server.stop(kill=bool(self.done[fault.kind] % 2))
            self._until(fault.lasts, server.start)
        elif tier in proxies:
            proxy, until = proxies[tier], self._until if fault.kind in ALONE else self._later
            if how == "cut":
                proxy.cut(0.5 if self.done[fault.kind] % 2 else 1.0)
            elif how == "slow":
                proxy.slow(_SLOWER)
                until(fault.lasts, lambda: proxy.slow(0))
            else:
                proxy.silence()
                until(fault.lasts, proxy.speak)
        else:
            assert fault.kind in AMAZON
            wish = {"operation": fault.target, "kind": fault.kind, "count": 2, "seconds": _HANGS}
            self._house.post(f"{self._house.sandbox}/_sandbox/faults", wish)
        self.done[fault.kind] += 1

    def _continue(self, name: str, pid: int) -> None:
        if self._house.workers.pid(name) == pid:
            self._house.workers.signal(name, signal.SIGCONT)

    def _take_memory(self, name: str) -> None:
        """The kernel kills it at its next need of memory: its group has a limit, and is full.

        Without the right to make a group (root, cgroups v1 or v2) its address space is limited: what it asks for is
        refused, and it may end by itself or not.
        """
        pid = self._house.workers.pid(name)
        self._doomed[name] = pid
        try:
            limit_memory(pid)
        except OSError:
            self.left_out["out of memory by the kernel"] += 1
            with suppress(psutil.NoSuchProcess):
                psutil.Process(pid).rlimit(psutil.RLIMIT_AS, (1, 1))

        def kill_if_it_lives() -> None:
            if self._doomed.get(name) == pid and self._house.workers.pid(name) == pid:
                self.left_out["out of memory by the kernel"] += 1
                self._house.workers.kill(name)
                self._doomed.pop(name)

        self._later(10, kill_if_it_lives)

    def _set_back(self, service: str) -> None:
        """A group without members is taken back to between its beginning and where it is."""
        members = [name for name in WORKERS if name.partition("-")[0] == service]
        for name in members:
            self._house.workers.end(name)
            self.done["offsets set back, members killed"] += 1
        group = f"{self._house.settings.topic_prefix}orderbridge-{service}"
        with groups_of(self._house.settings) as groups:
            wait_until(lambda: group not in groups.members(), seconds=60, what=f"{group} is empty", interval=0.5)
            steps = [step for step in groups.plan(_EPOCH, datetime.now(UTC)).steps if step.group == group]
            share = 0.5 if self.done["offsets set back"] % 2 else 0.0
            back = (replace(step, target=step.target + int((step.committed - step.target) * share)) for step in steps)
            groups.rewind(tuple(back))
        for name in members:
            self._house.workers.spawn(name)

    def _fill_disk(self, fault: Fault) -> None:
        if self._house.disk is None:
            self.left_out[fault.kind] += 1
            return
        filling = self._house.disk / "filling"
        fill(filling)

        def free_it() -> None:
            filling.unlink()
            if self._house.postgres.has_died():  # it could not write its log: an operator starts it again
                self.done["disk full, database died"] += 1
                self._house.postgres.stop()
                self._house.postgres.start()

        self._until(fault.lasts, free_it)


def fill(file: Path) -> None:
    """Write the file until its disk is full, to the last page."""
    zeros = bytes(_CHUNK)
    try:
        with file.open("wb", buffering=0) as written:
            while written.write(zeros):
                pass
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


def limit_memory(pid: int) -> None:
    """Put the process into a group of its own whose memory is used up. Raises OSError where that may not be done."""
    if _CGROUPS.is_dir():
        group, limit = _CGROUPS / f"orderbridge-chaos-{pid}", "memory.limit_in_bytes"
    else:
        group, limit = Path(f"/sys/fs/cgroup/orderbridge-chaos-{pid}"), "memory.max"
    group.mkdir()
    (group / limit).write_text("0")
    (group / "cgroup.procs").write_text(str(pid))


def remove_groups() -> None:
    """Take the groups away again, whose processes are gone."""
    for folder in (_CGROUPS, _CGROUPS.parent):
        for group in folder.glob("orderbridge-chaos-*"):
            with suppress(OSError):
                group.rmdir()


def clear_faults(house: ChaosHouse) -> None:
    """Amazon is well again."""
    requests.delete(f"{house.sandbox}/_sandbox/faults", timeout=30).raise_for_status()
