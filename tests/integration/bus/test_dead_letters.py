"""A dead letter keeps the message as it came, says why, and quotes no value."""

from __future__ import annotations

import pytest

from tests.parts.bus_house import BusHouse, Headers, shipped
from tests.parts.bus_service import CANARY
from tests.parts.process import wait_until

ORIGINALS: dict[str, tuple[bytes | None, bytes | None, Headers]] = {
    "no UTF-8 anywhere": (b"\xff\x00\xfe{", b"\xc3(", [("trace", b"\xff\xfe")]),
    "null headers, doubled headers": (b"{", b"k", [("a", None), ("a", b"1"), ("a", b"1"), ("", b""), ("A", b"2")]),
    "a null key": (b"{", None, []),
    "an empty key": (b"{", b"", []),
    "a null value": (None, b"k", []),
    "just under a megabyte": (b"\xff" * 1_000_000, b"k", []),
}


@pytest.mark.parametrize("name", ORIGINALS)
def test_the_original_is_kept_byte_for_byte(name: str, standing_house: BusHouse) -> None:
    value, key, headers = ORIGINALS[name]
    place = standing_house.send(value, key=key, headers=headers, partition=1)
    standing_house.send(shipped(f"after {name}"), partition=1)
    letter = standing_house.dead_letter(place)
    original = letter.original
    assert (original.value, original.key, list(original.headers)) == (value, key, list(headers))
    assert f"{original.topic}/{original.partition}/{original.offset}" == place
    assert letter.service == "shipper"
    assert abs((letter.failed_at - original.timestamp).total_seconds()) < 60
    standing_house.wait_for(f"after {name}")


def test_a_key_with_a_nul_byte_stops_nobody(house: BusHouse) -> None:
    """A Java store's LongSerializer makes such keys; PostgreSQL's text takes none."""
    house.ticker()
    worker = house.worker()
    worker.wait_for_partitions()
    place = house.send(b"{", key=(7).to_bytes(8, "big"))
    house.ship("after")
    wait_until(lambda: house.done("after") or worker.server.failure() is not None, seconds=20, what="an end of it")
    assert house.done("after")
    assert house.dead_letter(place).original.key == (7).to_bytes(8, "big")


@pytest.mark.parametrize("order", ["raise", "database"])
def test_no_value_leaves_with_an_exception(order: str, standing_house: BusHouse) -> None:
    """The canary stands in the exception's text, or in the database's words."""
    place = standing_house.ship(f"canary {order}", order)
    letter = standing_house.dead_letter(place)
    assert letter.reason == "handler_failed"
    assert letter.exception is not None
    assert ("RuntimeError" if order == "raise" else "DataError") in letter.exception
    assert "tests.parts.bus_service" in letter.exception or "__main__" in letter.exception
    assert CANARY not in letter.model_dump_json()
    assert_no_canary(standing_house)


def test_no_value_leaves_with_a_validation_error(standing_house: BusHouse) -> None:
    for wrong in (f'{{"order_id": ["{CANARY}"]}}', f'{{"order_id": "{CANARY}', f'"{CANARY}"'):
        letter = standing_house.dead_letter(standing_house.send(wrong.encode()))
        assert CANARY not in letter.message
        assert letter.exception is None
    assert_no_canary(standing_house)


def assert_no_canary(house: BusHouse) -> None:
    """In no log line and no metric; the originals, in base64, are the only place where it is."""
    assert CANARY not in house.logs()
    for child in house.children:
        metrics = child.metrics()
        assert "orderbridge_events_total" in metrics or "orderbridge_published_total" in metrics
        assert CANARY not in metrics


def test_a_refused_publish_holds_back_its_key_alone_and_loses_nothing(house: BusHouse) -> None:
    """The dead-letter topic takes no large message for a while: the relay tries again until it does."""
    ticker = house.ticker()
    house.worker().wait_for_partitions()
    house.set_max_message_bytes("shipper.dead-letter", 10_000)
    refused = house.send(b"x" * 50_000, key=b"large")
    behind = house.send(b"small", key=b"large")
    other = house.send(b"small", key=b"other")
    house.dead_letter(other)
    wait_until(lambda: "not published" in ticker.log(), seconds=10, what="the refusal")
    assert behind not in {letter.original.place() for letter in house.dead_letters()}
    house.set_max_message_bytes("shipper.dead-letter", 2_000_000)
    assert house.dead_letter(refused).original.value == b"x" * 50_000
    house.dead_letter(behind)
    places = [letter.original.place() for letter in house.dead_letters()]
    assert places.index(refused) < places.index(behind)
