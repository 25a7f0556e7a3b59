"""orderbridge.store on both brokers."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest

from orderbridge.bus.envelope import validate
from orderbridge.bus.outcomes import Rejected
from orderbridge.ports import free_port
from orderbridge.settings import Settings
from orderbridge.store import STORE_EVENTS, NotSent, Received, Store
from schemas.accounts import StoreOptions
from schemas.failures import Original
from schemas.imports import ImportDue
from schemas.orders import OrderImported, OrderUpdated
from schemas.shipments import OrderShipped
from tests.integration.store.bridge import ORDER, Bridge, example
from tests.parts.process import wait_until

SHIPPED = OrderShipped(order_id=ORDER, carrier="UPS", tracking_number="1Z999AA10123456784")


def take(store: Store, number: int) -> list[Received]:
    """The first `number` events; the last of them is left in its midst."""
    taken = []
    for received in store.read(timeout=30):
        taken.append(received)
        if len(taken) == number:
            break
    return taken


@pytest.mark.parametrize("settings", ["kafka"], indirect=True)
def test_a_message_that_the_broker_refuses_is_the_only_one_that_is_not_sent(settings: Settings, bridge: Bridge) -> None:
    bridge.set_max_message_bytes("order.shipped", 10_000)
    large = SHIPPED.model_copy(update={"tracking_number": "1" * 20_000})
    with Store.from_settings(settings, name="my-store") as store:

        def refused() -> bool:
            try:
                store.shipped(large)
            except NotSent:
                return True
            return False

        wait_until(refused, seconds=20, what="the broker knows its new bound")
        for number in range(2):
            store.shipped(SHIPPED, event_id=f"after-{number}")
            assert refused()
    ids = [envelope.event_id for _, envelope in bridge.told("order.shipped")]
    assert ids[-2:] == ["after-0", "after-1"]


def test_what_a_store_sends_is_read_by_the_bridge(settings: Settings, bridge: Bridge) -> None:
    said_at = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    with Store.from_settings(settings, name="my-store") as store:
        given = store.shipped(SHIPPED, event_id="shipment-1", time=said_at)
        made_up = store.shipped(SHIPPED)
        store.publish_options(StoreOptions(account_id="main"))
    (original, first), (_, second) = bridge.told("order.shipped")
    assert (given, made_up) == (first.event_id, second.event_id)
    assert given == "shipment-1"
    assert (first.source, first.type, first.time) == ("my-store", "order.shipped", said_at)
    assert second.time is not None
    assert original.key == ORDER.encode()
    assert validate(OrderShipped, first.body) == SHIPPED
    assert [original.key for original, _ in bridge.told("store.options")] == [b"main"]


def test_every_event_for_stores_is_read_typed(settings: Settings, bridge: Bridge) -> None:
    said = {bridge.say(example(name)): name for name in STORE_EVENTS}
    with Store.from_settings(settings) as store:
        received = take(store, len(said))
    assert {one.event_id: one.event.event_type for one in received} == said
    assert {one.source for one in received} == {"orderbridge"}
    assert all(type(one.event) is STORE_EVENTS[one.event.event_type] for one in received)


def test_an_event_counts_as_handled_when_the_caller_comes_back(settings: Settings, bridge: Bridge) -> None:
    ids = [bridge.say(example("order.updated", sequence=number)) for number in range(1, 6)]
    with Store.from_settings(settings) as store:
        assert [one.event_id for one in take(store, 3)] == ids[:3]
        assert [one.event_id for one in take(store, 1)] == ids[2:3]
    with Store.from_settings(settings) as restarted:
        assert [one.event_id for one in take(restarted, 3)] == ids[2:]
        ids.append(bridge.say(example("order.updated", sequence=6)))
        assert [one.event_id for one in take(restarted, 2)] == ids[4:]
    with Store.from_settings(settings, group="another") as another:
        assert [one.event_id for one in take(another, 6)] == ids


def test_a_loop_that_is_left_by_an_exception_gives_the_event_again(settings: Settings, bridge: Bridge) -> None:
    ids = [bridge.say(example("order.updated", sequence=number)) for number in (1, 2)]
    with Store.from_settings(settings) as store:
        events = store.read(timeout=30)
        assert next(events).event_id == ids[0]
        with pytest.raises(ZeroDivisionError):
            events.throw(ZeroDivisionError())
        assert [one.event_id for one in take(store, 2)] == ids


def test_garbage_is_passed_over(settings: Settings, bridge: Bridge) -> None:
    newer = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"x"), ("ce_type", b"order.imported.v2")]
    garbage: list[tuple[bytes | None, list[tuple[str, bytes]], str]] = [
        (b"\xff\xfe", [], "malformed"),
        (b"{", [], "malformed"),
        (b"[]", [], "malformed"),
        (None, [], "malformed"),
        (b"{}", [], "invalid"),
        (json.dumps({"order_id": ORDER, "sequence": "1"}).encode(), [], "invalid"),
        (b"{}", newer, "unexpected_type"),
        (b"{}", [("ce_type", b"order.imported")], "broken_envelope"),
        (b"{}", [("ce_\x00", b"\xff")], "broken_envelope"),
    ]
    for value, headers, _ in garbage:
        bridge.put("order.imported", value, headers=headers)
    good = bridge.say(example("order.imported"))
    passed_over: list[tuple[Original, Rejected]] = []
    with Store.from_settings(settings) as store:
        events = store.read(OrderImported, timeout=30, unreadable=lambda *what: passed_over.append(what))
        assert next(events).event_id == good
        events.close()
        assert [rejected.reason for _, rejected in passed_over] == [reason for *_, reason in garbage]
        assert [original.value for original, _ in passed_over] == [value for value, *_ in garbage]
        assert next(store.read(OrderImported, timeout=30)).event_id == good  # the garbage is behind us


def test_a_bare_value_is_an_event_too(settings: Settings, bridge: Bridge) -> None:
    bridge.put("order.updated", example("order.updated").model_dump_json().encode())
    with Store.from_settings(settings) as store:
        (received,) = take(store, 1)
    assert isinstance(received.event, OrderUpdated)
    assert received.event_id == received.place
    assert received.place.startswith(f"{settings.topic_prefix}order.updated/")
    assert abs((received.time - datetime.now(UTC)).total_seconds()) < 60


def test_closing_ends_the_loops_of_other_threads(settings: Settings, bridge: Bridge) -> None:
    bridge.say(example("order.imported"))
    store = Store.from_settings(settings)
    taken: list[Received] = []
    thread = threading.Thread(target=lambda: taken.extend(store.read()))
    thread.start()
    wait_until(lambda: bool(taken), seconds=30, what="the first event")
    store.close()
    thread.join(timeout=3)
    assert not thread.is_alive()
    with pytest.raises(NotSent, match="closed"):
        store.shipped(SHIPPED)


WITHOUT_KAFKA = """
import logging, threading
from orderbridge.store import NotSent, Store
from schemas.shipments import OrderShipped

logging.disable()
store = Store("127.0.0.1:PORT", answer_seconds=1)
try:
    store.shipped(OrderShipped(order_id="1", carrier="UPS", tracking_number="1Z"), event_id="shipment-1")
except NotSent as error:
    print(error)
print(list(store.read(timeout=1)))
thread = threading.Thread(target=lambda: print(list(store.read())))
thread.start()
store.close()
thread.join(timeout=10)
print(thread.is_alive())
"""


def test_without_kafka_nothing_counts_as_sent_and_reading_waits() -> None:
    # In a process of its own: kafka-python 3.0 leaves the sockets of what it could not reach to the garbage collector.
    script = WITHOUT_KAFKA.replace("PORT", str(free_port()))
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    refused, *rest = ended.stdout.splitlines()
    assert refused.startswith("no answer to order.shipped shipment-1: ")
    assert rest == ["[]", "[]", "False"]


def test_only_what_is_for_stores_can_be_read() -> None:
    with Store("127.0.0.1:1") as store, pytest.raises(ValueError, match=r"not for stores: import\.due"):
        store.read(OrderImported, ImportDue)
