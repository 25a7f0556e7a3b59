"""Bad input on the real topic: what becomes of each, and that the next message goes through."""

from __future__ import annotations

import json
import time

import pytest
from kafka import KafkaProducer

from tests.parts.bus_house import BusHouse, Headers, attributes, shipped
from tests.parts.patience import PATIENCE

BINARY = attributes("e-1")
GOOD = shipped("unused")
DEEP = b'{"order_id":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
STRUCTURED = {"specversion": "1.0", "id": "s-1", "source": "store", "type": "order.shipped"}


def structured(**changes: object) -> bytes:
    return json.dumps({**STRUCTURED, "data": json.loads(GOOD), **changes}).encode()


BAD: dict[str, tuple[bytes | None, Headers, str, str]] = {
    "malformed JSON": (b'{"order_id": ', [], "malformed", "line 1, column 14"),
    "bytes that are no UTF-8": (b"\xff\xfe\x00", [], "malformed", "not UTF-8: byte 0"),
    "a JSON array": (b"[1, 2]", [], "malformed", "list"),
    "a JSON string": (b'"order"', [], "malformed", "str"),
    "a tombstone": (None, [], "malformed", "not JSON"),
    "an empty value": (b"", [], "malformed", "not JSON"),
    "deep nesting": (DEEP, [], "malformed", "nested too deeply"),
    "a number of 5,000 digits": (b'{"order_id": ' + b"1" * 5000 + b"}", [], "malformed", "number"),
    "too large": (shipped("x" * 900_000), [], "too_large", "at most 524288"),
    "a missing field": (b'{"order_id": "1"}', [], "invalid", "carrier: Field required"),
    "a wrong type": (GOOD.replace(b'"ups"', b"7"), [], "invalid", "carrier: Input should be a valid string"),
    "an id that is no string": (GOOD.replace(b'"unused"', b"7"), [], "invalid", "order_id"),
    "a lone surrogate": (GOOD.replace(b"unused", b"\\ud800"), [], "invalid", "order_id"),
    "another event type": (GOOD, attributes("t-1", type="order.imported"), "unexpected_type", "order.shipped"),
    "an unknown event type": (GOOD, attributes("t-2", type="com.example.x"), "unexpected_type", "order.shipped"),
    "no source": (GOOD, attributes("h-1", source=None), "broken_envelope", "source"),
    "no type": (GOOD, attributes("h-2", type=None), "broken_envelope", "type"),
    "an empty id": (GOOD, attributes(""), "broken_envelope", "id"),
    "another version": (GOOD, attributes("h-3", specversion="7.0"), "broken_envelope", "attributes"),
    "a time that is none": (GOOD, attributes("h-4", time="yesterday"), "broken_envelope", "attributes"),
    "a time beyond all": (GOOD, attributes("h-5", time="9999-12-31T24:00:00Z"), "broken_envelope", "attributes"),
    "a time without offset": (GOOD, attributes("h-6", time="2026-11-24T09:00:00"), "broken_envelope", "time"),
    "a header that is no UTF-8": (GOOD, [*BINARY[1:], ("ce_id", b"\xff")], "broken_envelope", "attributes"),
    "an id with a NUL": (GOOD, attributes("a\0b"), "broken_envelope", "id"),
    "an endless id": (GOOD, attributes("x" * 2000), "broken_envelope", "id"),
    "an endless source": (GOOD, attributes("h-7", source="x" * 2000), "broken_envelope", "source"),
    "no id, an endless source": (GOOD, attributes("h-8", source="x" * 287)[1:], "broken_envelope", "source"),
    "structured, no source": (structured(source=None, id="s-2"), [], "broken_envelope", "source"),
    "structured, an id that is a number": (structured(id=5), [], "broken_envelope", "id"),
    "structured, a lone surrogate": (structured(id="\ud800"), [], "broken_envelope", "id"),
    "structured, no data": (structured(data=None, id="s-3"), [], "malformed", "an object was expected"),
    "structured, data in a string": (structured(data="{}", id="s-4"), [], "malformed", "an object was expected"),
    "structured, a field missing": (structured(data={"order_id": "1"}, id="s-5"), [], "invalid", "carrier"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_message_is_a_dead_letter_and_the_next_goes_through(name: str, standing_house: BusHouse) -> None:
    value, headers, reason, words = BAD[name]
    place = standing_house.send(value, key=b"k", headers=headers)
    following = f"after {name}"
    standing_house.ship(following)
    standing_house.wait_for(following)
    letter = standing_house.dead_letter(place)
    assert letter.reason == reason
    assert words in letter.message
    assert letter.failures == 0
    assert letter.exception is None
    assert letter.original.value == value
    assert list(letter.original.headers) == list(headers)
    assert standing_house.failures() == 0


GOOD_FORMS: dict[str, tuple[bytes, Headers]] = {
    "bare JSON": (shipped("bare"), []),
    "binary": (shipped("binary"), attributes("g-1")),
    "binary, upper-case names": (
        shipped("upper"),
        [(name.upper(), value) for name, value in attributes("g-2")],
    ),
    "binary, no id": (shipped("no-id"), attributes("g-3")[1:]),
    "binary, a null id": (shipped("null-id"), [*attributes("g-4")[1:], ("ce_id", None)]),
    "binary, a null header of another's": (shipped("null-header"), [*attributes("g-5"), ("traceparent", None)]),
    "structured": (structured(id="g-6", data=json.loads(shipped("structured"))), []),
    "structured, null where nothing is set": (
        structured(id="g-7", subject=None, time=None, data=json.loads(shipped("nulls"))),
        [],
    ),
}
"""Both modes of the binding, and what a store that starts with kcat sends."""


@pytest.mark.parametrize("name", GOOD_FORMS)
def test_every_good_form_is_handled(name: str, standing_house: BusHouse) -> None:
    value, headers = GOOD_FORMS[name]
    body = json.loads(value)
    order_id = body.get("data", body)["order_id"]
    standing_house.send(value, headers=headers)
    standing_house.wait_for(order_id)


def test_a_second_copy_does_nothing(standing_house: BusHouse) -> None:
    for _ in range(2):
        standing_house.ship("copy", headers=attributes("copy-1"))
    standing_house.wait_for_everything()
    assert [effect.order_id for effect in standing_house.effects()].count("copy") == 1
    assert not [letter for letter in standing_house.dead_letters() if letter.original.key == b"copy"]


def test_an_id_used_again_for_another_event_is_refused(standing_house: BusHouse) -> None:
    standing_house.ship("first-of-id", headers=attributes("reused-1"))
    standing_house.wait_for("first-of-id")  # of two at once either may be the first
    place = standing_house.ship("second-of-id", headers=attributes("reused-1"))
    standing_house.wait_for_everything()
    assert standing_house.dead_letter(place).reason == "event_id_reused"
    assert not standing_house.done("second-of-id")
    # Another source may use the same id (CloudEvents 1.0.2 §3.1.1: source and id together are unique).
    standing_house.ship("id-of-another", headers=attributes("reused-1", source="another"))
    standing_house.wait_for("id-of-another")


def test_without_an_id_the_place_is_the_id(standing_house: BusHouse) -> None:
    places = [standing_house.ship("doubled") for _ in range(2)]
    standing_house.wait_for_everything()
    assert [effect.order_id for effect in standing_house.effects()].count("doubled") == 2
    assert {(standing_house.topic(), place) for place in places} <= standing_house.inbox().keys()


def test_events_out_of_order_are_handled_in_the_order_of_the_topic_with_their_rank(standing_house: BusHouse) -> None:
    """The bus keeps the topic's order; a handler that minds the sender's time has `work.cause.rank` for it."""
    later = attributes("later", time="2026-11-24T10:00:00Z")
    earlier = attributes("earlier", time="2026-11-24T09:00:00Z")
    standing_house.ship("order-9", package="later", headers=later)
    standing_house.ship("order-9", package="earlier", headers=earlier)
    standing_house.wait_for_everything()
    packages = [effect.package for effect in standing_house.effects() if effect.order_id == "order-9"]
    assert packages == ["later", "earlier"]


def test_skipped_and_rejected_by_the_handler(standing_house: BusHouse) -> None:
    skipped = standing_house.ship("skipped", "skip")
    rejected = standing_house.ship("rejected", "reject")
    standing_house.wait_for_everything()
    assert standing_house.dead_letter(rejected).reason == "not_wanted"
    assert standing_house.inbox()[standing_house.topic(), skipped].outcome == "skipped"
    assert not standing_house.done("skipped")
    assert not standing_house.done("rejected")
    assert not [letter for letter in standing_house.dead_letters() if letter.original.place() == skipped]


def test_garbage_in_the_services_own_topic_is_a_dead_letter(standing_house: BusHouse) -> None:
    began = time.monotonic()
    values = [b"\xff", b"{}", json.dumps({"service": "shipper", "failures": 0, "original": {"topic": "x"}}).encode()]
    places = [standing_house.send(value, topic="shipper.retry") for value in values]
    reasons = [standing_house.dead_letter(place).reason for place in places]
    assert reasons == ["malformed", "invalid", "invalid"]
    assert time.monotonic() - began < 30 * PATIENCE


class NotUtf8(str):
    """A header's name as kcat sends whatever bytes it is given."""

    def encode(self, *_: object) -> bytes:
        return b"\xff\xfe"


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_a_header_name_that_is_no_utf8_is_an_event_like_any_other(compression: str, standing_house: BusHouse) -> None:
    house, name = standing_house, f"header name, {compression}"
    producer = KafkaProducer(
        bootstrap_servers=house.settings.kafka_bootstrap_servers,
        linger_ms=200,
        compression_type=None if compression == "none" else compression,
    )
    values = [shipped(f"{name}, before"), b"{}", shipped(f"{name}, after")]  # one batch
    names = [[], [(NotUtf8("x"), b"1")], []]
    sent = [
        producer.send(house.topic(), value, partition=0, headers=headers)
        for value, headers in zip(values, names, strict=True)
    ]
    offsets = [future.get(10).offset for future in sent]
    producer.close()
    for order_id in (f"{name}, before", f"{name}, after"):
        house.wait_for(order_id)
    assert house.dead_letter(f"{house.topic()}/0/{offsets[1]}").original.headers == (("\\xff\\xfe", b"1"),)
    assert [effect.order_id for effect in house.effects()].count(f"{name}, before") == 1
