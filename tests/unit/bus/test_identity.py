"""What makes two messages one event: its own id, else where and when Kafka first saw it.

The place alone is not enough: a topic that was made anew counts from 0 again, and the embedded broker forgets all.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orderbridge.bus.outcomes import NotYet, Rejected
from orderbridge.bus.subscription import Subscription
from orderbridge.database.unit_of_work import Work
from schemas.failures import Original
from schemas.shipments import OrderShipped
from tests.parts.pipeline_bench import START, Bench, original

DATA = {"order_id": "114-1", "carrier": "ups", "tracking_number": "1Z"}
BODY = json.dumps(DATA).encode()
WITHOUT_ID = {"specversion": "1.0", "source": "store", "type": "order.shipped"}


def headers(attributes: dict[str, str]) -> list[tuple[str, bytes]]:
    return [(f"ce_{name}", text.encode()) for name, text in attributes.items()]


def bare() -> Original:
    return original(BODY)


def binary() -> Original:
    return original(BODY, headers=headers(WITHOUT_ID))


def structured() -> Original:
    return original(json.dumps({**WITHOUT_ID, "data": DATA}).encode())


def broken() -> Original:
    return original(b"not json")


def an_hour_later(message: Original) -> Original:
    """Another message, at the same topic, partition and offset."""
    return message.model_copy(update={"timestamp": START + timedelta(hours=1)})


@pytest.mark.parametrize("message", [bare(), binary(), structured()], ids=["bare", "binary", "structured"])
def test_without_an_id_the_same_place_at_another_time_is_another_event(bench: Bench, message: Original) -> None:
    outcomes = [bench.pipeline.process(one) for one in (message, an_hour_later(message))]
    assert outcomes == ["handled", "handled"]
    assert len(bench.handled) == 2
    assert [bench.pipeline.process(one) for one in (message, an_hour_later(message))] == ["repeated"] * 2
    assert len(bench.handled) == 2


def test_another_body_at_the_same_place_is_no_reused_id(bench: Bench) -> None:
    """The broker began anew, and the store's first message is about another order."""
    other = an_hour_later(original(json.dumps({**DATA, "order_id": "114-2"}).encode()))
    assert [bench.pipeline.process(one) for one in (bare(), other)] == ["handled"] * 2
    assert bench.handled == ["114-1", "114-2"]


def test_what_cannot_be_read_is_a_dead_letter_each_time(bench: Bench) -> None:
    messages = (broken(), an_hour_later(broken()), broken())
    assert [bench.pipeline.process(one) for one in messages] == ["dead-letter", "dead-letter", "repeated"]
    assert len(bench.dead_letters()) == 2


def test_an_id_of_its_own_is_what_counts_wherever_and_whenever_it_is_seen(bench: Bench) -> None:
    message = original(BODY, headers=headers({**WITHOUT_ID, "id": "e-1"}))
    elsewhere = an_hour_later(message).model_copy(update={"offset": 7})
    assert [bench.pipeline.process(one) for one in (message, elsewhere)] == ["handled", "repeated"]


@pytest.mark.parametrize("trouble", ["given back", "failed"])
def test_retries_of_the_same_place_do_not_replace_each_other(bench: Bench, trouble: str) -> None:
    def handler(_event: OrderShipped, work: Work) -> None:
        if trouble == "failed":
            raise RuntimeError("planted")
        raise NotYet(work.now + timedelta(hours=2), "Amazon is unwell")

    bench.handler = handler
    for message in (bare(), an_hour_later(bare()), bare()):  # the last: a second copy, which replaces the first
        bench.pipeline.process(message)
    seen = sorted(given_back.original.timestamp for _, given_back in bench.retries())
    assert seen == [START, START + timedelta(hours=1)]


def let_answer_raise(bench: Bench, error: Exception) -> None:
    """Whoever answers the sender of a bad event posts something first, and then raises."""

    def answer(_body: dict[str, Any], _rejected: Rejected, work: Work) -> bool:
        work.post(OrderShipped.model_validate(DATA))
        raise error

    known = bench.pipeline._by_type["order.shipped"]
    assert isinstance(known, Subscription)
    bench.pipeline._by_type["order.shipped"] = replace(known, answer_rejected=answer)


def test_an_answer_that_has_a_bug_ends_as_a_dead_letter(bench: Bench) -> None:
    let_answer_raise(bench, RuntimeError("Canary-Bird-4711"))
    bad = original(b'{"order_id": "114-1"}')
    assert [bench.pipeline.process(one) for one in (bad, bad)] == ["dead-letter", "repeated"]
    (letter,) = bench.dead_letters()
    assert (letter.reason, letter.original.value) == ("invalid", bad.value)
    assert [row.topic for row in bench.posted()] == ["shipper.dead-letter"]  # the answer's own post was taken back
    assert "Canary" not in letter.model_dump_json()
    assert bench.pipeline.process(original(BODY, offset=1)) == "handled"
