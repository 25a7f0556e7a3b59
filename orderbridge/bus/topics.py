"""The topics of an installation, created and corrected by `orderbridge topics`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import InvalidPartitionsError, KafkaError

from orderbridge.bus.connecting import admin_client
from orderbridge.bus.envelope import MAX_MESSAGE, MAX_ORIGINAL
from orderbridge.settings import Settings
from schemas.events import WORKERS, all_topics

_DAY_MS = 24 * 3600 * 1000
SEGMENT_MS = _DAY_MS // 2
"""Kafka deletes by the segment, once its newest event is old enough: its oldest is older by as much. The default is a
week."""
LONGEST_MS = 29 * _DAY_MS
"""With a segment within the 30 days that Amazon allows."""
SAFE_COPIES, IN_SYNC = 3, "2"
"""With three copies an event counts as published once two brokers have it: one may be lost, and one more be away."""


@dataclass(frozen=True)
class TopicPlan:
    """One topic as it is to be."""

    name: str
    partitions: int
    replication: int
    configuration: dict[str, str]


def group_of(prefix: str, worker: str) -> str:
    """A worker's consumer group, which is Faust's application id too."""
    return f"{prefix}orderbridge-{worker}"


def leader_topic(prefix: str, worker: str) -> str:
    """The topic of Faust's own leader election."""
    return f"{group_of(prefix, worker)}-__assignor-__leader"


def planned_topics(settings: Settings) -> list[TopicPlan]:
    """Every topic with its partitions, retention and replication, and those Faust's own leader election needs."""
    in_step = {"min.insync.replicas": IN_SYNC} if settings.topic_replication >= SAFE_COPIES else {}
    plans = []
    for name, event in all_topics().items():
        configuration = {
            "retention.ms": str(min(settings.topic_retention_days * _DAY_MS, LONGEST_MS)),
            "segment.ms": str(SEGMENT_MS),
            "max.message.bytes": str(MAX_MESSAGE),
        }
        if event.compacted:
            configuration = {"cleanup.policy": "compact", "max.message.bytes": str(MAX_MESSAGE)}
        if event.event_type.startswith("{service}"):
            configuration["max.message.bytes"] = str(MAX_ORIGINAL)
        if name.endswith(".dead-letter"):
            configuration["retention.ms"] = str(LONGEST_MS)
        plans.append(
            TopicPlan(
                settings.topic_prefix + name,
                settings.topic_partitions,
                settings.topic_replication,
                configuration | in_step,
            )
        )
    for worker in WORKERS:
        leader = leader_topic(settings.topic_prefix, worker)
        configuration = {"retention.ms": str(_DAY_MS)} | in_step
        plans.append(TopicPlan(leader, 1, settings.topic_replication, configuration))
    return plans


def create_topics(settings: Settings) -> dict[str, str]:
    """Create what is missing, correct what differs; partitions are added, never taken away.

    Returns per topic `created`, `corrected` or `unchanged`. Raises KafkaError if the broker can't be reached.
    """
    plans = {plan.name: plan for plan in planned_topics(settings)}
    with admin_client(settings) as admin:
        present = set(admin.list_topics())
        missing = {name: plan for name, plan in plans.items() if name not in present}
        if missing:
            admin.create_topics({name: _as_new(plan) for name, plan in missing.items()}, timeout_ms=30_000)
        corrected = _correct(admin, [plan for name, plan in plans.items() if name in present])
        return {
            name: "created" if name in missing else "corrected" if name in corrected else "unchanged" for name in plans
        }


def copies_of(topic: dict[str, Any]) -> int:
    """Of a described topic: those of its partition that has the fewest."""
    return min((len(partition["replica_nodes"]) for partition in topic["partitions"]), default=0)


def _as_new(plan: TopicPlan) -> dict[str, Any]:
    return {
        "num_partitions": plan.partitions,
        "replication_factor": plan.replication,
        "configs": plan.configuration,
    }


def _correct(admin: Any, plans: list[TopicPlan]) -> set[str]:
    """Bring the settings and partition numbers of topics that are there to the plan; returns those that differed."""
    if not plans:
        return set()
    names = [plan.name for plan in plans]
    described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    settings_of: dict[str, Any] = next(iter(described.values()), {})
    topics = admin.describe_topics(names)
    partitions_of = {topic["name"]: len(topic["partitions"]) for topic in topics}
    safe = {topic["name"] for topic in topics if copies_of(topic) >= SAFE_COPIES}
    wrong: dict[str, dict[str, str]] = {}
    for plan in plans:
        # On a topic with fewer copies than are planned for new ones, it would have every event refused.
        wanted = {k: v for k, v in plan.configuration.items() if k != "min.insync.replicas" or plan.name in safe}
        if any(_value(settings_of.get(plan.name, {}).get(key)) != value for key, value in wanted.items()):
            wrong[plan.name] = wanted
    few = {plan.name: plan.partitions for plan in plans if partitions_of.get(plan.name, 0) < plan.partitions}
    if wrong:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name, configs=values) for name, values in wrong.items()]
        _check_altered(admin.alter_configs(resources))
    for name, partitions in few.items():
        with suppress(InvalidPartitionsError):  # a broker that has just made the topic may have told of fewer
            admin.create_partitions({name: partitions}, timeout_ms=30_000)
    return set(wrong) | set(few)


def _check_altered(answer: dict[str, dict[str, str]]) -> None:
    """kafka-python raises nothing where the broker refuses: it says so beside each topic."""
    for name, said in answer.get("topic", {}).items():
        if said != "OK":
            raise KafkaError(f"the broker does not change the settings of {name}: {said}")


def _value(described: Any) -> str | None:
    return described.get("value") if isinstance(described, dict) else described
