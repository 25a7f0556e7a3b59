"""The storefront as a process, on both brokers."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orderbridge.bus.envelope import validate
from orderbridge.ports import free_port
from orderbridge.settings import Settings
from schemas.accounts import StoreOptions
from schemas.personal_data import PersonalDataState
from schemas.shipments import OrderShipped
from tests.integration.store.bridge import ORDER, Bridge, example, updated
from tests.parts.kafka import Kafka
from tests.parts.patience import PATIENCE
from tests.parts.process import ServerProcess, wait_until

REPOSITORY = Path(__file__).parents[3]
FORM = {"carrier": "UPS", "tracking_number": "1Z999AA10123456784", "package_id": "P1"}


class Shop:
    """A storefront process."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._log = folder / "storefront.log"
        self._port = free_port()
        variables = {
            "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
            "KAFKA_EMBEDDED": settings.kafka_embedded,
            "TOPIC_PREFIX": settings.topic_prefix,
            "SESSION_TIMEOUT_SECONDS": settings.session_timeout_seconds,
            "STOREFRONT_DATABASE": settings.storefront_database,
            "STOREFRONT_PORT": self._port,
        }
        command = ["/usr/bin/env", f"PYTHONPATH={REPOSITORY}"]
        command += [f"ORDERBRIDGE_{name}={value}" for name, value in variables.items()]
        self.server = ServerProcess(
            [*command, sys.executable, "-m", "orderbridge.service", "storefront"], log=self._log
        )
        self.start()

    def start(self) -> None:
        """Start it (again) and wait until it answers."""
        self.server.start()
        try:
            wait_until(lambda: self.ask("/healthz")[0] != 0, seconds=30, what=f"the storefront, see {self._log}")
        except TimeoutError:
            self.server.close()
            raise

    def ask(self, path: str, form: Any = None) -> tuple[int, Any]:
        """Status and body of an answer; (0, None) if there is none."""
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}{path}")
        if form is not None:
            request.data = json.dumps(form).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - it is http
                text = answer.read().decode()
                return answer.status, json.loads(text) if answer.headers.get_content_subtype() == "json" else text
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())
        except OSError:
            return 0, None

    def books(self) -> Any:
        """What `/api/books` says."""
        return self.ask("/api/books")[1]

    def wait_for_order(self, **expected: Any) -> None:
        """Return when the order in the books has these values."""

        def arrived() -> bool:
            order = self.books()["orders"].get(ORDER, {})
            return all(order.get(name) == value for name, value in expected.items())

        wait_until(arrived, seconds=30, what=f"{expected} in the books")

    def wait_for_shipment(self, **expected: Any) -> None:
        """Return when the first shipment in the books has these values."""

        def arrived() -> bool:
            shipments = self.books()["shipments"]
            return bool(shipments) and all(shipments[0].get(name) == value for name, value in expected.items())

        wait_until(arrived, seconds=30, what=f"{expected} in the books")

    def log(self) -> str:
        """All it has written."""
        return self._log.read_text()


@pytest.fixture
def shop(settings: Settings, bridge: Bridge, tmp_path: Path) -> Iterator[Shop]:
    """A storefront beside the bridge, which has its topics."""
    shop = Shop(settings, tmp_path)
    yield shop
    shop.server.close()


def answer(event_type: str, caused_by: str, **changes: Any) -> Any:
    return example(event_type, caused_by=caused_by, **changes)


def test_the_way_of_an_order_through_the_store(bridge: Bridge, shop: Shop) -> None:
    assert shop.log().startswith("storefront listening on http://127.0.0.1:")
    bridge.put("order.imported", b"garbage")
    bridge.say(updated(sequence=20), event_id="updated-1")
    bridge.say(example("order.imported", sequence=10), event_id="imported-1")
    bridge.say(example("order.imported", sequence=10), event_id="imported-1")
    shop.wait_for_order(events={"order.imported": 1, "order.updated": 1})
    shop.wait_for_order(sequence=20, amazon_status="unshipped", status="New")
    (listed,) = shop.ask("/api/orders")[1]
    assert (listed["order_number"], listed["currency"], listed["total"]) == ("AMZ-" + ORDER, "USD", "24.97")
    assert shop.ask(f"/api/orders/{ORDER}")[1]["order"]["lines"][0]["sku"] == "MUG-BLUE"
    wait_until(lambda: len(bridge.told("store.options")) == 1, seconds=20, what="the store's options")
    options = validate(StoreOptions, bridge.told("store.options")[0][1].body)
    names = ["New", "Unpaid", "Processing", "Partial", "Shipped", "Cancel", "Hold"]
    assert [status.name for status in options.statuses] == names

    status, told = shop.ask(f"/api/orders/{ORDER}/ship", FORM | {"lines": [{"sku": "MUG-BLUE", "quantity": 1}]})
    assert status == 202
    shop.wait_for_shipment(event_id=told["event_id"], state="sent", answers=0)
    ((_, sent),) = bridge.told("order.shipped")
    assert (sent.event_id, sent.source) == (told["event_id"], "storefront")
    shipped = validate(OrderShipped, sent.body)
    assert (shipped.order_id, shipped.account_id, shipped.package_id) == (ORDER, "main", "P1")
    shop.wait_for_order(status="Processing")
    bridge.say(answer("shipment.held", sent.event_id))
    shop.wait_for_shipment(state="held", answers=1)
    bridge.say(answer("shipment.rejected", sent.event_id))
    shop.wait_for_shipment(state="rejected", answers=2, reason="more_than_ordered")

    gone = PersonalDataState.redacted(datetime.now(UTC), "US").model_dump(mode="json", exclude_none=True)
    bridge.say(example("order.redacted", sequence=30, personal_data=gone))
    shop.wait_for_order(personal_data="redacted", sequence=30)
    assert ">Amazon Replaced</td>" in shop.ask("/?queue=Shipped")[1]
    assert "<dd>Amazon Replaced</dd>" in shop.ask(f"/orders/{ORDER}")[1]
    assert shop.ask("/healthz") == (200, {"trouble": None, "unsent": 0})


def refuse_long_ones(bridge: Bridge, topic: str, number: int) -> None:
    """Have Kafka refuse messages of more bytes on this topic."""
    bridge.set_max_message_bytes(topic, number)

    def bound_is_known() -> bool:
        try:
            bridge.put(topic, json.dumps({"order_id": "x" * 1000}).encode())
        except AssertionError:
            return True
        return False

    wait_until(bound_is_known, seconds=20, what="the broker knows its new bound")


@pytest.mark.parametrize("settings", ["kafka"], indirect=True)
def test_what_the_store_offers_holds_up_no_shipment_where_kafka_refuses_it(bridge: Bridge, shop: Shop) -> None:
    refuse_long_ones(bridge, "store.options", 300)
    bridge.say(example("order.imported"))
    shop.wait_for_order(status="New")
    event_id = shop.ask(f"/api/orders/{ORDER}/ship", FORM)[1]["event_id"]
    shop.wait_for_shipment(event_id=event_id, state="sent")
    assert shop.ask("/healthz") == (503, {"trouble": "offering: NotSent", "unsent": 0})


@pytest.mark.parametrize("settings", ["kafka"], indirect=True)
def test_a_shipment_that_kafka_refuses_holds_up_no_other(bridge: Bridge, shop: Shop) -> None:
    bridge.say(example("order.imported"))
    shop.wait_for_order(status="New")
    refuse_long_ones(bridge, "order.shipped", 900)
    large = {"carrier": "c" * 200, "tracking_number": "1" * 200, "lines": [{"sku": "s" * 90, "quantity": 1}] * 5}
    assert shop.ask(f"/api/orders/{ORDER}/ship", FORM | large)[0] == 202
    event_id = shop.ask(f"/api/orders/{ORDER}/ship", FORM | {"package_id": "P2"})[1]["event_id"]
    wait_until(
        lambda: event_id in {envelope.event_id for original, envelope in bridge.told("order.shipped")[-1:]},
        seconds=20,
        what="the second shipment",
    )
    assert shop.ask("/healthz")[1]["unsent"] == 1


def test_what_was_not_answered_is_sent_again_with_its_id_and_time(bridge: Bridge, shop: Shop) -> None:
    bridge.say(example("order.imported"))
    shop.wait_for_order(status="New")
    ids = [shop.ask(f"/api/orders/{ORDER}/ship", FORM | {"package_id": name})[1]["event_id"] for name in "AB"]
    wait_until(lambda: len(bridge.told("order.shipped")) == 2, seconds=20, what="both shipments")
    bridge.say(answer("shipment.confirmed", ids[0]))
    shop.wait_for_shipment(event_id=ids[0], state="confirmed")
    shop.server.stop(kill=True)
    bridge.say(updated(sequence=2**50), event_id="while it was down")
    shop.start()
    shop.wait_for_order(sequence=2**50, status="Processing")
    wait_until(lambda: len(bridge.told("order.shipped")) >= 3, seconds=20, what="the unanswered one again")
    (first, second, again) = bridge.told("order.shipped")
    assert [event.event_id for _, event in (first, second, again)] == [*ids, ids[1]]
    assert (again[1].time, again[0].value) == (second[1].time, second[0].value)
    assert second[1].time is not None
    assert datetime.now(UTC) - second[1].time < timedelta(minutes=5)


def test_a_shipment_typed_by_hand_stands_in_the_books(bridge: Bridge, shop: Shop) -> None:
    bridge.say(example("order.imported"))
    bridge.say(answer("shipment.confirmed", "order.shipped/0/0"))
    shop.wait_for_shipment(event_id="order.shipped/0/0", state="confirmed", order_id=ORDER)


def test_a_form_that_is_wrong_is_refused(bridge: Bridge, shop: Shop) -> None:
    assert shop.ask("/api/orders/none/ship", FORM)[0] == 404
    assert shop.ask("/api/orders/none")[0] == 404
    bridge.say(example("order.imported"))
    shop.wait_for_order(status="New")
    for wrong in ({}, FORM | {"parcel": "1"}, FORM | {"lines": [{"quantity": 1}]}, FORM | {"ship_date": "soon"}):
        assert shop.ask(f"/api/orders/{ORDER}/ship", wrong)[0] == 422
    codes = [f"{number:0100d}" for number in range(3000)]
    line = {"sku": "MUG-BLUE", "quantity": 1, "transparency_codes": codes}
    assert shop.ask(f"/api/orders/{ORDER}/ship", FORM | {"lines": [line]})[0] == 413
    assert shop.books()["shipments"] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_soon(shop: Shop, number: signal.Signals) -> None:
    assert shop.server.pid is not None
    began = time.monotonic()
    os.kill(shop.server.pid, number)
    wait_until(lambda: shop.server.failure() is not None, seconds=10, what="its end")
    assert time.monotonic() - began < 5 * PATIENCE
    assert "Traceback" not in shop.log()


def test_without_kafka_shipments_wait_and_are_sent_later(own_kafka: Kafka, topic_prefix: str, tmp_path: Path) -> None:
    settings = Settings(
        kafka_bootstrap_servers=own_kafka.bootstrap_servers,
        topic_prefix=topic_prefix,
        topic_partitions=2,
        session_timeout_seconds=2,
        storefront_database=tmp_path / "storefront.sqlite",
    )
    bridge = Bridge(settings)
    shop = Shop(settings, tmp_path)
    try:
        bridge.say(example("order.imported"))
        shop.wait_for_order(status="New")
        own_kafka.stop(kill=True)
        status, told = shop.ask(f"/api/orders/{ORDER}/ship", FORM)
        assert status == 202
        shop.wait_for_shipment(event_id=told["event_id"], state="unsent")
        shop.server.stop(kill=True)
        shop.start()  # without Kafka too
        shop.wait_for_shipment(event_id=told["event_id"], state="unsent")
        own_kafka.start()
        shop.wait_for_shipment(event_id=told["event_id"], state="sent")
        bridge.say(updated(sequence=2**50))
        shop.wait_for_order(sequence=2**50)
        assert {event.event_id for _, event in bridge.told("order.shipped")} == {told["event_id"]}
    finally:
        shop.server.close()
        bridge.close()
