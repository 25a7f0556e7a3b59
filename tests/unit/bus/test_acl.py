"""Who may do what on Kafka, as `sent_by` and `read_by` have it; that it suffices is tried on a real broker."""

from __future__ import annotations

import shlex

from orderbridge.bus.acl import Permission, kafka_acls_commands, permissions
from orderbridge.settings import Settings
from schemas.events import WORKERS, all_topics

SETTINGS = Settings(_env_file=None, topic_prefix="shop.")
GIVEN = permissions(SETTINGS, {"store": "User:web"}, store_group="web")


def may(operation: str, role: str) -> set[str]:
    return {one.name for one in GIVEN if (one.operation, one.role, one.resource) == (operation, role, "topic")}


def test_each_topic_is_written_by_the_ticker_or_by_stores() -> None:
    said_by_stores = {"shop.order.shipped", "shop.store.options"}
    assert may("Write", "store") == said_by_stores
    assert may("Write", "ticker") == {f"shop.{name}" for name in all_topics()} - said_by_stores
    assert not any(may("Write", role) for role in (*WORKERS, "operator"))


def test_each_reads_what_is_for_it_and_its_own_retries() -> None:
    for role in (*WORKERS, "store"):
        for_it = {f"shop.{name}" for name, event in all_topics().items() if role in event.read_by}
        own = {f"shop.{role}.retry", f"shop.orderbridge-{role}-__assignor-__leader"} if role in WORKERS else set()
        assert may("Read", role) == for_it | own
        assert for_it
    assert may("Read", "ticker") == set()


def test_groups_and_names_carry_the_prefix() -> None:
    groups = {one.role: one.name for one in GIVEN if one.resource == "group" and one.role != "operator"}
    assert groups == {worker: f"shop.orderbridge-{worker}" for worker in WORKERS} | {"store": "shop.web"}
    assert all(one.name.startswith("shop.") for one in GIVEN if one.resource != "cluster")
    assert {one.principal for one in GIVEN if one.role == "store"} == {"User:web"}
    assert {one.principal for one in GIVEN if one.role == "shipper"} == {"User:orderbridge-shipper"}


def test_commands_of_kafkas_tool_say_the_same() -> None:
    said = set()
    for line in kafka_acls_commands(GIVEN, "kafka:9092"):
        words = shlex.split(line)
        assert words[:3] == ["kafka-acls.sh", "--bootstrap-server", "kafka:9092"]
        principal, operation = (words[words.index(name) + 1] for name in ("--allow-principal", "--operation"))
        for kind, name in zip(words, [*words[1:], ""], strict=True):
            if kind in ("--topic", "--group", "--cluster"):
                said.add((principal, operation, kind.removeprefix("--"), name or "kafka-cluster"))
    assert said == {_plain(one) for one in GIVEN}


def _plain(one: Permission) -> tuple[str, str, str, str]:
    return one.principal, one.operation, one.resource, one.name
