"""Access control lists on a real broker: with what `orderbridge topics acl` sets and no more the loop goes round, and
what the contract gives to nobody is refused.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from kafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from typer.testing import CliRunner

from orderbridge.bus.acl import OPERATOR
from orderbridge.bus.client_options import librdkafka_options
from orderbridge.bus.reading import read_topics
from orderbridge.bus.topics import create_topics
from orderbridge.cli import app
from orderbridge.doctor.topics import check_topics
from orderbridge.recovery.rewinding import groups_of
from orderbridge.settings import PREFIX, Settings, load_settings
from orderbridge.store import NotSent, Store
from schemas.events import WORKERS
from schemas.shipments import OrderShipped
from tests.parts.bus_house import BusHouse
from tests.parts.distributed_house import DistributedHouse
from tests.parts.process import wait_until
from tests.parts.secured_kafka import FOREIGNER, SecuredKafka, password_of

SHIPPED = OrderShipped(order_id="114-3941689-8772232", carrier="UPS", tracking_number="1Z999AA10123456784")


@pytest.fixture
def topics(secured_kafka: SecuredKafka, topic_prefix: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The prefix below which the lists are set, by the command, as one of Kafka's super users; then the operator, who
    is none, has made the topics.
    """
    for name, value in {**secured_kafka.as_user(), "topic_prefix": topic_prefix, "topic_partitions": "2"}.items():
        monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)
    result = CliRunner().invoke(app, ["topics", "acl", "--apply", "--store-group", "storefront"])
    assert result.exit_code == 0, result.stderr
    assert "lists are set" in result.stdout
    for name in secured_kafka.as_user():
        monkeypatch.delenv(f"{PREFIX}{name.upper()}")
    operator = settings_of(OPERATOR, secured_kafka, topic_prefix)

    def made() -> bool:
        with suppress(TopicAuthorizationFailedError):  # what the controller has set, the broker knows a moment later
            return bool(create_topics(operator))
        return False

    wait_until(made, seconds=20, what="the operator makes the topics")
    return topic_prefix


def settings_of(role: str, kafka: SecuredKafka, prefix: str) -> Settings:
    user = role if role == FOREIGNER else f"orderbridge-{role}"
    return load_settings(**kafka.as_user(user), topic_prefix=prefix, topic_partitions=2)


@pytest.mark.timeout(300)
def test_the_whole_loop_each_as_its_own_user(
    secured_kafka: SecuredKafka, topics: str, postgres_url: str, tmp_path: Path
) -> None:
    """Import, order.imported, the store, order.shipped, confirmed; the topics are made by the operator."""
    house = DistributedHouse(
        tmp_path,
        secured_kafka.sasl,
        postgres_url,
        topics,
        speed=60,
        workers=("ticker", *WORKERS),
        access=lambda role: {
            name: value
            for name, value in secured_kafka.as_user(f"orderbridge-{role}").items()
            if name != "kafka_bootstrap_servers"
        },
    )
    try:
        house.start()
        placed = house.post(f"{house.sandbox}/_sandbox/orders", {"count": 1, "fulfilled_by": "merchant"})
        (order_id,) = placed["order_ids"]
        arrived = f"{house.storefront}/api/orders/{order_id}"

        def has_arrived() -> bool:
            house.import_now()
            return order_id in {order["order_id"] for order in house.get(f"{house.storefront}/api/orders")}

        wait_until(has_arrived, seconds=90, what="the order in the store", interval=1.0)
        house.post(f"{arrived}/ship", {"carrier": "UPS", "tracking_number": "1Z999AA10123456784"})

        def answers() -> list[str]:
            return [shipment["state"] for shipment in house.get(arrived)["shipments"]]

        wait_until(lambda: answers() == ["confirmed"], seconds=90, what="the confirmation in the store", interval=0.2)
        assert {finding.severity for finding in check_topics(house.settings)} == {"ok"}
        with groups_of(house.settings) as groups:
            assert groups.members().keys() == set(groups.names)
        assert list(read_topics(house.settings, ["shipment.confirmed"]))
    finally:
        house.close()


def may_write(settings: Settings, topic: str) -> bool:
    failed: list[Any] = []
    options = librdkafka_options(settings) | {"log_level": 0, "message.timeout.ms": 10_000}
    producer = Producer(options)
    producer.produce(settings.topic_prefix + topic, b"{}", b"key", on_delivery=lambda error, _: failed.append(error))
    assert producer.flush(20) == 0
    (error,) = failed
    assert error is None or "AUTHORIZATION" in error.name(), error
    return error is None


def may_read(settings: Settings, topic: str) -> bool:
    try:
        assert list(read_topics(settings, [topic]))
    except TopicAuthorizationFailedError:
        return False
    return True


@pytest.mark.parametrize(
    ("role", "writes"),
    [
        ("store", {"order.shipped", "store.options"}),
        ("shipper", set()),
        ("ticker", {"order.imported", "import.due", "shipper.retry", "shipment.confirmed"}),
        (FOREIGNER, set()),
    ],
)
def test_who_may_write(role: str, writes: set[str], secured_kafka: SecuredKafka, topics: str) -> None:
    settings = settings_of(role, secured_kafka, topics)
    tried = ("order.shipped", "store.options", "order.imported", "import.due", "shipper.retry", "shipment.confirmed")
    assert {topic for topic in tried if may_write(settings, topic)} == writes


@pytest.mark.parametrize(
    ("role", "reads"),
    [
        ("store", {"order.imported", "shipment.confirmed"}),
        ("shipper", {"order.shipped"}),
        ("ticker", set()),
        (FOREIGNER, set()),
    ],
)
def test_who_may_read(role: str, reads: set[str], secured_kafka: SecuredKafka, topics: str) -> None:
    settings = settings_of(role, secured_kafka, topics)
    with Store.from_settings(settings_of("store", secured_kafka, topics)) as store:
        store.shipped(SHIPPED)
    for topic in ("order.imported", "shipment.confirmed", "import.due"):
        assert may_write(settings_of("ticker", secured_kafka, topics), topic)
    tried = ("order.imported", "shipment.confirmed", "order.shipped", "import.due")
    assert {topic for topic in tried if may_read(settings, topic)} == reads


def test_a_store_that_may_not_is_told(secured_kafka: SecuredKafka, topics: str) -> None:
    """A foreign user's shipment is not taken; a store's own user may not read as another group."""
    with Store.from_settings(settings_of(FOREIGNER, secured_kafka, topics)) as store, pytest.raises(NotSent):
        store.shipped(SHIPPED)
    with (
        Store.from_settings(settings_of("store", secured_kafka, topics), group="another") as store,
        pytest.raises(GroupAuthorizationFailedError),
    ):
        list(store.read(timeout=10))


def test_a_worker_that_may_not_read_waits_and_says_so(
    secured_kafka: SecuredKafka, topics: str, postgres_url: str, tmp_path: Path
) -> None:
    access = secured_kafka.as_user()
    house = BusHouse(access.pop("kafka_bootstrap_servers"), postgres_url, topics, tmp_path, **access)
    house.access |= {
        f"{PREFIX}KAFKA_SASL_USERNAME": FOREIGNER,
        f"{PREFIX}KAFKA_SASL_PASSWORD": password_of(FOREIGNER),
    }
    try:
        worker = house.worker()
        wait_until(
            lambda: "may not read" in (worker.ask("/readyz")[1].get("waiting_for") or ""), seconds=30, what="it says so"
        )
        assert (worker.ask("/healthz")[0], worker.ask("/readyz")[0]) == (200, 503)
        assert "orderbridge topics acl" in worker.log()
    finally:
        house.close()


def test_lists_set_by_one_who_may_not(
    secured_kafka: SecuredKafka, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**secured_kafka.as_user(FOREIGNER), "topic_prefix": topic_prefix}.items():
        monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)
    result = CliRunner().invoke(app, ["topics", "acl", "--apply"])
    assert result.exit_code == 1
    assert "super.users" in result.stderr
