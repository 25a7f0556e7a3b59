"""A store that upserts by order and keeps the highest sequence ends the same, however the topics interleave.

Kafka keeps the events of one order in order within a topic, not among topics, and after a crash a consumer reads a
stretch of a topic again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import EVENTS
from schemas.orders import OrderEvent
from schemas.personal_data import PersonalDataState
from tests.parts.contract import EXAMPLES

Message = tuple[str, str]
"""Topic and JSON."""


def message(topic: str, **changes: Any) -> Message:
    event = EVENTS[topic].model_validate(EXAMPLES[topic] | changes)
    return topic, event.model_dump_json(exclude_none=True)


class Store:
    """The least a store does: one table, one rule."""

    def __init__(self) -> None:
        self.orders: dict[str, OrderEvent] = {}

    def read(self, incoming: Message) -> None:
        topic, text = incoming
        event = EVENTS[topic].model_validate_json(text)
        assert isinstance(event, OrderEvent)
        known = self.orders.get(event.order_id)
        if known is None or event.sequence > known.sequence:
            self.orders[event.order_id] = event


def played(messages: list[Message]) -> dict[str, OrderEvent]:
    store = Store()
    for incoming in messages:
        store.read(incoming)
    return store.orders


def interleavings(topics: list[list[Message]]) -> Iterator[list[Message]]:
    """Every order in which a reader may meet the topics' messages."""
    if not any(topics):
        yield []
    for number, topic in enumerate(topics):
        if topic:
            rest = [*topics[:number], topic[1:], *topics[number + 1 :]]
            yield from ([topic[0], *tail] for tail in interleavings(rest))


def life(order_id: str, statuses: list[str], start: int, *, redacted: bool) -> list[Message]:
    """An order's events as they were posted: imported, updated and, at the end, redacted."""
    first, *more = statuses
    events = [message("order.imported", order_id=order_id, sequence=start, amazon_status=first)]
    for number, status in enumerate(more, start + 1):
        events.append(message("order.updated", order_id=order_id, sequence=number, amazon_status=status))
    if redacted:
        last = {"order_id": order_id, "sequence": start + len(statuses), "amazon_status": statuses[-1]}
        events.append(message("order.redacted", **last))
    return events


def by_topic(messages: list[Message]) -> list[list[Message]]:
    return [[m for m in messages if m[0] == topic] for topic in ("order.imported", "order.updated", "order.redacted")]


def test_every_interleaving_of_a_whole_life_ends_the_same() -> None:
    posted = life("A", ["unshipped", "partially_shipped", "shipped", "shipped"], 1, redacted=True)
    expected = played(posted)
    orders = list(interleavings(by_topic(posted)))
    assert len(orders) == 20  # 5! / 3!
    assert all(played(order) == expected for order in orders)
    assert expected["A"].personal_data == PersonalDataState.redacted(
        expected["A"].personal_data.redacted_at or expected["A"].placed_at, "US"
    )


def test_every_interleaving_of_two_lives_with_every_event_doubled() -> None:
    posted = [
        *life("A", ["unshipped", "shipped"], 1, redacted=True),
        *life("B", ["unshipped"], 1, redacted=True),
    ]
    expected = played(posted)
    topics = [topic + topic for topic in by_topic(posted)]  # read to its end, then again from its start
    count = 0
    for order in interleavings(topics):
        count += 1
        assert played(order) == expected
    assert count == 3150  # 10! / (4! 2! 4!)


def test_any_one_event_is_enough_to_create_the_order() -> None:
    for event in life("A", ["unshipped", "shipped"], 1, redacted=True):
        assert set(played([event])) == {"A"}


statuses = st.lists(st.sampled_from(["pending", "unshipped", "shipped", "cancelled"]), min_size=1, max_size=4)


@given(
    st.lists(st.tuples(statuses, st.integers(1, 9), st.booleans()), min_size=1, max_size=3),
    st.data(),
)
def test_any_interleaving_with_any_stretch_read_again_ends_the_same(
    lives: list[tuple[list[str], int, bool]], data: st.DataObject
) -> None:
    posted = [
        event
        for number, (names, start, redacted) in enumerate(lives)
        for event in life(f"order-{number}", names, start, redacted=redacted)
    ]
    topics = []
    for topic in by_topic(posted):
        back_from = data.draw(st.integers(0, len(topic)))
        back_to = data.draw(st.integers(0, back_from))
        topics.append([*topic[:back_from], *topic[back_to:]])
    order: list[Message] = []
    while any(topics):
        topic = data.draw(st.sampled_from([topic for topic in topics if topic]))
        order.append(topic.pop(0))
    assert played(order) == played(posted)
