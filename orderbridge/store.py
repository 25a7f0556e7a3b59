"""What a Python store imports: say "shipped with tracking", and read the bridge's events.

A store in another language needs nothing of this: the topics are the contract (docs/your-store.md).

The rule for the `order.*` events: **upsert by `order_id`, keep the highest `sequence`**. Each carries the whole order,
topics are not ordered among each other, and any event may come twice.

    with Store("kafka:9092", name="my-store") as store:
        store.shipped(OrderShipped(order_id="114-3941689-8772232", carrier="UPS", tracking_number="1Z999AA10123456784"))
        for received in store.read():
            match received.event:
                case OrderEvent() as order:
                    keep(order)  # where order.sequence is higher than that of the order you have
                case ShipmentRejected() as answer:
                    show(answer.message, answer.what_to_do)
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from orderbridge.bus.client_options import client_options
from orderbridge.bus.committing import commit_handled
from orderbridge.bus.envelope import open_envelope, original_of, validate
from orderbridge.bus.outcomes import Rejected
from orderbridge.kafka_tries import KafkaTries
from orderbridge.opening import NotOpened, OpenCall, open_call_of
from orderbridge.replay_call import NotReplayed, ReplayCall, replay_call_of
from orderbridge.settings import Settings, load_settings
from schemas.accounts import StoreOptions
from schemas.base import Event
from schemas.events import EVENTS
from schemas.failures import Original
from schemas.openings import OpenedSeal, Purpose
from schemas.replays import ReplayAnswer
from schemas.shipments import OrderShipped

__all__ = [
    "STORE_EVENTS",
    "KafkaTries",
    "NotOpened",
    "NotSent",
    "Received",
    "Settings",
    "Store",
    "Unreadable",
    "load_settings",
]

log = logging.getLogger(__name__)

STORE_EVENTS: dict[str, type[Event]] = {name: event for name, event in EVENTS.items() if "store" in event.read_by}
"""What the bridge tells a store: type → model."""
_POLL_MS = 200  # how soon a loop notices that the store was closed
_BATCH = 20  # events handed out between two commits: so many may come again after a crash


class NotSent(Exception):
    """Kafka has not said that it took the event. It may have: send it again with the same `event_id` and `time`."""


@dataclass(frozen=True)
class Received:
    """An event for the store: the same `event_id` again is the same event again.

    `time` is when it was sent (UTC), `place` is `topic/partition/offset`.
    """

    event: Event
    event_id: str
    source: str
    time: datetime
    place: str


Unreadable = Callable[[Original, Rejected], None]
"""Told of a message that is none of our events, and why."""


class Store:
    """A store's connection to the bridge.

    Threads: `shipped` and `publish_options` may be called from any. Each `read()` loop belongs to the thread that runs
    it, with a consumer of its own. `close` may be called from any, and ends them in a second (three if Kafka is away).
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        topic_prefix: str = "",
        group: str = "store",
        name: str = "store",
        answer_seconds: float = 10.0,
        session_timeout_seconds: int = 10,
        embedded: bool = False,
        open_call: OpenCall | None = None,
        replay_call: ReplayCall | None = None,
        **kafka: Any,
    ) -> None:
        """Nothing is connected yet.

        `bootstrap_servers`: `host:port`, several with commas. `group` remembers how far the store has read: processes
        that share the work share it. `name` is the store's in every event it sends (CloudEvents `source`).
        `answer_seconds` bounds the wait for Kafka's answer, `session_timeout_seconds` the time after which a dead
        process's share goes to the others. `embedded`: the broker is the one of `orderbridge up`. `open_call`,
        `replay_call`: the API's calls. `kafka`: connection options of kafka-python, such as `security_protocol`.
        """
        version = {"api_version": (2, 3)} if embedded else {}  # that broker does not tell its own
        self._options = {"bootstrap_servers": bootstrap_servers.split(","), **version, **kafka}
        self._prefix = topic_prefix
        self._group = topic_prefix + group
        self._name = name
        self._answer_ms = int(answer_seconds * 1000)
        self._session_timeout_ms = session_timeout_seconds * 1000
        self._embedded = embedded
        self._open_call = open_call
        self._replay_call = replay_call
        self._closed = threading.Event()
        self._producer_lock = threading.Lock()
        self._producer: Any = None

    @classmethod
    def from_settings(
        cls,
        settings: Settings | None = None,
        *,
        group: str = "store",
        name: str = "store",
        open_seconds: float = 30.0,
    ) -> Self:
        """The store of this installation, as the `ORDERBRIDGE_…` variables have it. Raises BadSettings.

        `open_seconds`: how long `open_personal_data` may wait for an API that is limited or away.
        """
        settings = settings or load_settings()
        options = client_options(settings)
        return cls(
            ",".join(options.pop("bootstrap_servers")),
            topic_prefix=settings.topic_prefix,
            group=group,
            name=name,
            session_timeout_seconds=settings.session_timeout_seconds,
            embedded=settings.kafka_embedded,
            open_call=open_call_of(settings, wait_seconds=open_seconds),
            replay_call=replay_call_of(settings),
            **options,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the `read()` loops and disconnect."""
        self._closed.set()
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=2)

    def shipped(self, event: OrderShipped, *, event_id: str | None = None, time: datetime | None = None) -> str:
        """Tell that a package has left (or will, on its `ship_date`); returns when Kafka has it, with the event's id.

        (order, package) is the key of the effect: said again it corrects the package, and the newest `time` (UTC; now
        if left out) wins. The answers name the id in `caused_by`. A store that must not lose a shipment keeps the event
        with its id and time before it sends it, and sends it again if this raises NotSent.
        """
        return self._send(event, event_id, time)

    def open_personal_data(self, seals: Iterable[tuple[str, str]], purpose: Purpose) -> list[OpenedSeal]:
        """Open `(order_id, seal)` pairs; see `orderbridge.opening`. Raises NotOpened."""
        if self._open_call is None:
            raise NotOpened("No API is known: set ORDERBRIDGE_API_URL and ORDERBRIDGE_API_TOKEN.")
        return self._open_call.open(seals, purpose)

    def replay(
        self, *, order_id: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> ReplayAnswer:
        """Have the bridge send orders again; see `orderbridge.replay_call`. Raises NotReplayed."""
        if self._replay_call is None:
            raise NotReplayed("No API is known: set ORDERBRIDGE_API_URL and ORDERBRIDGE_API_TOKEN.")
        return self._replay_call.ask(order_id=order_id, since=since, until=until)

    def publish_options(self, options: StoreOptions) -> str:
        """Tell what the store offers; the newest of an account stands. Raises NotSent."""
        return self._send(options, None, None)

    def read(
        self, *event_types: type[Event], timeout: float | None = None, unreadable: Unreadable | None = None
    ) -> Generator[Received, None, None]:
        """The store's events, or those of the given types, from the first one this `group` has not handled.

        At least once: an event counts as handled when the caller comes back for the next one, so finish with it (commit
        your transaction) before that; one in whose midst the loop is left comes again, and after a crash the last few
        do. Upsert by `order_id`, keep the highest `sequence`. Order is kept for one order within one type alone.

        Waits for events, and for Kafka when it is away, until `close`, or until none has come for `timeout` seconds.
        What is none of our events is logged, told to `unreadable`, and passed over.
        Raises ValueError for a type that is not for stores, KafkaError if reading is not allowed.
        """
        chosen = {event.event_type: event for event in event_types} if event_types else STORE_EVENTS
        if foreign := chosen.keys() - STORE_EVENTS.keys():
            raise ValueError(f"not for stores: {', '.join(sorted(foreign))}; these are: {', '.join(STORE_EVENTS)}")
        return self._read({self._prefix + name: event for name, event in chosen.items()}, timeout, unreadable)

    def _read(
        self, topics: dict[str, type[Event]], timeout: float | None, unreadable: Unreadable | None
    ) -> Generator[Received, None, None]:
        def over() -> bool:
            return self._closed.is_set() or (timeout is not None and time.monotonic() - idle_since >= timeout)

        idle_since = time.monotonic()
        while not over():
            try:
                consumer = self._consumer(list(topics))
            except (KafkaError, NotSent) as error:
                log.warning("Kafka is away, trying again: %s", type(error).__name__)
                self._closed.wait(1.0)
                continue
            handled: dict[TopicPartition, int] = {}
            try:
                while not over():
                    for partition, messages in consumer.poll(timeout_ms=_POLL_MS, max_records=_BATCH).items():
                        for message in messages:
                            original = original_of(message)
                            try:
                                received = _receive(original, topics[message.topic])
                            except Rejected as rejected:
                                log.warning("passed over %s: %s", original.place(), rejected.message)
                                if unreadable is not None:
                                    unreadable(original, rejected)
                            else:
                                yield received
                            handled[partition] = message.offset + 1
                            idle_since = time.monotonic()
                    commit_handled(consumer, handled)
            finally:
                commit_handled(consumer, handled)
                consumer.close(autocommit=False, timeout_ms=1000)

    def _consumer(self, topics: list[str]) -> Any:
        # Joining a group takes the embedded broker up to 9 s; a single reader needs no group to share with.
        # Asking the producer for a topic's partitions creates it there.
        known = {topic: self._connected().partitions_for(topic) for topic in topics} if self._embedded else {}
        consumer = KafkaConsumer(
            **({"bootstrap_timeout_ms": 3000} | self._options),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=self._session_timeout_ms,
            heartbeat_interval_ms=self._session_timeout_ms // 5,
            metadata_max_age_ms=30_000,  # a topic that is created later is found after so long
            fetch_max_wait_ms=20 if self._embedded else 500,  # the embedded broker answers only when the wait is over
        )
        if self._embedded:
            consumer.assign([TopicPartition(topic, number) for topic, numbers in known.items() for number in numbers])
        else:
            for topic in topics:
                consumer.partitions_for_topic(topic)  # who joins before it knows the partitions is given none of them
            consumer.subscribe(topics)
        return consumer

    def _send(self, event: Event, event_id: str | None, moment: datetime | None) -> str:
        event_id = event_id or str(uuid.uuid4())
        headers = {
            "ce_specversion": "1.0",
            "ce_id": event_id,
            "ce_source": self._name,
            "ce_type": event.event_type,
            "ce_time": (moment or datetime.now(UTC)).astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "ce_subject": event.key(),
            "content-type": "application/json",
        }
        message = {
            "key": event.key().encode(),
            "value": event.model_dump_json(exclude_none=True).encode(),
            "headers": [(name, text.encode()) for name, text in headers.items()],
        }
        try:
            self._connected().send(self._prefix + event.topic(), **message).get(timeout=self._answer_ms / 1000 + 5)
        except KafkaError as error:
            raise NotSent(f"no answer to {event.event_type} {event_id}: {type(error).__name__} {error}") from error
        return event_id

    def _connected(self) -> Any:
        """The producer, connected at the first use. Raises KafkaError, or NotSent after `close`."""
        with self._producer_lock:
            if self._producer is None and not self._closed.is_set():
                self._producer = KafkaProducer(
                    **({"bootstrap_timeout_ms": self._answer_ms} | self._options),
                    acks="all",
                    enable_idempotence=False,  # one refused message would end it for good: orderbridge/bus/publisher.py
                    max_in_flight_requests_per_connection=1,
                    max_block_ms=self._answer_ms,
                    request_timeout_ms=self._answer_ms,
                    delivery_timeout_ms=self._answer_ms + 1000,
                )
            if self._closed.is_set():
                self.close()  # it was closed meanwhile
                raise NotSent("the store is closed")
            return self._producer


def _receive(original: Original, expected: type[Event]) -> Received:
    envelope = open_envelope(original)
    if envelope.type not in (None, expected.event_type):
        raise Rejected("unexpected_type", f"{expected.event_type} was expected, the event says {envelope.type}.")
    event = validate(expected, envelope.body)
    return Received(event, envelope.event_id, envelope.source, envelope.time or original.timestamp, original.place())
