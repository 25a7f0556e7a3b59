"""A house for the tests of the ticker: tables, two topics, tickers as child processes, and who reads the topics."""

from __future__ import annotations

from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from orderbridge.database.migrate import upgrade
from orderbridge.database.models import OutboxRow
from orderbridge.database.unit_of_work import Database
from tests.parts.bus_house import TICKER
from tests.parts.child_process import ChildProcess
from tests.parts.databases import unpublished
from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until

TOPICS = ("order.aged", "import.due")
PARTITIONS = 2


class TickerHouse:
    """Topics below `prefix`, tables in `database_url`, and the tickers that a test starts."""

    def __init__(self, bootstrap_servers: str, database_url: str, prefix: str, folder: Path) -> None:
        self.database = Database(database_url)
        upgrade(self.database.engine)
        self._folder = folder
        self._environment = {
            "ORDERBRIDGE_DATABASE_URL": database_url,
            "ORDERBRIDGE_TOPIC_PREFIX": prefix,
            "ORDERBRIDGE_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        }
        self._tickers: list[ChildProcess] = []
        admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
        for future in admin.create_topics(
            [NewTopic(prefix + topic, PARTITIONS, 1) for topic in (*TOPICS, "sweep.due")]
        ).values():
            future.result(30 * PATIENCE)
        self._reader = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": f"{prefix}reader",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",  # after a restart of the broker's it may be put back: never to the end
                "fetch.wait.max.ms": 5,
                "log_level": 0,
            }
        )
        self._reader.assign([TopicPartition(prefix + topic, n, 0) for topic in TOPICS for n in range(PARTITIONS)])
        self._read: list[tuple[str, str]] = []

    def ticker(self) -> ChildProcess:
        """Start a ticker, and return when it ticks."""
        child = ChildProcess(TICKER, self._environment, self._folder / f"ticker-{len(self._tickers)}.log")
        self._tickers.append(child)
        wait_until(lambda: child.ask("/readyz")[0] == 200, seconds=30, what="a ticker")
        return child

    def read(self, *, wait: float = 0.0) -> list[tuple[str, str]]:
        """Key and event id of all messages on the topics so far, in their order per key; waits for a new one."""
        while (message := self._reader.poll(wait)) is not None:
            if message.error() is None:
                headers = dict(message.headers() or [])
                event_id = headers["ce_id"]
                assert isinstance(event_id, bytes)
                self._read.append(((message.key() or b"").decode(), event_id.decode()))
            wait = 0.0
        return self._read

    def wait_for(self, event_ids: list[str], *, seconds: float = 30) -> None:
        """Return when all of these are on the topics."""
        missing = set(event_ids)
        wait_until(
            lambda: missing <= {event_id for _, event_id in self.read(wait=0.01)},
            seconds=seconds,
            what=f"{len(missing)} events on the topics",
            interval=0.0,
        )

    def wait_until_all_is_marked(self, *, seconds: float = 30) -> None:
        """Return when nothing in the outbox is left to publish."""
        wait_until(lambda: unpublished(self.database) == 0, seconds=seconds, what="an empty outbox", interval=0.05)

    def post_raw(self, topic: str, key: str, body: str) -> str:
        """Put a row into the outbox that no event of ours would make. Returns its id."""
        with self.database.unit_of_work() as work:
            now = work.now
            row = OutboxRow(
                event_id=f"raw-{key}",
                event_type=topic,
                topic=topic,
                key=key,
                body=body,
                posted_at=now,
                due_at=now,
            )
            work.session.add(row)
        return row.event_id

    def close(self) -> None:
        """End the tickers and the connections."""
        for child in self._tickers:
            child.server.stop(kill=True)
        self._reader.close()
        self.database.close()
