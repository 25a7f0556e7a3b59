"""Kafka's topics: all there, kept no longer than personal data may live, and with copies where there are brokers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from orderbridge.bus.connecting import NotConnected, admin_client
from orderbridge.bus.topics import IN_SYNC, SAFE_COPIES, TopicPlan, copies_of, planned_topics
from orderbridge.doctor import Finding, error, ok, warning
from orderbridge.settings import Settings

ALLOWED = timedelta(days=30)
"""Amazon's Data Protection Policy: personal data, sealed or not, is kept for 30 days."""
_DEFAULTS = {"segment.ms": str(7 * 24 * 3600 * 1000)}
"""Kafka's own, where a plan says nothing."""
_NAMED = 5
_TOPICS = "Make them with `orderbridge topics`, which corrects what is there."


def check_topics(settings: Settings) -> Iterator[Finding]:
    """All of it. Raises nothing: a broker that is away is a finding."""
    if settings.kafka_embedded:
        yield ok("topics", "The embedded broker keeps its topics in memory, and forgets them at its end.")
        return
    try:
        with admin_client(settings) as admin:
            yield from _look(admin, planned_topics(settings))
    except KafkaError as trouble:
        yield _away(trouble)


def kept_too_long(settings: Settings) -> list[str]:
    """The topics that are kept for longer than 30 days. Raises KafkaError."""
    if settings.kafka_embedded:
        return []
    with admin_client(settings) as admin:
        retention = _retention(admin, [plan for plan in planned_topics(settings) if plan.name in admin.list_topics()])
        return [name for name, kept in retention.items() if kept is None or kept > ALLOWED]


def _look(admin: Any, plans: list[TopicPlan]) -> Iterator[Finding]:
    present = set(admin.list_topics())
    missing = [plan.name for plan in plans if plan.name not in present]
    there = [plan for plan in plans if plan.name in present]
    if missing:
        yield error("topics", f"{_some(missing)} not there: what is to be said on them waits in the outbox.", _TOPICS)
    if there:
        yield from _check_retention(there, _retention(admin, there))
        yield from _check_copies(admin, [plan.name for plan in there])


def _check_retention(plans: list[TopicPlan], retention: dict[str, timedelta | None]) -> Iterator[Finding]:
    planned = {plan.name: _kept({**_DEFAULTS, **plan.configuration}) for plan in plans if plan.name in retention}
    too_long = [name for name, kept in retention.items() if kept is None or kept > ALLOWED]
    longer = [name for name, kept in retention.items() if kept and (planned[name] or kept) < kept <= ALLOWED]
    if too_long:
        yield error(
            "topics",
            f"{_some(too_long)} kept for more than 30 days. Seals die with their keys all the same; but whatever a "
            "store wrongly says about a buyer would stay, and Amazon allows nobody to keep it.",
            "Run `orderbridge topics`, and see who else sets retention.ms, cleanup.policy or the broker's defaults.",
        )
    if longer:
        yield warning(
            "topics",
            f"{_some(longer)} kept for longer than ORDERBRIDGE_TOPIC_RETENTION_DAYS says.",
            "Run `orderbridge topics`, or say in the setting what you want.",
        )
    if not too_long and not longer:
        yield ok("topics", f"{len(plans)} topics are kept as the settings say, none for more than 30 days.")


def _check_copies(admin: Any, names: list[str]) -> Iterator[Finding]:
    brokers = len(admin.describe_cluster()["brokers"])
    copies = {topic["name"]: copies_of(topic) for topic in admin.describe_topics(names)}
    single = [name for name, number in copies.items() if number < 2]
    few = [name for name, number in copies.items() if number < SAFE_COPIES]
    if brokers >= SAFE_COPIES and few:
        yield warning(
            "topics",
            f"{_some(few)} on fewer than three brokers, of {brokers}: an event may be lost with one of them, or "
            "none be taken while one is away.",
            "Give them copies (kafka-reassign-partitions), set ORDERBRIDGE_TOPIC_REPLICATION=3 for new ones, and run "
            "`orderbridge topics`.",
        )
    elif brokers >= SAFE_COPIES and (alone := _taken_by_one(admin, names)):
        yield warning(
            "topics",
            f"{_some(alone)} published once a single broker has it (min.insync.replicas): it may be lost with it.",
            "Set ORDERBRIDGE_TOPIC_REPLICATION=3 and run `orderbridge topics`, which sets min.insync.replicas=2.",
        )
    elif brokers > 1 and single:
        yield warning(
            "topics",
            f"{_some(single)} on one broker alone, of {brokers}: with it goes what is on them.",
            "Give them copies (kafka-reassign-partitions), and set ORDERBRIDGE_TOPIC_REPLICATION for new ones.",
        )
    else:
        yield ok("topics", f"{brokers} broker{'s' if brokers > 1 else ''}, and copies to match.")


def _taken_by_one(admin: Any, names: list[str]) -> list[str]:
    found = _settings(admin, names).items()
    return [name for name, values in found if int(_value(values, "min.insync.replicas")) < int(IN_SYNC)]


def _settings(admin: Any, names: list[str]) -> dict[str, Any]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    described = admin.describe_configs(resources, config_filter="all") if resources else {}
    return dict(next(iter(described.values()), {}))


def _retention(admin: Any, plans: list[TopicPlan]) -> dict[str, timedelta | None]:
    """How long each topic keeps an event; None is for ever. Compacted ones that carry no order are left out.

    Kafka deletes a whole segment, once its newest event is old enough: the time of a segment comes on top.
    """
    wanted = [plan.name for plan in plans if plan.configuration.get("cleanup.policy") != "compact"]
    return {
        name: None if "delete" not in _value(found, "cleanup.policy") else _kept(found)
        for name, found in _settings(admin, wanted).items()
    }


def _kept(found: dict[str, Any]) -> timedelta | None:
    retention = _milliseconds(_value(found, "retention.ms"))
    segment = _milliseconds(_value(found, "segment.ms"))
    return None if retention is None or segment is None else retention + segment


def _value(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return str(value.get("value") if isinstance(value, dict) else value)


def _milliseconds(text: str | None) -> timedelta | None:
    """Kafka's -1 is for ever."""
    return timedelta(milliseconds=int(text)) if text is not None and int(text) >= 0 else None


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(sorted(names)[:_NAMED])}{more} {'are' if len(names) > 1 else 'is'}"


def _away(trouble: KafkaError) -> Finding:
    if isinstance(trouble, NotConnected):
        found = trouble.refusal
        return error("topics", f"Kafka: {found.why} Nothing here was looked at.", found.what_to_do)
    return error(
        "topics",
        f"Kafka lets us in and refuses to tell: {type(trouble).__name__}. Not all was looked at.",
        "May our user describe topics and the cluster? `orderbridge topics acl` says who may what.",
    )
