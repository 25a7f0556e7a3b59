"""Members that join, are killed and are stopped under a stream of messages: nothing lost, order kept, once in effect.

`make chaos` has the long version, with the whole house.
"""

from __future__ import annotations

import signal
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from orderbridge.bus.topics import group_of
from tests.parts.bus_house import BusHouse, attributes, shipped
from tests.parts.child_process import PARTITIONS, ChildProcess
from tests.parts.kafka import Kafka
from tests.parts.kafka_cluster import KafkaCluster
from tests.parts.kafka_cluster import kafka_cluster as three_brokers
from tests.parts.process import wait_until
from tests.parts.requirement import Missing, skip_or_fail

ORDERS = 30
LEAST = 300


class Stream(threading.Thread):
    """A store that ships: packages 0, 1, 2, … of each order, in a steady flow until it is told to end."""

    def __init__(self, house: BusHouse, pause: float = 0.02) -> None:
        super().__init__()
        self._house = house
        self._pause = pause
        self._ended = threading.Event()
        self.sent = 0

    def run(self) -> None:
        while self.sent < LEAST or not self._ended.is_set():
            package, order = divmod(self.sent, ORDERS)
            body = shipped(f"order-{order}", package=f"{package:04}")
            named = attributes(f"{order}-{package}")  # sent again by the client, after a broker's death, it is the same
            self._house.send(body, key=f"order-{order}".encode(), partition=order % PARTITIONS, headers=named)
            self.sent += 1
            self._ended.wait(self._pause)

    def end(self) -> None:
        """Return when it has sent the last."""
        self._ended.set()
        self.join()


def wait_for_work(house: BusHouse, member: ChildProcess) -> None:
    """Return when the member has had its share of the messages."""
    pid = member.pid
    wait_until(lambda: pid in {e.process for e in house.effects()}, seconds=60, what="a member at work", interval=0.2)


def test_a_member_joins_before_anything_was_committed(house: BusHouse) -> None:
    """A new group in its first second: Faust throws away what it fetches while the partitions are handed out, and goes
    back to what is committed for it. There is nothing yet.
    """
    house.ticker()
    first = house.worker(commits=False)
    first.wait_for_partitions()
    stream = Stream(house, pause=0.002)
    stream.start()
    try:
        wait_for_work(house, first)
        second = house.worker(commits=False)
        wait_for_work(house, second)
    finally:
        stream.end()
    check(house, stream)


def test_a_new_group_on_a_topic_whose_beginning_has_expired(house: BusHouse) -> None:
    for number in range(5):
        house.ship(f"expired-{number}")
    house.expire("order.shipped", partition=0, before=3)
    worker = house.worker()
    worker.wait_for_partitions()
    house.ship("after")
    house.wait_for("after", "expired-3", "expired-4")
    assert sorted(effect.order_id for effect in house.effects()) == ["after", "expired-3", "expired-4"]


def test_members_come_and_go(house: BusHouse) -> None:
    house.ticker()
    first = house.worker()
    first.wait_for_partitions()
    stream = Stream(house)
    stream.start()
    try:
        wait_for_work(house, first)
        second = house.worker()
        wait_for_work(house, second)
        second.signal(signal.SIGKILL)
        second.wait_for_end()
        first.wait_for_partitions()  # after the session timeout the first has them all again
        third = house.worker()
        wait_for_work(house, third)
        third.signal(signal.SIGTERM)
        third.wait_for_end()
        first.wait_for_partitions()
    finally:
        stream.end()
    check(house, stream)


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
@pytest.mark.timeout(240)
def test_the_broker_is_restarted_under_load(
    kill: bool, own_kafka: Kafka, postgres_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """With it the groups' coordinator. Nobody starts a worker anew: each goes on by itself."""
    house = BusHouse(own_kafka.bootstrap_servers, postgres_url, topic_prefix, tmp_path)
    with closing(house), under_load(house):
        own_kafka.stop(kill=kill)
        own_kafka.start()
        wait_until_it_goes_on(house)


@pytest.fixture
def kafka_cluster() -> Iterator[KafkaCluster]:
    """Three brokers, each with a copy of everything."""
    with ExitStack() as stack:
        try:
            cluster = stack.enter_context(three_brokers())
        except Missing as missing:
            skip_or_fail("kafka", str(missing))
        yield cluster


@pytest.mark.timeout(300)
def test_a_coordinator_is_killed_and_another_takes_over(
    kafka_cluster: KafkaCluster, postgres_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Of three brokers the one that keeps the group is killed; once it is back, its successor.

    While it is away they go on without it.
    """
    house = BusHouse(
        kafka_cluster.bootstrap_servers,
        postgres_url,
        topic_prefix,
        tmp_path,
        topic_replication=len(kafka_cluster.nodes),
    )
    lost = []
    with closing(house), under_load(house):
        for _ in range(2):
            lost.append(kafka_cluster.coordinator_of(group_of(topic_prefix, "shipper")))
            kafka_cluster.nodes[lost[-1]].stop(kill=True)
            wait_until_it_goes_on(house)
            kafka_cluster.nodes[lost[-1]].start()
            wait_until(kafka_cluster.is_whole, seconds=60, what="every copy is up to date", interval=0.5)
    assert lost[0] != lost[1]


@contextmanager
def under_load(house: BusHouse) -> Iterator[None]:
    """Two members at work in a stream. Afterwards all of it is in effect, and neither was started anew."""
    house.ticker()
    workers = [house.worker(), house.worker()]
    stream = Stream(house)
    stream.start()
    try:
        for worker in workers:
            wait_for_work(house, worker)
        yield
    finally:
        stream.end()
    check(house, stream)
    assert [worker.server.failure() for worker in workers] == [None, None]


def wait_until_it_goes_on(house: BusHouse) -> None:
    """Return when many more messages than now have had their effect."""
    before = len(house.effects())
    wait_until(lambda: len(house.effects()) > before + LEAST, seconds=90, what="they go on", interval=0.2)


def check(house: BusHouse, stream: Stream) -> None:
    """Everything was handled, once in effect, an order's packages in order."""
    wait_until(lambda: len(house.effects()) >= stream.sent, seconds=60, what="all effects", interval=0.2)
    effects = house.effects()
    assert Counter((e.order_id, e.package) for e in effects).most_common(1)[0][1] == 1
    packages: dict[str, list[str]] = defaultdict(list)
    for effect in effects:
        packages[effect.order_id].append(effect.package)
    assert all(order == sorted(order) for order in packages.values())
    assert len(effects) == stream.sent
    assert house.failures() == 0
    assert not house.dead_letters()
