"""Three brokers, each with a copy of everything: one of them may be away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from confluent_kafka.admin import AdminClient

from orderbridge.ports import free_port
from tests.parts.kafka import JavaNode, Kafka, new_cluster_id

NUMBERS = (1, 2, 3)
_COPIES = {
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "share.coordinator.state.topic.replication.factor": "3",
    # However long a test takes, who has taken over stays it until it is killed.
    "auto.leader.rebalance.enable": "false",
}


class KafkaCluster:
    """Apache Kafka of three nodes, by number; `bootstrap_servers` names them all."""

    def __init__(self, nodes: dict[int, Kafka]) -> None:
        self.nodes = nodes
        self.bootstrap_servers = ",".join(node.bootstrap_servers for node in nodes.values())

    def coordinator_of(self, group: str) -> int:
        """The node that keeps a group's members and offsets. Raises KafkaException if there is none."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        found = admin.describe_consumer_groups([group])[group].result(timeout=30)
        number: int = found.coordinator.id
        return number

    def is_whole(self) -> bool:
        """Whether each partition has all its copies in step."""
        topics = AdminClient({"bootstrap.servers": self.bootstrap_servers}).list_topics(timeout=30).topics.values()
        return all(len(one.isrs) == len(one.replicas) for topic in topics for one in topic.partitions.values())


@contextmanager
def kafka_cluster() -> Iterator[KafkaCluster]:
    """Three nodes, from Java and Maven alone. Raises Missing without them."""
    cluster_id = new_cluster_id()
    controllers = {number: free_port() for number in NUMBERS}
    with ExitStack() as stack:
        nodes = {}
        for number, controller in controllers.items():
            nodes[number] = JavaNode(number, free_port(), controller, controllers, cluster_id, more=_COPIES)
            stack.callback(nodes[number].close)
        for node in nodes.values():
            node.server.start()
        yield KafkaCluster({number: node.answering() for number, node in nodes.items()})
