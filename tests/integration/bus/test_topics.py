"""`create_topics` on real Kafka: what is missing, what differs, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from kafka.errors import KafkaError

from orderbridge.bus.topics import create_topics, planned_topics
from orderbridge.settings import Settings
from schemas.events import all_topics
from tests.parts.kafka import Kafka
from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until

DAY_MS = 24 * 3600 * 1000


def settings_for(kafka: Kafka, prefix: str, **others: int) -> Settings:
    """Settings with few partitions: a test broker has better things to do."""
    given = {"topic_partitions": 2, **others}
    return Settings(kafka_bootstrap_servers=kafka.bootstrap_servers, topic_prefix=prefix, **given)  # type: ignore[arg-type]  # only integers come this way


def described(kafka: Kafka, names: list[str]) -> dict[str, dict[str, str]]:
    """Partitions, copies and configuration of each topic, as another client sees them."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    topics = admin.list_topics(timeout=10).topics
    answers = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name) for name in names])
    found = {}
    for resource, answer in answers.items():
        partitions = topics[resource.name].partitions
        found[resource.name] = {name: entry.value for name, entry in answer.result(10 * PATIENCE).items()} | {
            "partitions": str(len(partitions)),
            "copies": str(len(partitions[0].replicas)),
        }
    return found


def test_created_once_and_corrected_when_settings_change(kafka: Kafka, topic_prefix: str) -> None:
    settings = settings_for(kafka, topic_prefix)
    names = [plan.name for plan in planned_topics(settings)]
    assert create_topics(settings) == dict.fromkeys(names, "created")
    assert create_topics(settings) == dict.fromkeys(names, "unchanged")
    assert all(name.startswith(topic_prefix) for name in names)
    assert {f"{topic_prefix}{name}" for name in all_topics()} < set(names)
    topics = described(kafka, names)
    for name, topic in topics.items():
        assert topic["copies"] == "1"
        assert topic["partitions"] == ("1" if name.endswith("-__leader") else "2")
    shipped, letters = topics[f"{topic_prefix}order.shipped"], topics[f"{topic_prefix}shipper.dead-letter"]
    options = topics[f"{topic_prefix}store.options"]
    assert (shipped["retention.ms"], shipped["cleanup.policy"]) == (str(14 * DAY_MS), "delete")
    assert letters["retention.ms"] == str(29 * DAY_MS)
    assert {shipped["segment.ms"], letters["segment.ms"]} == {str(DAY_MS // 2)}
    assert options["cleanup.policy"] == "compact"
    # A whole message, each byte of a header's name as \u0001 in JSON, fits into its dead letter.
    assert int(letters["max.message.bytes"]) >= 6 * int(shipped["max.message.bytes"])

    changed = settings_for(kafka, topic_prefix, topic_partitions=3, topic_retention_days=7)
    outcome = create_topics(changed)
    assert outcome[f"{topic_prefix}order.shipped"] == "corrected"
    # What the controller has changed, the broker knows a moment later.
    wait_until(lambda: set(create_topics(changed).values()) == {"unchanged"}, seconds=10, what="nothing to correct")
    shipped = described(kafka, [f"{topic_prefix}order.shipped"])[f"{topic_prefix}order.shipped"]
    assert (shipped["partitions"], shipped["retention.ms"]) == ("3", str(7 * DAY_MS))

    fewer = settings_for(kafka, topic_prefix, topic_partitions=1, topic_retention_days=7)
    assert set(create_topics(fewer).values()) == {"unchanged"}  # partitions are never taken away


def test_a_refusal_is_told(kafka: Kafka, topic_prefix: str) -> None:
    with pytest.raises(KafkaError):
        create_topics(settings_for(kafka, topic_prefix, topic_replication=5))  # there is one broker


def test_a_refused_correction_is_told(kafka: Kafka, topic_prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client raises nothing: the broker's word stands in its answer."""
    settings = settings_for(kafka, topic_prefix)
    create_topics(settings)
    plans = planned_topics(settings)
    wrong = [replace(plan, configuration={**plan.configuration, "segment.ms": "-5"}) for plan in plans]
    monkeypatch.setattr("orderbridge.bus.topics.planned_topics", lambda _settings: wrong)
    with pytest.raises(KafkaError, match=rf"does not change the settings of {topic_prefix}.*segment\.ms"):
        create_topics(settings)
