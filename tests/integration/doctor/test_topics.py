"""What the doctor says of topics on a real broker: those that are missing, and those that are kept too long."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

import tests.parts.kafka_python  # noqa: F401 - before whatever imports Kafka
from orderbridge.bus.topics import create_topics
from orderbridge.doctor import Finding
from orderbridge.doctor.at_start import warn_of_long_retention
from orderbridge.doctor.topics import check_topics, kept_too_long
from orderbridge.settings import Settings
from tests.parts.kafka import Kafka
from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until

DAY_MS = 24 * 3600 * 1000


def settings(kafka: Kafka, prefix: str, **others: Any) -> Settings:
    return Settings(
        kafka_bootstrap_servers=kafka.bootstrap_servers, topic_prefix=prefix, **{"topic_partitions": 1, **others}
    )


def make(kafka: Kafka, name: str, **configuration: str) -> None:
    """A topic as somebody else would make it."""
    written = {key.replace("_", "."): value for key, value in configuration.items()}
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for future in admin.create_topics([NewTopic(name, 1, 1, config=written)]).values():
        future.result(20 * PATIENCE)


def told(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.severity, one.what) for one in found]


def test_topics_as_they_are_to_be(kafka: Kafka, topic_prefix: str) -> None:
    given = settings(kafka, topic_prefix)
    create_topics(given)
    wait_until(
        lambda: {one.severity for one in check_topics(given)} == {"ok"}, seconds=10, what="the broker knows all topics"
    )
    assert kept_too_long(given) == []


def test_topics_that_are_missing(kafka: Kafka, topic_prefix: str) -> None:
    ((severity, what),) = told(list(check_topics(settings(kafka, topic_prefix))))
    assert severity == "error"
    assert f"{topic_prefix}account.attention" in what
    assert "more are not there" in what


@pytest.mark.parametrize(
    ("configuration", "severity"),
    [
        ({"retention_ms": str(31 * DAY_MS)}, "error"),
        ({"retention_ms": "-1"}, "error"),
        ({"cleanup_policy": "compact"}, "error"),
        ({"retention_ms": str(20 * DAY_MS)}, "warning"),
        ({"retention_ms": str(3 * DAY_MS)}, None),
        ({"retention_ms": str(25 * DAY_MS)}, "error"),  # and the week of a segment
        ({"retention_ms": str(14 * DAY_MS)}, "warning"),
        ({"retention_ms": str(14 * DAY_MS), "segment_ms": str(DAY_MS // 2)}, None),
    ],
)
def test_a_topic_that_is_kept_too_long(
    kafka: Kafka, topic_prefix: str, configuration: dict[str, str], severity: str | None
) -> None:
    given = settings(kafka, topic_prefix)
    name = f"{topic_prefix}order.imported"
    make(kafka, name, **configuration)
    wait_until(
        lambda: name in AdminClient({"bootstrap.servers": kafka.bootstrap_servers}).list_topics(timeout=10).topics,
        seconds=10,
        what="the topic is there",
    )
    found = [one for one in told(list(check_topics(given))) if name in one[1]]
    assert [one[0] for one in found] == ([severity] if severity else [])
    assert kept_too_long(given) == ([name] if severity == "error" else [])


def test_the_importer_warns_at_its_start(kafka: Kafka, topic_prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = settings(kafka, topic_prefix)
    make(kafka, f"{topic_prefix}order.updated", retention_ms="-1")
    warn_of_long_retention(given).join(30)
    assert "topics are kept for more than 30 days" in capsys.readouterr().out


def test_a_broker_that_is_away_is_a_finding() -> None:
    given = Settings(kafka_bootstrap_servers="127.0.0.1:1")
    ((severity, what),) = told(list(check_topics(given)))
    assert severity == "error"
    assert "does not answer" in what
    warn_of_long_retention(given).join(60)  # says nothing, and ends


def test_the_embedded_broker_keeps_nothing() -> None:
    assert [one.severity for one in check_topics(Settings(kafka_embedded=True))] == ["ok"]
