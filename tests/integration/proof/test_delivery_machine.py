"""Outbox, relay, pipeline and inbox as a state machine: processes die at any statement, commit and call of the broker.

Whatever happens, in whatever order: each message has its one effect, told at least once, each order's in their order.
The last tests plant a defect in the real code, and the machine must find it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from orderbridge.database import inbox, outbox
from orderbridge.database.unit_of_work import Database, Work
from services.ticker.relay import Relay
from tests.parts.databases import Template
from tests.parts.delivery_house import DeliveryHouse
from tests.parts.hand_clock import HandClock

NOBODYS = hashlib.sha256(b"").hexdigest()


class Delivery(RuleBasedStateMachine):
    """What may happen to a message on its way."""

    template: ClassVar[Template]

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        clock = HandClock()
        self.house = DeliveryHouse(Database(self.template.copy(self.folder.name), clock), clock)

    @rule(order_id=st.sampled_from("ABC"), later=st.booleans())
    def send(self, order_id: str, later: bool) -> None:
        self.house.send(order_id, later=later)

    @rule(points=st.integers(1, 25))
    def die_at(self, points: int) -> None:
        self.house.crashes.arm(points)

    @rule(relay=st.integers(0, 1))
    def tick(self, relay: int) -> None:
        self.house.tick(relay)

    @rule(most=st.integers(1, 3))
    def consume(self, most: int) -> None:
        self.house.consume(most)

    @rule(most=st.integers(2, 3))
    def consume_together(self, most: int) -> None:
        self.house.consume_together(most)

    @rule()
    def commit(self) -> None:
        self.house.commit()

    @rule()
    def rewind(self) -> None:
        self.house.rewind()

    @rule(count=st.integers(1, 3))
    def broker_refuses(self, count: int) -> None:
        self.house.refused = count

    @rule(seconds=st.sampled_from([1, 6, 31]))
    def wait(self, seconds: int) -> None:
        self.house.clock.advance(seconds=seconds)

    @invariant()
    def nothing_doubled(self) -> None:
        self.house.check_at_most_once()

    def teardown(self) -> None:
        try:
            self.house.settle()
            self.house.check_all()
        finally:
            self.house.crashes.close()
            self.house.database.close()
            self.folder.cleanup()


@pytest.fixture(autouse=True, scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> None:
    Delivery.template = Template(tmp_path_factory.mktemp("template"))


def play(examples: int, **more: Any) -> None:
    run_state_machine_as_test(Delivery, settings=settings(max_examples=examples, stateful_step_count=25, **more))


def test_each_message_has_its_one_effect() -> None:
    play(40)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_each_message_has_its_one_effect_in_thousands_of_ways() -> None:
    play(3_000)


# --- planted defects


def handled_before_its_effect_is_committed(planted: pytest.MonkeyPatch) -> None:
    look_up, record = inbox.look_up, inbox.record

    def note_first(work: Work, consumer: str, body_digest: str) -> str:
        seen = look_up(work, consumer, body_digest)
        if seen == "new":
            record(work, consumer, body_digest, "handled")
            work.commit()
        return seen

    planted.setattr(inbox, "look_up", note_first)
    planted.setattr(inbox, "record", lambda *_: True)


def many_handled_before_their_effect_is_committed(planted: pytest.MonkeyPatch) -> None:
    known, record, look_up = inbox.known, inbox.record_handled, inbox.look_up

    def note_first(work: Work, consumer: str, events: Any) -> Any:
        seen = known(work, consumer, events)
        record(work, consumer, dict.fromkeys(set(events) - seen, NOBODYS))
        work.commit()
        return seen

    planted.setattr(inbox, "known", note_first)
    planted.setattr(inbox, "look_up", lambda *given: look_up(*given).replace("reused", "repeated"))
    planted.setattr(inbox, "record_handled", lambda _work, _consumer, digests: len(digests))


def marked_before_it_is_published(planted: pytest.MonkeyPatch) -> None:
    whole = Relay._publish_in_order

    def mark_first(self: Relay, rows: list[Any]) -> Any:
        self._mark(rows)
        return whole(self, rows)

    planted.setattr(Relay, "_publish_in_order", mark_first)


def no_inbox(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(inbox, "look_up", lambda *_: "new")
    planted.setattr(inbox, "record", lambda *_: True)


def no_inbox_for_many(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(inbox, "known", lambda *_: set())
    planted.setattr(inbox, "record_handled", lambda _work, _consumer, digests: len(digests))


def posted_outside_of_the_transaction(planted: pytest.MonkeyPatch) -> None:
    def post_at_once(self: Work, *arguments: Any) -> str:
        row = self._row(arguments[0], self.now, self.now, None)
        self.session.connection().execute(outbox.insertion(self._dialect, "none"), row)
        self.session.commit()
        return str(row["event_id"])

    planted.setattr(Work, "_insert_event", post_at_once)


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (handled_before_its_effect_is_committed, "lost"),
        (marked_before_it_is_published, "lost"),
        (many_handled_before_their_effect_is_committed, "lost"),
        (no_inbox, "doubled"),
        (no_inbox_for_many, "doubled"),
        (posted_outside_of_the_transaction, "doubled"),
    ],
)
def test_a_planted_defect_is_found(plant: Callable[[pytest.MonkeyPatch], None], found: str) -> None:
    """PLANTED: the machine would be worth nothing if it passed this."""
    with pytest.MonkeyPatch.context() as planted:
        plant(planted)
        with pytest.raises(AssertionError, match=found):
            play(500, database=None, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False)
