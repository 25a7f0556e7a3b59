"""Publishing: what the broker refuses takes nothing else with it."""

from __future__ import annotations

import pytest
from kafka.errors import KafkaError, MessageSizeTooLargeError
from sqlalchemy import select

from orderbridge.bus.publisher import Outgoing, Publisher
from orderbridge.database.models import InboxRow
from orderbridge.database.unit_of_work import TransactionOpen
from tests.parts.bus_house import BusHouse


def outgoing(name: str, value: bytes, *, topic: str = "order.imported") -> Outgoing:
    return Outgoing(name, topic, "one-key", [("ce_id", name.encode())], value)


def test_it_refuses_to_wait_for_the_broker_in_a_transaction(house: BusHouse) -> None:
    publisher = Publisher(house.settings)
    try:
        with house.database.unit_of_work() as work:
            work.session.execute(select(InboxRow))
            with pytest.raises(TransactionOpen):
                publisher.publish([outgoing("a", b"1")])
    finally:
        publisher.close()


def test_a_refused_message_takes_no_other_with_it(house: BusHouse) -> None:
    publisher = Publisher(house.settings, answer_seconds=5)
    too_large = outgoing("large", b"x" * 2_000_000)
    try:
        for _ in range(3):
            results = publisher.publish([outgoing("a", b"1"), too_large, outgoing("b", b"2")])
            assert (results["a"], results["b"]) == (None, None)
            assert isinstance(results["large"], MessageSizeTooLargeError)
        results = publisher.publish([outgoing("nowhere", b"1", topic="no-such-topic"), outgoing("c", b"3")])
        assert isinstance(results["nowhere"], KafkaError)
        assert results["c"] is None
    finally:
        publisher.close()
