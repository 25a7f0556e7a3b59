"""The example stores of docs/examples, run on Apache Kafka; PHP's where its extension is installed."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from orderbridge.bus.envelope import validate
from orderbridge.ports import free_port
from orderbridge.settings import Settings
from schemas.accounts import StoreOptions
from schemas.shipments import OrderShipped
from tests.integration.store.bridge import ORDER, Bridge, example, updated
from tests.parts.example_stores import LANGUAGES, ExampleStore, php_has_rdkafka
from tests.parts.process import wait_until
from tests.parts.requirement import Missing, skip_or_fail
from tests.parts.tcp_proxy import TcpProxy

pytestmark = [pytest.mark.parametrize("settings", ["kafka"], indirect=True), pytest.mark.timeout(240)]


@pytest.fixture(params=LANGUAGES)
def shop(request: pytest.FixtureRequest, settings: Settings, bridge: Bridge, tmp_path: Path) -> ExampleStore:
    """An example store beside the bridge, which has its topics."""
    variables = {
        "kafka_bootstrap_servers": settings.kafka_bootstrap_servers,
        "topic_prefix": settings.topic_prefix,
    }
    try:
        shop = ExampleStore(request.param, tmp_path / "shop", variables)
    except Missing as missing:
        skip_or_fail(request.param, str(missing))
    if request.param == "php" and not php_has_rdkafka():
        pytest.skip("PHP has no extension rdkafka here; tests/integration/store/test_php.py runs it on a stand-in")
    return shop


def test_orders_and_answers_are_read(shop: ExampleStore, bridge: Bridge) -> None:
    reading = shop.reading()
    reading.start()

    def told(line: str) -> None:
        try:
            wait_until(lambda: any(line in one for one in shop.log()), seconds=60, what=line)
        except TimeoutError as error:
            raise AssertionError(f"{error}, but {shop.log()}") from None

    try:
        bridge.put("order.imported", b"garbage")
        for no_event in (b"null", b'{"foo": 1}', b'{"order_id": "x", "sequence": 1}'):
            bridge.put("order.updated", no_event)
            bridge.put("shipment.rejected", no_event)
        bridge.say(example("order.imported", sequence=10))
        told(f"order {ORDER} unshipped sealed")
        bridge.say(updated(sequence=20, amazon_status="shipped"))
        told(f"order {ORDER} shipped sealed")
        bridge.say(updated(sequence=15))
        told(f"older {ORDER}")
        assert shop.order(ORDER)["amazon_status"] == "shipped"
        bridge.say(example("order.redacted", sequence=30))
        told(f"order {ORDER} {example('order.redacted').model_dump()['amazon_status']} redacted")
        assert "seal" not in shop.order(ORDER)["personal_data"]
        package = shop.run("ship", ORDER, "P1", "UPS", "1Z999AA10123456784").stdout.strip()
        bridge.say(example("shipment.confirmed", caused_by=package))
        told(f"confirmed {package}")
        bridge.say(example("shipment.rejected", caused_by="event-2"))
        told("rejected event-2 The package holds 3 of MUG-BLUE")
        bridge.say(example("shipment.rejected", caused_by=package))  # before it was sent again; read after that
        told(f"rejected {package} The package holds 3 of MUG-BLUE")
        assert shop.answer(package) == "confirmed"
        reading.stop()
        reading.start()
        bridge.say(example("shipment.confirmed", caused_by="event-3"))
        told("confirmed event-3")
    finally:
        reading.close()


def test_a_shipment_is_said_and_none_is_lost_while_kafka_is_away(shop: ExampleStore, bridge: Bridge) -> None:
    package = (ORDER, "P1", "UPS", "1Z999AA10123456784")
    nowhere = f"127.0.0.1:{free_port()}"
    failed = shop.run("ship", *package, ORDERBRIDGE_KAFKA_BOOTSTRAP_SERVERS=nowhere)
    assert failed.returncode != 0
    said = shop.run("ship", ORDER, "P2", "UPS", "1Z999AA10123456793")
    assert said.returncode == 0, said.stderr
    again = shop.run("ship", ORDER, "P3", "UPS", "1Z999AA10123456801")
    assert again.returncode == 0, again.stderr
    told = bridge.told("order.shipped")
    assert [envelope.event_id for _, envelope in told] == (said.stdout + again.stdout).split()
    assert [validate(OrderShipped, envelope.body).package_id for _, envelope in told] == ["P1", "P2", "P3"]
    assert {(original.key, envelope.source, envelope.type) for original, envelope in told} == {
        (ORDER.encode(), "my-store", "order.shipped")
    }
    times = [envelope.time for _, envelope in told]
    assert None not in times
    assert times == sorted(times, key=str)


def test_of_two_that_ship_at_once_neither_forgets_the_others_package(
    shop: ExampleStore, settings: Settings, bridge: Bridge
) -> None:
    if shop.language == "python":
        pytest.skip("its books are a database")
    proxy = TcpProxy()  # to nowhere: connections are closed
    nowhere = {"ORDERBRIDGE_KAFKA_BOOTSTRAP_SERVERS": proxy.address}
    first = shop.start("ship", ORDER, "P1", "UPS", "1Z999AA10123456784", **nowhere)
    second = None
    try:
        wait_until(lambda: shop.has_written_down("P1"), seconds=30, what="the first one's package")
        first.send_signal(signal.SIGSTOP)
        second = shop.start("ship", ORDER, "P2", "UPS", "1Z999AA10123456793", **nowhere)
        wait_until(lambda: shop.has_written_down("P2"), seconds=30, what="the second one's package")
        second.kill()
        proxy.target = settings.kafka_bootstrap_servers
        first.send_signal(signal.SIGCONT)
        assert first.wait(60) == 0, shop.log()
    finally:
        for one in (first, second):
            if one is not None:
                one.kill()
                one.wait()
        proxy.close()
    third = shop.run("ship", ORDER, "P3", "UPS", "1Z999AA10123456801")
    assert third.returncode == 0, third.stderr
    told = bridge.told("order.shipped")
    assert [validate(OrderShipped, envelope.body).package_id for _, envelope in told] == ["P1", "P2", "P3"]


def test_what_the_store_offers_is_said(shop: ExampleStore, bridge: Bridge) -> None:
    said = shop.run("options", "main")
    assert said.returncode == 0, said.stderr
    ((original, envelope),) = bridge.told("store.options")
    assert original.key == b"main"
    offer = validate(StoreOptions, envelope.body)
    assert [one.kind for one in offer.statuses] == ["new", "shipped"]
    assert offer.shipping_methods[0].name == "Priority"


def test_it_says_how_it_is_called(shop: ExampleStore) -> None:
    assert shop.run().returncode != 0
    assert "ship ORDER_ID PACKAGE_ID CARRIER TRACKING" in shop.run("ship", ORDER).stderr
