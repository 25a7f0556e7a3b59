"""Messages larger than what is read, or than what PostgreSQL keeps in an index: a dead letter, and nothing waits."""

from __future__ import annotations

import json
import random

import pytest

from orderbridge.bus.envelope import MAX_MESSAGE, MAX_ORIGINAL
from orderbridge.dead_letters import NotReplayable, find_letters, replay
from schemas.failures import DeadLetter
from schemas.shipments import ShipmentConfirmed
from tests.parts.in_process import ACCOUNT, System

LONG_KEY = random.Random(1).randbytes(20_000).hex().encode()
"""Not to be compressed: PostgreSQL's indexes take 2,704 bytes."""
SHIPPED = {"order_id": "?", "carrier": "UPS", "tracking_number": "1Z999AA10123456784"}


def confirmed(system: System) -> list[str]:
    return [event.order_id for event in system.events(ShipmentConfirmed)]


def test_a_long_key_stops_nobody(anywhere: System) -> None:
    """Once it was taken for a database that is away: the partition stood still for good."""
    (order_id,) = anywhere.imported()
    anywhere.produce("order.shipped", b"{", key=LONG_KEY)
    anywhere.produce("order.shipped", json.dumps({**SHIPPED, "order_id": order_id}).encode(), key=LONG_KEY)
    anywhere.run_until_idle()
    (letter,) = anywhere.events(DeadLetter)
    assert letter.original.key == LONG_KEY
    assert len(letter.key()) == 64
    assert confirmed(anywhere) == [order_id]


def test_an_event_with_a_long_key_is_given_back(anywhere: System) -> None:
    (order_id,) = anywhere.place_orders()
    key = LONG_KEY
    anywhere.produce("order.shipped", json.dumps({**SHIPPED, "order_id": order_id}).encode(), key=key)
    anywhere.run_until_idle()
    assert "given-back" in anywhere.outcomes_of("order.shipped")
    anywhere.advance(600)
    assert confirmed(anywhere) == [order_id]


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b'{"order_id": "' + b"x" * 20_000_000 + b'"}', []),
        (json.dumps({**SHIPPED, "order_id": "A"}).encode(), [("trace", b"x" * MAX_MESSAGE)]),
        (json.dumps({**SHIPPED, "order_id": "A"}).encode(), [("", b"")] * 1_200_000),
    ],
    ids=["its value", "its headers", "empty headers"],
)
def test_what_no_topic_would_take_is_not_kept(anywhere: System, value: bytes, headers: list[tuple[str, bytes]]) -> None:
    """The broker takes it where it was compressed; its dead letter was tried for ever."""
    anywhere.produce("order.shipped", value, key=b"A", headers=headers)
    anywhere.run_until_idle()
    (letter,) = anywhere.events(DeadLetter)
    assert (letter.reason, letter.original.value, letter.original.key) == ("too_large", None, b"A")
    assert letter.message.endswith("It was not kept: ask its sender for it.")
    assert len(letter.model_dump_json()) < MAX_ORIGINAL
    with anywhere.database.unit_of_work() as work:
        (found,) = find_letters(work)
        with pytest.raises(NotReplayable, match="larger than what is read"):
            replay(work, found)
        replay(work, found, mended=json.dumps({"order_id": "A", "carrier": "UPS", "tracking_number": "1"}))


def test_a_given_back_event_that_is_too_large_is_a_dead_letter(system: System) -> None:
    body = {"service": "shipper", "failures": 0, "original": {"value": "x" * MAX_ORIGINAL}}
    system.produce("shipper.retry", json.dumps(body).encode(), key=ACCOUNT.encode())
    system.run_until_idle()
    (letter,) = system.events(DeadLetter)
    assert (letter.reason, letter.original.value) == ("too_large", None)
