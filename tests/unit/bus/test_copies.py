"""Copies of topics: what is planned, and what the doctor says of a cluster with fewer, which is described by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from orderbridge.bus import topics
from orderbridge.bus.topics import create_topics, planned_topics
from orderbridge.doctor import topics as doctor
from orderbridge.doctor.topics import check_topics
from orderbridge.settings import Settings

SETTINGS = Settings(_env_file=None, topic_partitions=1, topic_replication=3)


class Described:
    """A cluster of so many brokers, whose topics are as planned but for their copies and how many must be in step."""

    def __init__(self, brokers: int, copies: int, in_sync: str) -> None:
        self.brokers, self.copies, self.in_sync = brokers, copies, in_sync
        self.altered: list[Any] = []

    def list_topics(self) -> list[str]:
        return [plan.name for plan in planned_topics(SETTINGS)]

    def describe_cluster(self) -> dict[str, Any]:
        return {"brokers": list(range(self.brokers))}

    def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        return [{"name": name, "partitions": [{"replica_nodes": list(range(self.copies))}]} for name in names]

    def describe_configs(self, resources: list[Any], **_: Any) -> dict[str, Any]:
        plans = {plan.name: plan.configuration for plan in planned_topics(SETTINGS)}
        defaults = {"cleanup.policy": "delete", "segment.ms": "86400000"}
        return {
            "topic": {
                one.name: {
                    name: {"value": value}
                    for name, value in (defaults | plans[one.name] | {"min.insync.replicas": self.in_sync}).items()
                }
                for one in resources
            }
        }

    def alter_configs(self, resources: list[Any]) -> dict[str, dict[str, str]]:
        self.altered += [one.configs for one in resources]
        return {"topic": {one.name: "OK" for one in resources}}


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Described:
    """In Kafka's place; its parameter has brokers, copies and how many must be in step."""
    cluster = Described(*request.param)

    @contextmanager
    def admin_client(_settings: Settings) -> Iterator[Described]:
        yield cluster

    for module in (doctor, topics):
        monkeypatch.setattr(module, "admin_client", admin_client)
    return cluster


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ((1, 1, "1"), None),
        ((2, 1, "1"), "on one broker alone, of 2"),
        ((2, 2, "1"), None),
        ((3, 1, "1"), "on fewer than three brokers, of 3"),
        ((3, 2, "2"), "on fewer than three brokers, of 3"),
        ((3, 3, "1"), "published once a single broker has it"),
        ((3, 3, "2"), None),
        ((5, 3, "2"), None),
    ],
    indirect=["described"],
)
@pytest.mark.usefixtures("described")
def test_what_the_doctor_says(said: str | None) -> None:
    warnings = [finding for finding in check_topics(SETTINGS) if finding.severity != "ok"]
    assert [finding.severity for finding in warnings] == (["warning"] if said else [])
    if said:
        assert said in warnings[0].what
        assert "ORDERBRIDGE_TOPIC_REPLICATION" in warnings[0].what_to_do


@pytest.mark.parametrize(
    ("described", "corrected"),
    [((3, 3, "1"), True), ((3, 3, "2"), False), ((3, 2, "1"), False), ((1, 1, "1"), False)],
    indirect=["described"],
)
def test_two_in_step_are_asked_for_where_there_are_three_copies(described: Described, corrected: bool) -> None:
    """On a topic with one copy, Kafka would refuse every event."""
    results = set(create_topics(SETTINGS).values())
    assert results == ({"corrected"} if corrected else {"unchanged"})
    assert all(configs["min.insync.replicas"] == "2" for configs in described.altered)
    assert bool(described.altered) == corrected


def test_new_topics_with_three_copies_want_two_in_step() -> None:
    wanted = {plan.configuration.get("min.insync.replicas") for plan in planned_topics(SETTINGS)}
    assert wanted == {"2"}
    one_copy = planned_topics(Settings(_env_file=None))
    assert not any("min.insync.replicas" in plan.configuration for plan in one_copy)
