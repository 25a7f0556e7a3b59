"""Consumer groups back to a moment: what their workers read since then, they read again.

Only Kafka's own words count: a group with members is refused by it as well, and an offset is moved back, never on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from kafka import TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import NoError
from kafka.structs import OffsetAndMetadata

from orderbridge.bus.connecting import admin_client
from orderbridge.bus.topics import group_of
from orderbridge.recovery import CannotRecover
from orderbridge.settings import Settings
from schemas.events import WORKERS, all_topics

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Step:
    """One partition of one group: from its committed offset back to an earlier one."""

    group: str
    topic: str
    partition: int
    committed: int
    target: int


@dataclass(frozen=True)
class Gap:
    """A topic whose retention no longer reaches back to the moment; `begins_at` is the first record's time, if any."""

    topic: str
    begins_at: datetime | None


@dataclass(frozen=True)
class Plan:
    """What a rewinding does, and what it cannot bring back."""

    steps: tuple[Step, ...]
    gaps: tuple[Gap, ...]


class Groups:
    """The consumer groups of this installation's workers."""

    def __init__(self, admin: Any, settings: Settings) -> None:
        self._admin = admin
        self._prefix = settings.topic_prefix
        self._retention = timedelta(days=settings.topic_retention_days)
        self.names = [group_of(settings.topic_prefix, worker) for worker in WORKERS]

    def workers(self) -> list[str]:
        """The workers that have a group: those that ever ran."""
        there = self._there()
        return [worker for worker in WORKERS if group_of(self._prefix, worker) in there]

    def members(self) -> dict[str, int]:
        """How many members each group has, of those that have any: their services run, or Kafka has not missed them."""
        described = self._admin.describe_groups(names) if (names := self._there()) else {}
        return {name: len(group["members"]) for name, group in described.items() if group["members"]}

    def plan(self, moment: datetime, now: datetime) -> Plan:
        """Each group's partitions that have been read past `moment`. A partition without a commit begins anyway."""
        topics = set(self._admin.list_topics())
        names = self._there()
        committed = {
            (group, partition): offset.offset
            for group, offsets in (self._admin.list_group_offsets(names) if names else {}).items()
            for partition, offset in offsets.items()
            if offset.offset >= 0 and partition.topic in topics and not partition.topic.endswith("-__leader")
        }
        partitions = sorted({partition for _, partition in committed})
        begins = _offsets(self._admin, dict.fromkeys(partitions, OffsetSpec.EARLIEST))
        ends = _offsets(self._admin, dict.fromkeys(partitions, OffsetSpec.LATEST))
        at = _offsets(self._admin, dict.fromkeys(partitions, (moment - _EPOCH) // timedelta(milliseconds=1)))
        steps: list[Step] = []
        gaps: dict[str, datetime | None] = {}
        for (group, partition), offset in sorted(committed.items()):
            found = at[partition]
            target = found.offset if found.offset >= 0 else ends[partition].offset
            if target < offset:
                steps.append(Step(group, partition.topic, partition.partition, offset, target))
            first = begins[partition].offset
            emptied = first == ends[partition].offset and now - moment > self._retention
            if first > 0 and (found.offset == first or emptied) and not self._is_compacted(partition.topic):
                begins_at = _EPOCH + timedelta(milliseconds=found.timestamp) if found.offset == first else None
                known = gaps.get(partition.topic)
                gaps[partition.topic] = max(known, begins_at) if known and begins_at else begins_at or known
        return Plan(tuple(steps), tuple(Gap(topic, begins_at) for topic, begins_at in gaps.items()))

    def rewind(self, steps: tuple[Step, ...]) -> None:
        """Commit the earlier offsets. Raises CannotRecover if Kafka declines; what is done may be done again."""
        for group in dict.fromkeys(step.group for step in steps):
            offsets = {
                TopicPartition(step.topic, step.partition): OffsetAndMetadata(step.target, "", -1)
                for step in steps
                if step.group == group
            }
            for partition, error in self._admin.alter_group_offsets(group, offsets).items():
                if error is not NoError:
                    raise CannotRecover(
                        f"Kafka did not take {group} back on {partition.topic}/{partition.partition}: "
                        f"{error.__name__}. Is a service of this installation running? Stop it, and recover again."
                    )

    def _there(self) -> list[str]:
        """Kafka has no word for a group that never came, or whose offsets it has dropped, but an error."""
        there = {group["group_id"] for group in self._admin.list_groups()}
        return [name for name in self.names if name in there]

    def _is_compacted(self, topic: str) -> bool:
        event = all_topics().get(topic.removeprefix(self._prefix))
        return event is not None and event.compacted


@contextmanager
def groups_of(settings: Settings) -> Iterator[Groups]:
    """The groups, with a connection of their own. Raises KafkaError if the broker cannot be reached."""
    with admin_client(settings) as admin:
        yield Groups(admin, settings)


def _offsets(admin: Any, specs: dict[Any, Any]) -> dict[Any, Any]:
    found: dict[Any, Any] = admin.list_partition_offsets(specs) if specs else {}
    return found
