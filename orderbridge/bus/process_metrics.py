"""What a process tells of itself when it is scraped: its state, its lag, the disks it writes to."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import make_url

from orderbridge.settings import Settings

STATES: Final = ("ok", "waiting", "stuck")
_STARTED_AT: Final = time.time()
"""The process's: one that waits at its start has a health page before its service has."""


class StateMetric(Collector):
    """The state of the health page, as numbers, and since when the process has been there."""

    def __init__(self, service: str, state: Callable[[], str]) -> None:
        self._service = service
        self._state = state

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One of the states is 1. A process that dies and comes again is another moment each time."""
        told = GaugeMetricFamily(
            "orderbridge_state",
            "1 for the state the process is in: ok, waiting (for the database, say), or stuck (no progress).",
            labels=["service", "state"],
        )
        now = self._state()
        for state in STATES:
            told.add_metric([self._service, state], state == now)
        yield told
        started = GaugeMetricFamily(
            "orderbridge_started_timestamp_seconds", "When the process started.", labels=["service"]
        )
        started.add_metric([self._service], _STARTED_AT)
        yield started


class LagMetric(Collector):
    """How far a worker is behind, in the partitions that it has been given: the sum over its processes is the whole."""

    def __init__(self, service: str, prefix: str, lag_of: Callable[[], dict[str, tuple[int, int]]]) -> None:
        self._service = service
        self._prefix = prefix
        self._lag_of = lag_of

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """A number a topic; none while partitions are handed out."""
        told = GaugeMetricFamily(
            "orderbridge_lag_events",
            "Events on a topic that the service has not handled yet, in the partitions this process has.",
            labels=["service", "topic"],
        )
        behind: Counter[str] = Counter()
        try:
            partitions = self._lag_of()
        except Exception:  # the consumer is being rebuilt: as in `Progress.report`
            partitions = {}
        for name, (done, end) in partitions.items():
            behind[name.rpartition("/")[0].removeprefix(self._prefix)] += max(end - done, 0)
        for topic, events in behind.items():
            told.add_metric([self._service, topic], events)
        yield told


class DiskMetric(Collector):
    """The file systems of the key ring and of an SQLite database, where this process has them."""

    def __init__(self, settings: Settings) -> None:
        self._folders = {"key_ring": settings.key_ring}
        url = make_url(settings.database_url)
        if url.get_backend_name() == "sqlite" and url.database:
            self._folders["database"] = Path(url.database).parent

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Free and whole size of each."""
        free = GaugeMetricFamily(
            "orderbridge_disk_free_bytes", "Free on the file system of what is kept.", labels=["of"]
        )
        size = GaugeMetricFamily(
            "orderbridge_disk_size_bytes", "Size of the file system of what is kept.", labels=["of"]
        )
        for name, folder in self._folders.items():
            try:
                usage = shutil.disk_usage(folder)
            except OSError:  # it has none, or none of its business
                continue
            free.add_metric([name], usage.free)
            size.add_metric([name], usage.total)
        yield free
        yield size
