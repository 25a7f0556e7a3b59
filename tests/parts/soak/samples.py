"""One look at a house of a soak: memory, descriptors and threads of each process, lag, rows, bytes, what went wrong."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil
import requests
from kafka.admin import OffsetSpec
from sqlalchemy import func, select, text

from orderbridge.bus.connecting import admin_client
from orderbridge.bus.topics import planned_topics
from orderbridge.database.models import Base, HandlerFailure, OrderRow, OutboxRow, PersonalDataRow
from tests.parts.soak.house import SoakHouse
from tests.parts.soak.tables import PUBLISHED, WAITING

_OVERDUE = 120
"""Seconds after its day within which an order is redacted, on a machine that has other work."""


class Sampler:
    """Takes samples; `hours` of each is since this was made."""

    def __init__(self, house: SoakHouse) -> None:
        self._house = house
        self._began = time.monotonic()
        self._topics = [plan.name for plan in planned_topics(house.settings)]

    def sample(self) -> dict[str, Any]:
        """Everything now. What cannot be asked at this moment is left out."""
        hours = (time.monotonic() - self._began) / 3600
        processes = {name: found for name, pid in self._house.pids().items() if (found := _process(pid, name))}
        return {"hours": round(hours, 5), "processes": processes, **self._kafka(), **self._database(), **self._amazon()}

    def _kafka(self) -> dict[str, Any]:
        with admin_client(self._house.settings) as admin:
            names = [group["group_id"] for group in admin.list_groups()]
            committed = {
                (group, partition): offset.offset
                for group, offsets in (admin.list_group_offsets(names) if names else {}).items()
                for partition, offset in offsets.items()
                if offset.offset >= 0 and not partition.topic.endswith("-__leader")
            }
            partitions = sorted({partition for _, partition in committed})
            ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST)) if partitions else {}
        lag = dict.fromkeys((group for group, _ in committed), 0)
        for (group, partition), done in committed.items():
            lag[group] += max(ends[partition].offset - done, 0)
        return {"lag": lag, "topic_bytes": self._topic_bytes()}

    def _topic_bytes(self) -> int | None:
        """Of the events; the index files beside them are as large as they will ever be. None of another's broker."""
        if self._house.kafka.data_folder is None:
            return None
        folders = (
            folder
            for folder in self._house.kafka.data_folder.iterdir()
            if folder.name.rpartition("-")[0] in self._topics and folder.is_dir()
        )
        return _bytes(file for folder in folders for file in folder.glob("*.log"))

    def _database(self) -> dict[str, Any]:
        rows: dict[str, int] = {}
        with self._house.database.unit_of_work() as work:
            for table in ("alembic_version", *Base.metadata.tables):
                rows[table] = work.session.scalar(text(f"SELECT count(*) FROM {table}")) or 0  # noqa: S608 - our own names
            count = select(func.count()).select_from(OutboxRow)
            rows[WAITING] = work.session.scalar(count.where(OutboxRow.published_at.is_(None))) or 0
            rows[PUBLISHED] = rows.pop("outbox") - rows[WAITING]
            overdue = select(func.count()).where(
                PersonalDataRow.redacted_at.is_(None),
                PersonalDataRow.dies_at < func.now() - text(f"interval '{_OVERDUE} seconds'"),
            )
            return {
                "rows": rows,
                "database_bytes": work.session.scalar(text("SELECT pg_database_size(current_database())")),
                "redacted": work.session.scalar(select(func.count(PersonalDataRow.redacted_at))),
                "shipped": work.session.scalar(select(func.count()).where(OrderRow.amazon_status == "shipped")),
                "overdue": work.session.scalar(overdue),
                "dead_letters": work.session.scalar(count.where(OutboxRow.topic.endswith(".dead-letter"))),
                "retries": work.session.scalar(count.where(OutboxRow.topic.endswith(".retry"))),
                "handler_failures": work.session.scalar(select(func.count()).select_from(HandlerFailure)),
            }

    def _amazon(self) -> dict[str, Any]:
        try:
            operations = self._house.get(f"{self._house.sandbox}/_sandbox/calls")["operations"]
        except requests.RequestException:
            return {}
        return {
            "calls": sum(one["calls"] for one in operations.values()),
            "throttled": sum(one["throttled"] for one in operations.values()),
            "key_ring_files": sum(one.is_file() for one in self._house.settings.key_ring.rglob("*")),
        }


def _process(pid: int, name: str) -> dict[str, int]:
    """Memory in KiB, descriptors and threads, its children's too (PostgreSQL's)."""
    found = {"uss_kib": 0, "descriptors": 0, "threads": 0}
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return {}
    for one in family:
        try:
            found["uss_kib"] += _memory(one, name) // 1024
            found["descriptors"] += one.num_fds()
            found["threads"] += one.num_threads()
        except psutil.NoSuchProcess:  # a backend whose client has gone
            continue
    return found


def _memory(process: psutil.Process, name: str) -> int:
    """USS: what would be free if it ended. Of PostgreSQL what is anonymous, where the system tells it.

    A page of its shared buffers that one backend alone has touched counts as that one's own in USS: as the database
    grows, so does that, up to shared_buffers.
    """
    told = process.memory_info()
    if name == "postgres" and hasattr(told, "shared"):
        return int(told.rss - told.shared)
    return int(process.memory_full_info().uss)


def _bytes(files: Iterable[Path]) -> int:
    total = 0
    for file in files:
        try:
            total += file.stat().st_size
        except FileNotFoundError:  # Kafka has just deleted the segment
            continue
    return total
