"""Kafka over TLS with passwords and with certificates: every client of ours, and what is said where it is refused."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orderbridge.bus.connecting import refusal
from orderbridge.bus.topics import create_topics
from orderbridge.cli import app
from orderbridge.doctor.topics import check_topics
from orderbridge.recovery.rewinding import groups_of
from orderbridge.settings import PREFIX, load_settings
from orderbridge.store import Store
from schemas.generate import example
from schemas.orders import OrderImported
from schemas.shipments import OrderShipped
from tests.parts.bus_house import BusHouse
from tests.parts.certificates import Authority
from tests.parts.child_process import ChildProcess
from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until
from tests.parts.secured_kafka import SecuredKafka

pytestmark = pytest.mark.timeout(180)
Access = Callable[[SecuredKafka], dict[str, Any]]
ACCESSES: dict[str, Access] = {
    "SCRAM-SHA-512": lambda kafka: kafka.as_user(mechanism="SCRAM-SHA-512"),
    "PLAIN": lambda kafka: kafka.as_user(mechanism="PLAIN"),
    "certificate": SecuredKafka.by_certificate,
}


@pytest.fixture(params=list(ACCESSES))
def access(request: pytest.FixtureRequest, secured_kafka: SecuredKafka) -> dict[str, Any]:
    """The settings of one way to be let in."""
    return ACCESSES[request.param](secured_kafka)


@pytest.fixture
def house(
    access: dict[str, Any], secured_kafka: SecuredKafka, postgres_url: str, topic_prefix: str, tmp_path: Path
) -> Iterator[BusHouse]:
    """Topics made by who is let in so, with a database."""
    servers = access.pop("kafka_bootstrap_servers")
    house = BusHouse(servers, postgres_url, topic_prefix, tmp_path, **access)
    yield house
    house.close()


def test_a_worker_the_relay_and_a_store_both_ways(house: BusHouse) -> None:
    ticker, worker = house.ticker(), house.worker(attempts=1)
    worker.wait_for_partitions()
    with Store.from_settings(house.settings) as store:
        store.shipped(OrderShipped(order_id="114-3941689-8772232", carrier="UPS", tracking_number="1Z1"))
        house.wait_for("114-3941689-8772232")
        house.wait_for_everything()  # committed as well
        failing = house.ship("failing", "raise")
        assert house.dead_letter(failing).reason == "handler_failed"  # the relay has published it
        order = example("order.imported")
        house.send(json.dumps(order).encode(), key=order["order_id"].encode(), topic="order.imported")
        (received,) = store.read(OrderImported, timeout=10)
        assert received.event.key() == order["order_id"]
    assert (worker.ask("/readyz")[0], ticker.ask("/readyz")[0]) == (200, 200)
    assert {finding.severity for finding in check_topics(house.settings)} == {"ok"}
    with groups_of(house.settings) as groups:
        assert groups.members() == {house.topic("orderbridge-shipper"): 1}


def test_a_store_elsewhere_names_kafka_pythons_options(secured_kafka: SecuredKafka, topic_prefix: str) -> None:
    given = load_settings(**secured_kafka.as_user(), topic_prefix=topic_prefix, topic_partitions=1)
    create_topics(given)
    options = {
        "security_protocol": "SASL_SSL",
        "ssl_cafile": str(secured_kafka.authority.certificate),
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": given.kafka_sasl_username,
        "sasl_plain_password": given.need("kafka_sasl_password"),
    }
    with Store(secured_kafka.sasl, topic_prefix=topic_prefix, **options) as store:
        assert store.shipped(OrderShipped(order_id="114-3941689-8772232", carrier="UPS", tracking_number="1Z1"))
        assert list(store.read(timeout=3)) == []


def wrong_password(kafka: SecuredKafka) -> dict[str, Any]:
    return {**kafka.as_user(), "kafka_sasl_password": "wrong"}


def unknown_authority(kafka: SecuredKafka) -> dict[str, Any]:
    return {**kafka.as_user(), "kafka_ca_file": str(Authority(kafka.folder, "other").certificate)}


def other_host(kafka: SecuredKafka) -> dict[str, Any]:
    return {**kafka.as_user(), "kafka_bootstrap_servers": kafka.sasl.replace("127.0.0.1", "localhost")}


def foreign_certificate(kafka: SecuredKafka) -> dict[str, Any]:
    certificate, key = Authority(kafka.folder, "foreign-authority").sign("orderbridge-admin-elsewhere")
    own = {"kafka_certificate_file": str(certificate), "kafka_certificate_key_file": str(key)}
    return {**kafka.by_certificate(), **own}


def no_tls(kafka: SecuredKafka) -> dict[str, Any]:
    return {"kafka_bootstrap_servers": kafka.sasl}


REFUSED: list[tuple[Access, str, str]] = [
    (wrong_password, "refuses the user", "KAFKA_SASL_PASSWORD"),
    (unknown_authority, "unable to get local issuer certificate", "KAFKA_CA_FILE"),
    (other_host, "Hostname mismatch", "KAFKA_BOOTSTRAP_SERVERS"),
    (foreign_certificate, "refuses our certificate", "KAFKA_CERTIFICATE_FILE"),
    (no_tls, "does not answer", "KAFKA_SECURITY_PROTOCOL"),
]


@pytest.mark.parametrize(("settings_of", "why", "variable"), REFUSED, ids=[one[0].__name__ for one in REFUSED])
def test_a_refusal_names_the_setting(
    settings_of: Access, why: str, variable: str, secured_kafka: SecuredKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = settings_of(secured_kafka)
    for name, value in values.items():
        monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)
    began = time.monotonic()
    (finding,) = check_topics(load_settings())
    assert finding.severity == "error"
    assert why in finding.what
    assert f"{PREFIX}{variable}" in finding.what_to_do
    result = CliRunner().invoke(app, ["topics"])
    assert result.exit_code == 1
    assert why in result.stderr
    assert f"{PREFIX}{variable}" in result.stderr
    assert time.monotonic() - began < 30 * PATIENCE  # twice ten seconds for an answer, where none comes
    assert "wrong" not in result.stderr  # the password


def says(child: ChildProcess) -> bool:
    return "refuses the user" in (child.ask("/healthz")[1].get("waiting_for") or "")


def test_a_worker_and_the_ticker_wait_and_say_why(
    secured_kafka: SecuredKafka, postgres_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    access = secured_kafka.as_user()
    house = BusHouse(access.pop("kafka_bootstrap_servers"), postgres_url, topic_prefix, tmp_path, **access)
    try:
        house.access[f"{PREFIX}KAFKA_SASL_PASSWORD"] = "wrong"
        for child in (house.worker(), house.ticker()):
            wait_until(partial(says, child), seconds=45, what="its health page says why")
            assert (child.ask("/healthz")[0], child.ask("/readyz")[0]) == (200, 503)  # a restart would not help
            assert "KAFKA_SASL_PASSWORD" in child.log()
            threading.Event().wait(4)  # three tries more
            assert child.log().count("refuses the user") == 1
            child.signal(signal.SIGTERM)
            child.wait_for_end()
    finally:
        house.close()


def test_what_answers_is_no_refusal(secured_kafka: SecuredKafka) -> None:
    assert refusal(load_settings(**secured_kafka.as_user())) is None


def test_tail_shows_what_comes(house: BusHouse, tmp_path: Path) -> None:
    """As a process: it goes on until it is told to end."""
    command = [sys.executable, "-m", "orderbridge", "events", "tail", "order.shipped", "--since-start", "--json"]
    house.ship("seen-in-the-tail")
    child = ChildProcess(command, house.environment, tmp_path / "tail.log")
    try:
        wait_until(lambda: "seen-in-the-tail" in child.log(), seconds=30, what="the event in the tail")
    finally:
        child.server.stop()
