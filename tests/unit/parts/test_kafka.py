from __future__ import annotations

import importlib
import uuid
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from orderbridge.ports import free_port
from tests.parts import kafka as roads
from tests.parts import kafka_jars
from tests.parts.kafka import Kafka, find_kafka, mock
from tests.parts.requirement import Missing
from tests.parts.tcp_proxy import TcpProxy


def emit(kafka: Kafka, topic: str, value: bytes) -> None:
    errors: list[object] = []
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "reconnect.backoff.max.ms": 100})
    producer.produce(topic, value, on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(20) == 0
    assert errors == [None]
    producer.close()


def read(kafka: Kafka, topic: str, count: int) -> list[bytes | None]:
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
            "reconnect.backoff.max.ms": 100,
        }
    )
    consumer.subscribe([topic])
    messages = consumer.consume(count, timeout=20)
    consumer.close()
    return [message.value() for message in messages]


def create_topic(kafka: Kafka, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])[topic].result(timeout=20)


def test_messages_go_through_the_shared_broker(kafka: Kafka, topic_prefix: str) -> None:
    topic = f"{topic_prefix}numbers"
    create_topic(kafka, topic)
    emit(kafka, topic, b"1")
    assert read(kafka, topic, 1) == [b"1"]


def test_a_broker_of_its_own(own_kafka: Kafka) -> None:
    create_topic(own_kafka, "numbers")
    emit(own_kafka, "numbers", b"1")
    address = own_kafka.bootstrap_servers

    own_kafka.stop()
    own_kafka.start()
    emit(own_kafka, "numbers", b"2")
    own_kafka.stop(kill=True)
    own_kafka.start()
    assert own_kafka.bootstrap_servers == address
    assert read(own_kafka, "numbers", 2) == [b"1", b"2"]

    if own_kafka.data_folder is None:
        pytest.skip(f"{own_kafka} keeps its data elsewhere")
    folder = own_kafka.data_folder.parent

    def servers() -> list[psutil.Process]:
        return [child for child in psutil.Process().children() if str(folder) in str(child.cmdline())]

    assert len(servers()) == 1
    own_kafka.close()
    assert servers() == []
    assert not folder.exists()


@pytest.mark.parametrize("own_kafka", [{"behind": "kafka_proxy"}], indirect=True)
def test_the_proxy_before_it_passes_on_from_its_start_however_slow_its_first_answer(own_kafka: Kafka) -> None:
    slow = TcpProxy()
    slow.target = own_kafka.bootstrap_servers
    slow.slow(0.7)
    try:
        Kafka("environment", slow.address)
    finally:
        slow.close()


def test_the_mock_answers_and_cannot_be_stopped(topic_prefix: str) -> None:
    kafka = mock("a test of it")
    emit(kafka, f"{topic_prefix}numbers", b"1")
    assert read(kafka, f"{topic_prefix}numbers", 1) == [b"1"]
    assert str(kafka) == "librdkafka's mock, for: a test of it"
    with pytest.raises(RuntimeError, match="own_kafka"):
        kafka.stop()
    kafka.close()


def test_without_docker_java_and_maven_there_is_the_mock(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_daemon(_proxy: TcpProxy | None) -> Kafka:
        raise Missing("no Docker daemon answers")

    monkeypatch.delenv(roads.VARIABLE, raising=False)
    monkeypatch.setattr(roads, "in_docker", no_daemon)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(importlib, "import_module", no_module)
    kafka = find_kafka()
    assert kafka.kind == "mock"
    assert "no Java" in kafka.why
    kafka.close()
    with pytest.raises(Missing, match="no Docker daemon answers; no Java"):
        find_kafka(own=True)


def no_module(name: str) -> object:
    raise ImportError(name)


def test_the_environment_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    given = mock("it is given")
    monkeypatch.setenv(roads.VARIABLE, given.bootstrap_servers)
    kafka = find_kafka()
    assert (kafka.kind, kafka.bootstrap_servers) == ("environment", given.bootstrap_servers)
    kafka.close()
    given.close()


def test_a_broker_that_dies_at_its_start_says_why(monkeypatch: pytest.MonkeyPatch, kafka: Kafka) -> None:
    if kafka.kind != "java":
        pytest.skip("its port is not ours to take")
    taken = int(kafka.bootstrap_servers.rpartition(":")[2])
    monkeypatch.setattr(roads, "free_port", iter([taken, free_port()]).__next__)
    with pytest.raises(RuntimeError, match="Address already in use"):
        roads.with_java()


def test_one_version_is_named_in_one_place() -> None:
    assert Path("KAFKA_VERSION").read_text() == f"{kafka_jars.VERSION}\n"
