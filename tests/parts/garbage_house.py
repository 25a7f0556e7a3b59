"""The whole system, with a reporter, to which anybody may send anything on every topic that a service reads."""

from __future__ import annotations

import base64
import json
import uuid
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from orderbridge.database.models import ServiceState
from schemas.events import EVENTS
from schemas.failures import DeadLetter, Original
from schemas.shipments import ShipmentConfirmed, ShipmentRejected
from tests.parts.contract import EXAMPLES
from tests.parts.garbage import Garbage
from tests.parts.in_process import ACCOUNT
from tests.parts.mailing_system import MailingSystem

MOMENTS = (datetime.min.replace(tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
"""What a producer may give as a message's time, besides the present."""
ANSWERED = frozenset({"handled", "skipped", "repeated", "rejected", "dead-letter", "given-back"})


class GarbageHouse:
    """Sends garbage to a system, and counts what became of it."""

    def __init__(self, system: MailingSystem) -> None:
        self.system = system
        system.tolerates_bugs = True  # they are noted, and told of at the end
        self.outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self.wrong: list[str] = []
        self._sent: set[str] = set()
        self._dead = 0
        self._bodies = self._good_bodies()

    def topics(self) -> list[str]:
        """All topics that a service reads."""
        return sorted(self.system.pipelines)

    def _good_bodies(self) -> dict[str, list[Any]]:
        """The examples, and the same about this account and orders that are here, so that handlers get far."""
        ids = self.system.imported(count=3)
        bodies: dict[str, list[Any]] = {}
        for topic in self.topics():
            example = EXAMPLES.get(topic, EXAMPLES["{service}.retry"])
            ours = [_about(example, order_id) for order_id in ids] if topic in EXAMPLES else []
            bodies[topic] = [example, *ours]
        bodies["order.shipped"] += [{"order_id": one, "carrier": "UPS", "tracking_number": "1Z1"} for one in ids]
        bodies["import.due"] += [{"account_id": ACCOUNT, "reason": "order", "order_id": one} for one in ids]
        return bodies

    def send(self, topic: str, number: int) -> None:
        """The garbage of that number, on that topic: one message, handled at once."""
        garbage = Garbage(number)
        body = garbage.chance.choice(self._bodies[topic])
        if topic.endswith(".retry"):
            body = self._given_back(topic.removesuffix(".retry"), garbage)
        value, key, headers = garbage.message(body, topic)
        moment = garbage.chance.choice(MOMENTS) if garbage.chance.random() < 0.05 else self.system.now
        original = self._message(topic, value, key, headers, moment)
        self._sent.add(original.place())
        pipeline = self.system.pipelines[topic]
        try:
            shared = pipeline.shares_transactions(topic) and pipeline.process_together([original]) == [True]
            outcome = "handled" if shared else pipeline.process(original)
        except Exception as error:  # whatever it is, it would have stopped the partition
            self._note(number, topic, f"{type(error).__name__}: {error}", value)
            return
        self.outcomes[topic][outcome] += 1
        if outcome not in ANSWERED:
            self._note(number, topic, self.system.failures()[-1] if outcome == "failed" else outcome, value)

    def _note(self, number: int, topic: str, what: str, value: bytes | None) -> None:
        self.wrong.append(f"number {number} on {topic}: {what}\n    {(value or b'')[:300]!r}")

    def _message(self, topic: str, value: bytes | None, key: bytes | None, headers: Any, at: datetime) -> Original:
        """As the bus hands it on: nothing of it was checked."""
        offset = len(self._sent)
        return Original.model_construct(
            topic=topic, partition=7, offset=offset, timestamp=at, key=key, value=value, headers=headers
        )

    def _given_back(self, service: str, garbage: Garbage) -> dict[str, Any]:
        """An event that the service gave back, as it would be, but for what is in it."""
        read = [name for name in self.topics() if service in _readers(name)]
        topic = garbage.chance.choice(read)
        value, key, headers = garbage.message(garbage.chance.choice(self._bodies[topic]), topic)
        original = {
            "topic": topic,
            "partition": 8,
            "offset": garbage.chance.getrandbits(40),
            "timestamp": self.system.now.isoformat(),
            "key": _base64(key),
            "value": _base64(value),
            "headers": [[name, _base64(text)] for name, text in headers],
        }
        return {"service": service, "failures": garbage.chance.choice((0, 1, 7, 8, 9)), "original": original}

    def let_pass(self, seconds: float) -> None:
        """What the garbage has led to is done."""
        try:
            self.system.advance(seconds)
        except Exception as error:
            self.wrong.append(f"on the way: {type(error).__name__}: {error}")

    def check(self) -> None:
        """Nothing failed, nobody is paused, each is answered or lies among the dead with a reason, and work goes on."""
        system = self.system
        failures = sorted(set(system.failures()))
        assert not self.wrong, "\n".join([f"{len(self.wrong)} went wrong", *self.wrong[:20]])
        assert not failures, "\n".join(failures)
        with system.database.unit_of_work() as work:
            paused = list(work.session.scalars(select(ServiceState.service).where(ServiceState.paused_at.is_not(None))))
        assert paused == []
        letters = system.events(DeadLetter)
        assert len(letters) >= sum(counted["dead-letter"] for counted in self.outcomes.values())
        for letter in letters:
            assert letter.original.place()
            assert letter.reason != "handler_failed"
            assert letter.message
            assert letter.exception is None
        answers = system.events(ShipmentRejected)
        assert len(answers) >= sum(counted["rejected"] for counted in self.outcomes.values())
        assert all(answer.reason and answer.what_to_do and answer.caused_by for answer in answers)
        self._work_goes_on()

    def _work_goes_on(self) -> None:
        system = self.system
        system.advance(3600)
        system.amazon.faults.clear()
        (order_id,) = system.imported(programs=[])
        assert order_id in system.store.orders, "a new order is not imported any more"
        system.store_says(order_id=order_id, tracking_number="1Z999AA10123456784")
        system.advance(600)
        assert [event.order_id for event in system.events(ShipmentConfirmed)][-1:] == [order_id]


def _readers(topic: str) -> tuple[str, ...]:
    return EVENTS[topic].read_by if topic in EVENTS else ()


def _about(example: dict[str, Any], order_id: str) -> dict[str, Any]:
    ours = {"account_id": ACCOUNT, "order_id": order_id, "after": None, "replay_id": str(uuid.uuid4())}
    return json.loads(json.dumps(example | {name: given for name, given in ours.items() if name in example}))  # type: ignore[no-any-return]  # an object goes in, an object comes out


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
