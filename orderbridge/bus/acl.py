"""Who may do what on Kafka, as the contract has it (`sent_by` and `read_by` of the events): access control lists.

Services read what is for them; the ticker alone publishes for all of them. A store reads what is for stores, and writes
what stores say. Nobody else may do anything, unless the cluster's own lists say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from orderbridge.bus.connecting import admin_client
from orderbridge.bus.topics import group_of, leader_topic, planned_topics
from orderbridge.settings import Settings
from schemas.events import WORKERS, all_topics

STORE, OPERATOR, PUBLISHER = "store", "operator", "ticker"
ROLES = (PUBLISHER, *WORKERS, STORE, OPERATOR)
"""The operator is whoever types commands: `orderbridge topics`, `doctor`, `recover`, `events tail`."""

Operation = Literal["Read", "Write", "Describe", "Create", "Alter", "AlterConfigs", "DescribeConfigs"]
"""Kafka's words. Read and Write include Describe."""
_OF_THE_OPERATOR: tuple[Operation, ...] = ("Read", "Create", "Alter", "AlterConfigs", "DescribeConfigs")
Resource = Literal["topic", "group", "cluster"]


class NotApplied(Exception):
    """The broker took some of the lists, or none; says why."""


@dataclass(frozen=True)
class Permission:
    """`principal` may do `operation` on the topic or group called `name`."""

    role: str
    principal: str
    operation: Operation
    resource: Resource
    name: str


def permissions(
    settings: Settings, principals: Mapping[str, str] | None = None, *, store_group: str = "store"
) -> list[Permission]:
    """All that is needed. `principals` by role, else `User:orderbridge-ROLE`; `store_group` without the prefix."""
    principals = {role: f"User:orderbridge-{role}" for role in ROLES} | dict(principals or {})
    return [
        Permission(role, principals[role], operation, resource, name)
        for role in ROLES
        for operation, resource, name in _of(role, settings, store_group)
    ]


def kafka_acls_commands(given: list[Permission], bootstrap_servers: str) -> list[str]:
    """The same for Kafka's own tool, a line for each principal, operation and kind of resource."""
    names: dict[tuple[str, Operation, Resource], list[str]] = {}
    for one in given:
        names.setdefault((one.principal, one.operation, one.resource), []).append(one.name)
    tool = f"kafka-acls.sh --bootstrap-server {bootstrap_servers} --command-config admin.properties --add"
    return [
        f"{tool} --allow-principal '{principal}' --operation {operation} "
        + ("--cluster" if resource == "cluster" else " ".join(f"--{resource} '{name}'" for name in found))
        for (principal, operation, resource), found in names.items()
    ]


def apply(settings: Settings, given: list[Permission]) -> None:
    """Add them; what is there already stays as it is, and nothing is taken away.

    Raises KafkaError where the broker keeps no lists or does not let us in, NotApplied where it refuses some.
    """
    lists = [
        ACL(
            one.principal,
            "*",
            _OPERATIONS[one.operation],
            ACLPermissionType.ALLOW,
            ResourcePattern(ResourceType[one.resource.upper()], one.name),
        )
        for one in given
    ]
    with admin_client(settings) as admin:
        failed = admin.create_acls(lists)["failed"]
    if failed:
        why = ", ".join(sorted({error.__name__ for error in failed}))
        raise NotApplied(
            f"Kafka refused {len(failed)} of {len(lists)} lists: {why}. Whoever sets them must be one of its "
            "super.users, or be allowed to Alter the cluster."
        )


_OPERATIONS: dict[Operation, ACLOperation] = {
    "Read": ACLOperation.READ,
    "Write": ACLOperation.WRITE,
    "Describe": ACLOperation.DESCRIBE,
    "Create": ACLOperation.CREATE,
    "Alter": ACLOperation.ALTER,
    "AlterConfigs": ACLOperation.ALTER_CONFIGS,
    "DescribeConfigs": ACLOperation.DESCRIBE_CONFIGS,
}


def _of(role: str, settings: Settings, store_group: str) -> Iterator[tuple[Operation, Resource, str]]:
    prefix, topics = settings.topic_prefix, all_topics()
    if role == OPERATOR:
        for plan in planned_topics(settings):
            for operation in _OF_THE_OPERATOR:
                yield operation, "topic", plan.name
        for worker in WORKERS:
            yield "Read", "group", group_of(prefix, worker)
        yield "Describe", "cluster", "kafka-cluster"
        return
    for name, event in topics.items():
        if role in event.read_by or name == f"{role}.retry":
            yield "Read", "topic", prefix + name
    for name, event in topics.items():
        if (role == STORE) == ("store" in event.sent_by) and role in (STORE, PUBLISHER):
            yield "Write", "topic", prefix + name
    if role == STORE:
        yield "Read", "group", prefix + store_group
    if role in WORKERS:
        yield "Read", "topic", leader_topic(prefix, role)
        yield "Read", "group", group_of(prefix, role)
