"""Outbox, relay, broker, pipeline and inbox, and nothing else: each message must have its one effect.

A store's `order.shipped` has the worker post a `shipment.due`, which has it post a `shipment.warned`. The broker is a
list a topic; the consumer goes back to what it has committed whenever it begins anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

from orderbridge.bus.outcomes import NotYet
from orderbridge.bus.pipeline import Pipeline
from orderbridge.bus.publisher import Outgoing
from orderbridge.bus.subscription import Subscription
from orderbridge.database.unit_of_work import Database, Work
from schemas.failures import Original
from schemas.shipments import OrderShipped, ShipmentDue, ShipmentWarned
from services.ticker.relay import Relay
from tests.parts.crashes import Crashes
from tests.parts.databases import outbox, unpublished
from tests.parts.hand_clock import HandClock
from tests.parts.in_process import Killed

AWHILE = timedelta(seconds=30)
TOPICS = ("order.shipped", "shipment.due", "shipper.retry")


class DeliveryHouse:
    """Two relays, of which one works at a time, and one consumer."""

    def __init__(self, database: Database, clock: HandClock) -> None:
        self.database, self.clock = database, clock
        self.crashes = Crashes(database)
        self.topics: dict[str, list[Original]] = defaultdict(list)
        self.told: list[tuple[str, ShipmentWarned]] = []
        self.sent = 0
        self.refused = 0
        """So many publications the broker still refuses."""
        self._committed: dict[str, int] = dict.fromkeys(TOPICS, 0)
        self._read = dict(self._committed)
        self._begin()

    def _begin(self) -> None:
        self.database.engine.dispose()  # a dead process has no connections
        shipped = Subscription(OrderShipped, self._shipped, together=self._shipped_together)
        subscriptions = [shipped, Subscription(ShipmentDue, self._due)]
        self._pipeline = Pipeline("shipper", self.database, subscriptions)
        self._relays = [Relay(self.database, self._publish, f"relay-{number}") for number in range(2)]
        self._read = dict(self._committed)

    # --- what may happen

    def send(self, order_id: str, *, later: bool = False) -> None:
        """The store says something; with `later` the worker gives it back at first."""
        event = OrderShipped(
            order_id=order_id, package_id=f"{self.sent:03d}", carrier="UPS", shipping_method="later" if later else None
        )
        self._append("order.shipped", event.model_dump_json(exclude_none=True).encode(), order_id, ())
        self.sent += 1

    def tick(self, relay: int) -> bool:
        """One of the relays; whether it published anything."""
        try:
            return self._relays[relay].tick().published > 0
        except Killed:
            self._begin()
            return True

    def consume(self, most: int) -> bool:
        """The worker handles some messages; whether there was any."""
        try:
            return sum(self._handle_next() for _ in range(most)) > 0
        except Killed:
            self._begin()
            return True

    def consume_together(self, most: int) -> None:
        """The worker handles the next messages of the store's, of different orders, in one transaction if it can."""
        at = self._read["order.shipped"]
        waiting = self.topics["order.shipped"][at : at + most]
        while len({one.key for one in waiting}) < len(waiting):
            waiting.pop()
        if not waiting:
            return
        try:
            for original, done in zip(waiting, self._pipeline.process_together(waiting), strict=True):
                assert done or self._pipeline.process(original) != "failed"
            self._read["order.shipped"] += len(waiting)
        except Killed:
            self._begin()

    def commit(self) -> None:
        """The consumer's offsets are committed: what is handled does not come again."""
        self._committed = dict(self._read)

    def rewind(self) -> None:
        """A rebalance: what was not committed comes again."""
        self._read = dict(self._committed)

    def settle(self) -> None:
        """Nothing dies any more, and all is done. Raises AssertionError where it never is."""
        self.crashes.disarm()
        self.refused = 0
        for _ in range(200):
            self.clock.advance(seconds=6)  # the other's lease, and a key that is held back
            if not any([self.tick(0), self.tick(1), self.consume(50)]) and not unpublished(self.database):
                return
        raise AssertionError("never idle")

    # --- what must hold

    def check_at_most_once(self) -> None:
        """No message has had two effects, whatever was published twice."""
        with self.crashes.aside():
            effects = [row.event_id for row in outbox(self.database) if row.event_type == ShipmentWarned.event_type]
        told = {event.package_id: event_id for event_id, event in self.told}
        assert len(effects) <= self.sent, "an effect was doubled"
        assert all(told[event.package_id] == event_id for event_id, event in self.told), "an effect was doubled"

    def check_all(self) -> None:
        """Each message has had its effect, told at least once, each order's in their order."""
        self.check_at_most_once()
        first = list({event.package_id: event for _, event in self.told}.values())
        assert sorted(event.package_id or "" for event in first) == [f"{one:03d}" for one in range(self.sent)], "lost"
        for order_id in {event.order_id for event in first}:
            of_order = [event.package_id for event in first if event.order_id == order_id and event.reason != "later"]
            assert of_order == sorted(of_order, key=str), "out of order"
        assert all(row.published_at is not None for row in outbox(self.database)), "left in the outbox"

    # --- the real code's surroundings

    def _shipped(self, event: OrderShipped, work: Work) -> None:
        if event.shipping_method == "later" and work.now < work.cause.first_seen + AWHILE:
            raise NotYet(work.cause.first_seen + AWHILE, "later")
        key = f"{event.package_id}/{event.shipping_method or ''}"
        work.post(ShipmentDue(account_id="main", order_id=event.order_id, package_key=key))

    def _shipped_together(self, events: Sequence[OrderShipped], work: Work) -> list[bool]:
        for event in events:
            if event.shipping_method is None:
                self._shipped(event, work)
        return [event.shipping_method is None for event in events]

    def _due(self, event: ShipmentDue, work: Work) -> None:
        package, _, reason = (event.package_key or "").partition("/")
        order_id = event.order_id or ""
        said = {"reason": reason, "message": "m", "what_to_do": "w"}
        work.post(ShipmentWarned(order_id=order_id, package_id=package, caused_by=package, **said))

    def _handle_next(self) -> bool:
        for topic in TOPICS:
            if (at := self._read[topic]) < len(self.topics[topic]):
                self._read[topic] = at + 1
                assert self._pipeline.process(self.topics[topic][at]) != "failed"
                return True
        return False

    def _publish(self, messages: Iterable[Outgoing]) -> dict[str, Exception | None]:
        taken: dict[str, Exception | None] = {}
        for message in messages:
            self.crashes.point()
            if self.refused:
                self.refused -= 1
                taken[message.name] = OSError("refused")
                continue
            taken[message.name] = None
            if message.topic in TOPICS:
                self._append(message.topic, message.value, message.key, message.headers)
            else:
                self.told.append((message.name, ShipmentWarned.model_validate_json(message.value)))
            self.crashes.point()
        return taken

    def _append(self, topic: str, value: bytes, key: str, headers: Iterable[tuple[str, bytes]]) -> None:
        self.topics[topic].append(
            Original(
                topic=topic,
                partition=0,
                offset=len(self.topics[topic]),
                timestamp=self.clock.now(),
                key=key.encode(),
                value=value,
                headers=tuple(headers),
            )
        )
