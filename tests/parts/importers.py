"""Importers on one database, without Kafka: several pipelines in threads, a relay, and a clock moved from outside.

What is for the importer waits in lanes, as on the partitions of a topic; what is for the store is only counted.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from zlib import crc32

import tests.parts.kafka_python  # noqa: F401 - before the bus, which imports Kafka
from orderbridge.bus.publisher import Outgoing
from orderbridge.database.unit_of_work import Database
from orderbridge.settings import Settings
from schemas.failures import Original
from services.importer import app as importer
from services.ticker.relay import Relay

Seen = Callable[[str, bytes], None]


class Importers:
    """`count` importers, each with calls and a pipeline of its own, as processes have them.

    A message goes to the importer that has its key, as on partitions; with `scattered` to each in turn, as where one
    rebalance follows another. `seen(topic, value)` is told of every event that is published for others.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        count: int = 1,
        scattered: bool = False,
        seen: Seen | None = None,
    ) -> None:
        workers = [importer.wire(settings, database) for _ in range(count)]
        self._pipelines = [worker.pipeline() for worker in workers]
        self._topics = set(workers[0].topics())
        self._lanes: list[deque[Original]] = [deque() for _ in workers]
        self._offsets: Counter[str] = Counter()
        self._relay = Relay(database, self._publish, "relay")
        self._threads = ThreadPoolExecutor(count) if count > 1 else None
        self._lock = threading.Lock()
        self._clock = database.clock
        self._scattered = scattered
        self._seen = seen
        self.published: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.next_due: datetime | None = None

    def run_until_idle(self) -> None:
        """Publish and handle whatever is due now; all importers work at once, and rest together."""
        while True:
            if any(self._lanes):
                if self._threads is None:
                    self._work(0)
                else:
                    list(self._threads.map(self._work, range(len(self._lanes))))
                continue
            tick = self._relay.tick()
            self.next_due = tick.next_due
            if not tick.published and not tick.more:
                return

    def close(self) -> None:
        """End the threads."""
        if self._threads is not None:
            self._threads.shutdown()

    def _work(self, lane: int) -> None:
        queue, pipeline = self._lanes[lane], self._pipelines[lane]
        while queue:
            outcome = pipeline.process(queue.popleft())
            with self._lock:
                self.outcomes[outcome] += 1

    def _publish(self, messages: Iterable[Outgoing]) -> dict[str, Exception | None]:
        taken: dict[str, Exception | None] = {}
        for message in messages:
            taken[message.name] = None
            self.published[message.topic] += 1
            if message.topic in self._topics:
                original = self._original(message)
                self._lanes[original.partition].append(original)
            elif self._seen is not None:
                self._seen(message.topic, message.value)
        return taken

    def _original(self, message: Outgoing) -> Original:
        offset = self._offsets[message.topic] = self._offsets[message.topic] + 1
        return Original(
            topic=message.topic,
            partition=(offset if self._scattered else crc32(message.key.encode())) % len(self._lanes),
            offset=offset,
            timestamp=self._clock.now(),
            key=message.key.encode(),
            value=message.value,
            headers=tuple(message.headers),
        )
