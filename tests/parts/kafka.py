"""A Kafka for tests: given by the environment, in Docker, started from its jars with Java, or librdkafka's mock."""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from orderbridge.ports import free_port
from tests.parts.containers import Container
from tests.parts.kafka_jars import VERSION, find_jars, find_java, run
from tests.parts.patience import PATIENCE
from tests.parts.process import Server, ServerProcess
from tests.parts.requirement import Missing
from tests.parts.tcp_proxy import TcpProxy

VARIABLE = "ORDERBRIDGE_TEST_KAFKA"
START_SECONDS = 60.0 * PATIENCE

# One node for everything, the same in Docker and with Java: internal topics without copies, groups without a delay.
# For tests that kill: a member's session may be shorter than Kafka's own minimum of 6 s, and a killed broker may
# register again after 4 s instead of 9.
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "500",
    "auto.create.topics.enable": "false",
}
ADVERTISED = "/tmp/advertised.env"  # noqa: S108 - a file in the container


class Kafka:
    """A broker that answers at `bootstrap_servers`.

    `kind` is "environment", "docker", "java" or "mock"; `data_folder` is known for "java" alone.
    """

    def __init__(
        self,
        kind: str,
        bootstrap_servers: str,
        *,
        server: Server | None = None,
        cluster_id: str | None = None,
        data_folder: Path | None = None,
        close: Callable[[], object] = lambda: None,
        why: str = "",
    ) -> None:
        """Waits until the broker (of the cluster `cluster_id`) answers.

        `server` can be stopped; `close` frees the rest; `why` it is no better Kafka.
        """
        self.kind = kind
        self.bootstrap_servers = bootstrap_servers
        self.data_folder = data_folder
        self._server = server
        self._cluster_id = cluster_id
        self._close = close
        self.why = why
        self._wait_until_it_answers()

    def __str__(self) -> str:
        match self.kind:
            case "environment":
                return f"{self.bootstrap_servers}, from {VARIABLE}"
            case "mock":
                return f"librdkafka's mock, for: {self.why}"
            case _:
                return f"Apache Kafka {VERSION}, {self.kind}"

    @property
    def pid(self) -> int | None:
        """The id of its process, where it is a child of this one."""
        return self._server.pid if isinstance(self._server, ServerProcess) else None

    def stop(self, *, kill: bool = False) -> None:
        """Takes the broker down: orderly (SIGTERM), or as a crash would (SIGKILL)."""
        self._own_server().stop(kill=kill)

    def start(self) -> None:
        """Brings the broker up again, at the same address and with the same data, and waits until it answers."""
        self._own_server().start()
        self._wait_until_it_answers()

    def close(self) -> None:
        """Ends the broker and deletes its data."""
        if self._server:
            self._server.close()
        self._close()

    def _own_server(self) -> Server:
        if self._server is None:
            raise RuntimeError(f"a Kafka of kind {self.kind} cannot be stopped: ask for own_kafka")
        return self._server

    def _wait_until_it_answers(self) -> None:
        admin = AdminClient(
            {"bootstrap.servers": self.bootstrap_servers, "reconnect.backoff.max.ms": 100, "log_level": 0}
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                metadata = admin.list_topics(timeout=1)
                # Another test run may have taken the port before our broker did.
                if metadata.brokers and self._cluster_id in (None, metadata.cluster_id):
                    return
                trouble = f"{len(metadata.brokers)} brokers of cluster {metadata.cluster_id} answer"
            except KafkaException as error:
                trouble = str(error)
            if self._server and (last_words := self._server.failure()):
                raise RuntimeError(f"Kafka died at its start:\n{last_words}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"no Kafka at {self.bootstrap_servers} after {START_SECONDS:.0f} s: {trouble}")


def find_kafka(*, own: bool = False, proxy: TcpProxy | None = None) -> Kafka:
    """The first Kafka that can be had, in the order of this module's first line.

    With `own` a real one that can be stopped and started, which sends its clients to the `proxy` before it, if
    there is one. Raises Missing, saying for each road what it lacks.
    """
    if not own and (address := os.environ.get(VARIABLE)):
        return Kafka("environment", address)
    reasons = []
    for road in (in_docker, with_java):
        try:
            return road(proxy)
        except Missing as missing:
            reasons.append(str(missing))
    if own:
        raise Missing("; ".join(reasons))
    return mock("; ".join(reasons))


def in_docker(proxy: TcpProxy | None = None) -> Kafka:
    """Kafka in its official image. Raises Missing without a Docker daemon."""
    settings = SETTINGS | {
        "controller.quorum.voters": "1@localhost:9093",
        "listeners": "CONTROLLER://localhost:9093,HOST://:9092,BROKER://localhost:19092",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,HOST:PLAINTEXT,BROKER:PLAINTEXT",
        "inter.broker.listener.name": "BROKER",
    }
    # A broker must know the address it advertises before it starts, and that is known only when its container runs. So
    # the container first waits for a file that says it.
    container = Container(
        f"apache/kafka:{VERSION}",
        port=9092,
        environment={f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in settings.items()}
        | {"KAFKA_HEAP_OPTS": "-Xmx384m -Xms64m"},
        command=[
            "bash",
            "-c",
            f"until [ -f {ADVERTISED} ]; do sleep 0.05; done; . {ADVERTISED}; exec /etc/kafka/docker/run",
        ],
    )
    listeners = f"HOST://{_advertised(container.address, proxy)},BROKER://localhost:19092"
    container.write(ADVERTISED, f"export KAFKA_ADVERTISED_LISTENERS={listeners}\n")
    return Kafka("docker", container.address, server=container)


def with_java(
    proxy: TcpProxy | None = None, more: Mapping[str, str] | None = None, *, formatted_with: Iterable[str] = ()
) -> Kafka:
    """Kafka as a child process, from the jars that Maven fetches. Raises Missing without Java or Maven.

    `more` settings; their `listeners` stand beside the one that `bootstrap_servers` names. `formatted_with` more
    arguments of the tool that makes its data folder. Clients are sent to the `proxy` before it, if there is one.
    """
    port, controller = free_port(), free_port()
    node = JavaNode(1, port, controller, {1: controller}, new_cluster_id(), proxy, more, formatted_with)
    return node.start()


class JavaNode:
    """A node of a cluster, broker and controller, as a child process; its data folder is formatted, it does not run.

    `voters` are the controllers' ports by node. The rest is as for `with_java`.
    """

    def __init__(
        self,
        number: int,
        port: int,
        controller: int,
        voters: Mapping[int, int],
        cluster_id: str,
        proxy: TcpProxy | None = None,
        more: Mapping[str, str] | None = None,
        formatted_with: Iterable[str] = (),
    ) -> None:
        java, jars = find_java(), find_jars()
        more = dict(more or {})
        beside = [more.pop("listeners")] if "listeners" in more else []
        self._port, self._cluster_id = port, cluster_id
        self._folder = folder = Path(tempfile.mkdtemp(prefix="orderbridge-kafka-"))
        settings = SETTINGS | {
            "node.id": str(number),
            "controller.quorum.voters": ",".join(f"{voter}@127.0.0.1:{its}" for voter, its in voters.items()),
            "listeners": ",".join([f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}", *beside]),
            "advertised.listeners": ",".join([f"PLAINTEXT://{_advertised(f'127.0.0.1:{port}', proxy)}", *beside]),
            "log.dirs": f"{folder}/data",
            **more,
        }
        properties = folder / "server.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        virtual_machine = [
            java,
            "-Xmx384m",
            "-Xms64m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            f"{jars}/*",
        ]
        self.server = ServerProcess([*virtual_machine, "kafka.Kafka", str(properties)], log=folder / "log")
        formatting = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties), *formatted_with]
        try:
            run([*virtual_machine, *formatting], "formatting Kafka's data folder")
        except BaseException:
            self.close()
            raise

    def start(self) -> Kafka:
        """Start it, and wait until it answers, which one of several does when most of them run."""
        try:
            self.server.start()
            return self.answering()
        except BaseException:
            self.close()
            raise

    def answering(self) -> Kafka:
        """The broker, once it answers."""
        return Kafka(
            "java",
            f"127.0.0.1:{self._port}",
            server=self.server,
            cluster_id=self._cluster_id,
            data_folder=self._folder / "data",
            close=self.close,
        )

    def close(self) -> None:
        """Ends it, and deletes its data."""
        self.server.stop(kill=True)
        shutil.rmtree(self._folder, ignore_errors=True)


def _advertised(address: str, proxy: TcpProxy | None) -> str:
    """Where clients are sent: to a broker's own address, or to the proxy, which passes on to it from here on.

    From its first answer a client asks at this address alone, be it the one that waits for the broker's start.
    """
    if proxy is None:
        return address
    proxy.target = address
    return proxy.address


def new_cluster_id() -> str:
    """A UUID as Kafka writes it."""
    return "o" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]  # a leading "-" would be an option


def mock(why: str) -> Kafka:
    """librdkafka's mock: one group member, no CreateTopics, nothing kept. `why` nothing better could be had."""
    producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0})
    broker = next(iter(producer.list_topics(timeout=10).brokers.values()))
    # The mock lives as long as its producer, and that as long as its method is kept here.
    return Kafka("mock", f"{broker.host}:{broker.port}", close=producer.close, why=why)
