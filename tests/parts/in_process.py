"""The whole system in one process: no Kafka, one fake clock, Amazon played by the sandbox over HTTP on loopback.

    system.place_orders(count=2)
    system.advance(180)              # Amazon shows an order two minutes after it was placed
    system.import_now()
    system.store_says(order_id=order_id, carrier="UPS", tracking_number="1Z1")
    system.run_until_idle()
    assert system.events(ShipmentConfirmed)

The pipelines and the relay are the real ones; messages travel through a queue in memory. What is for the store goes to
`told`, and to a model store.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from sqlalchemy import delete, select

import tests.parts.kafka_python  # noqa: F401 - before the bus, which imports Kafka
from orderbridge.accounts.onboarding import connect_account
from orderbridge.accounts.settings import AccountSettings
from orderbridge.amazon import Login
from orderbridge.bus.gathering import AT_ONCE
from orderbridge.bus.pipeline import Pipeline
from orderbridge.bus.publisher import Outgoing
from orderbridge.database.migrate import upgrade
from orderbridge.database.models import AccessToken, HandlerFailure
from orderbridge.database.unit_of_work import Database
from orderbridge.vault.key_ring import FolderKeyRing
from orderbridge.vault.keys import installation_key
from orderbridge.vault.seal import open_seal
from sandbox.accounts import CLIENT_ID, CLIENT_SECRET, DEFAULT_ACCOUNT, Account
from sandbox.clock import ManualClock
from sandbox.database import Database as SandboxDatabase
from sandbox.faults import Fault
from sandbox.placing import OrderWish
from sandbox.seller_central import SellerCentral
from schemas.base import Event
from schemas.events import all_topics
from schemas.failures import Original
from schemas.imports import ImportDue
from schemas.orders import OrderEvent
from schemas.personal_data import PersonalData
from services.importer import app as importer
from services.redactor import app as redactor
from services.shipper import app as shipper
from services.ticker.relay import Relay
from tests.parts.hand_clock import START
from tests.parts.installation import installation
from tests.parts.sandbox_server import SandboxServer

ACCOUNT = "main"
_MOST_MESSAGES = 5_000  # of one `run_until_idle`: more of them go round in a circle

E = TypeVar("E", bound=Event)


class Killed(BaseException):
    """The process died here: planted by a test, caught by nobody else."""


class Store:
    """The least a store does: upserts by order, the highest sequence wins."""

    def __init__(self) -> None:
        self.orders: dict[str, OrderEvent] = {}

    def read(self, event: Event) -> None:
        """Take an event from any store-facing topic."""
        if isinstance(event, OrderEvent):
            known = self.orders.get(event.order_id)
            if known is None or event.sequence > known.sequence:
                self.orders[event.order_id] = event


class System:
    """Importer, shipper, redactor and relay on one database, beside a sandbox of their own."""

    services: tuple[Any, ...] = (importer, shipper, redactor)
    read_by_others: frozenset[str] = frozenset()  # topics that services of ours read and others, too
    more_settings: Mapping[str, Any] = MappingProxyType({"topic_prefix": "", "key_ring_grid_seconds": 3600})

    def __init__(self, database_url: str, folder: Path, sandbox: SandboxServer, **account: Any) -> None:
        self.clock = ManualClock(START)
        self._refresh_token = f"Atzr|{uuid.uuid4()}"  # of its own: access tokens are shared within a process
        self._sandbox_database = SandboxDatabase()
        self.amazon = SellerCentral(self._sandbox_database, self.clock)
        self.amazon.save_account(self.amazon_account())
        sandbox.play(self.amazon)
        self.settings = installation(folder, database_url, sandbox.url, **self.more_settings)
        self.database = Database(database_url, self.clock)
        upgrade(self.database.engine)
        self.set_account(**account)
        self.told: list[Event] = []
        self.on_the_wire: list[bytes] = []
        self.store = Store()
        self.outcomes: list[tuple[str, str]] = []
        self.tolerates_bugs = False  # else an exception of a handler's fails the test at once
        self._queue: deque[Original] = deque()
        self._offsets: Counter[str] = Counter()
        self._next_due: datetime | None = None
        self.restart()

    def set_account(self, **account: Any) -> None:
        """Connect the account, or give it other settings."""
        wish = AccountSettings(**{"enabled": True, **account})
        connect_account(self.settings, self.database, ACCOUNT, self._refresh_token, wish)

    def restart(self) -> None:
        """All processes begin anew; what they had not finished is read again."""
        workers = [service.wire(self.settings, self.database) for service in self.services]
        self.pipelines: dict[str, Pipeline] = {}
        for worker in workers:
            self.pipelines |= dict.fromkeys(worker.topics(), worker.pipeline())
        self._relay = Relay(self.database, self._publish, "relay")
        self.forget_access_token()

    def forget_access_token(self) -> None:
        """The next call logs in first."""
        Login(str(self.settings.amazon_login_url), CLIENT_ID, CLIENT_SECRET, self._refresh_token).invalidate()
        with self.database.unit_of_work() as work:
            work.session.execute(delete(AccessToken))

    def close(self) -> None:
        """Close both databases."""
        self.database.close()
        self._sandbox_database.close()

    @property
    def now(self) -> datetime:
        """The one moment that all agree on."""
        return self.clock.now()

    # --- time and messages

    def run_until_idle(self) -> None:
        """Publish and handle whatever is due now, until nothing is."""
        for _ in range(_MOST_MESSAGES):
            if self._queue:
                self._handle_next()
            else:
                tick = self._relay.tick()
                self._next_due = tick.next_due
                if not tick.published and not tick.more:  # more: the machine stood still beyond the relay's lease
                    return
        raise AssertionError(f"never idle; at last {self.outcomes[-6:]}")

    def advance(self, seconds: float) -> None:
        """Let time pass: what falls due on the way happens at its own moment."""
        end = self.now + timedelta(seconds=seconds)
        self.run_until_idle()
        while self._next_due is not None and self._next_due <= end:
            self.clock.advance((self._next_due - self.now).total_seconds())
            self.run_until_idle()
        self.clock.advance((end - self.now).total_seconds())
        self.run_until_idle()

    def advance_to_next(self) -> None:
        """Let time pass until the next thing falls due, and do it. Raises AssertionError if nothing ever will."""
        assert self._next_due is not None, "nothing is due any more"
        self.advance(max((self._next_due - self.now).total_seconds(), 0))

    def _handle_next(self) -> None:
        pipeline = self.pipelines[self._queue[0].topic]
        waiting = self._waiting_at_once() if pipeline.shares_transactions(self._queue[0].topic) else [self._queue[0]]
        done = pipeline.process_together(waiting) if len(waiting) > 1 else [False]
        for original, is_done in zip(waiting, done, strict=True):
            outcome = "handled" if is_done else pipeline.process(original)
            self._queue.popleft()  # not before: a process that dies has not committed its offset
            self.outcomes.append((original.topic, outcome))
            if outcome == "failed" and not self.tolerates_bugs:
                raise AssertionError(f"a handler failed: {self.failures()[-1]}")

    def _waiting_at_once(self) -> list[Original]:
        """The next of one topic, up to a key's second: what a worker's lanes let through at once."""
        keys: set[bytes | None] = set()
        waiting: list[Original] = []
        for original in self._queue:
            if original.topic != self._queue[0].topic or original.key in keys or len(waiting) == AT_ONCE:
                break
            keys.add(original.key)
            waiting.append(original)
        return waiting

    def _publish(self, messages: Iterable[Outgoing]) -> dict[str, Exception | None]:
        taken: dict[str, Exception | None] = {}
        for message in messages:
            taken[message.name] = None
            self.on_the_wire.append(message.value)
            if message.topic in self.pipelines:
                self.produce(message.topic, message.value, key=message.key.encode(), headers=message.headers)
                if message.topic not in self.read_by_others:
                    continue
            event = all_topics()[message.topic].model_validate_json(message.value)
            self.told.append(event)
            self.store.read(event)
        return taken

    def produce(
        self,
        topic: str,
        value: bytes,
        *,
        key: bytes | None = None,
        headers: Iterable[tuple[str, bytes]] = (),
        timestamp: datetime | None = None,
    ) -> Original:
        """Put a message on a topic that a service of ours reads; it is handled by `run_until_idle`."""
        original = Original(
            topic=topic,
            partition=0,
            offset=self._offsets[topic],
            timestamp=timestamp or self.now,
            key=key,
            value=value,
            headers=tuple(headers),
        )
        self._offsets[topic] += 1
        self._queue.append(original)
        return original

    def redeliver(self, original: Original) -> None:
        """Read a message again, as after a crash or a rebalance."""
        self._queue.append(original)

    # --- what people do

    def store_says(
        self, *, event_id: str | None = None, time: datetime | None = None, **order_shipped: Any
    ) -> Original:
        """The store emits `order.shipped`: bare JSON, or a CloudEvent if it has an id."""
        headers: list[tuple[str, bytes]] = []
        if event_id is not None:
            attributes = {"id": event_id, "source": "store", "type": "order.shipped", "specversion": "1.0"}
            if time is not None:
                attributes["time"] = time.isoformat()
            headers = [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
        said = {"carrier": "UPS", "tracking_number": "1Z1", **order_shipped}
        body = {name: given for name, given in said.items() if given is not None}
        key = str(body.get("order_id", "")).encode()
        return self.produce("order.shipped", json.dumps(body).encode(), key=key, headers=headers)

    def place_orders(self, **wish: Any) -> list[str]:
        """Buyers order at Amazon; returns the order ids. Amazon shows them after two minutes."""
        return self.amazon.place_orders(OrderWish.model_validate(wish))

    def import_now(self) -> None:
        """Somebody presses "import now"."""
        with self.database.unit_of_work() as work:
            work.post(ImportDue(account_id=ACCOUNT, reason="now"))
        self.run_until_idle()

    def imported(self, **wish: Any) -> list[str]:
        """Orders placed at Amazon and imported; three minutes pass."""
        order_ids = self.place_orders(**wish)
        self.advance(180)
        self.import_now()
        return order_ids

    def fault(self, operation: str, kind: str, count: int = 1, seconds: float = 0) -> None:
        """Let the next calls of an operation fail at Amazon. A time-out is one without the wait."""
        self.amazon.faults.add(
            Fault.model_validate({"operation": operation, "kind": kind, "count": count, "seconds": seconds})
        )

    # --- what is to be seen

    def events(self, kind: type[E]) -> list[E]:
        """The events of a kind that were published so far, in order."""
        return [event for event in self.told if type(event) is kind]

    def told_of_orders(self) -> list[OrderEvent]:
        """All events that carry an order, in the order in which they were published."""
        return [event for event in self.told if isinstance(event, OrderEvent)]

    def opened(self, order_id: str) -> PersonalData:
        """The order's personal data, from the seal that the store has. Raises what `open_seal` raises."""
        token = self.store.orders[order_id].personal_data.seal
        assert token is not None
        return PersonalData.model_validate_json(open_seal(self.key_ring(), order_id, token, self.now))

    def key_ring(self) -> FolderKeyRing:
        """The key ring, as the importer has it."""
        settings = self.settings
        return FolderKeyRing(settings.key_ring, installation_key(settings.need("vault_key")), settings.key_ring_grid)

    def amazon_account(self) -> Account:
        """The seller at Amazon."""
        return DEFAULT_ACCOUNT.model_copy(update={"refresh_token": self._refresh_token})

    def packages(self, order_id: str) -> dict[str, dict[str, Any]]:
        """Amazon's books of an order: by package reference id, its content and the calls about it."""
        return dict(self.amazon.books()["orders"][order_id]["packages"])

    def calls(self, operation: str) -> dict[str, int]:
        """How often an operation was called, by outcome."""
        return dict(self.amazon.calls()["operations"].get(operation, {}).get("by_status", {}))

    def outcomes_of(self, topic: str) -> list[str]:
        """What became of a topic's messages, in order."""
        return [outcome for name, outcome in self.outcomes if name == topic]

    def failures(self) -> list[str]:
        """The exceptions of handlers, as they were noted."""
        with self.database.unit_of_work() as work:
            return list(work.session.scalars(select(HandlerFailure.exception).order_by(HandlerFailure.failure_id)))
