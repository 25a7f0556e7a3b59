"""Tickers as processes on a real Kafka: woken at once, stopped and woken again, without a broker, refused."""

from __future__ import annotations

import signal
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.parts.databases import aged, post, unpublished
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until
from tests.parts.publishing import first_appearances
from tests.parts.ticker_house import TickerHouse

KEYS = ["A", "B", "C", "D"]
Build = Callable[[Kafka, str], TickerHouse]


@pytest.fixture
def build(topic_prefix: str, tmp_path: Path) -> Iterator[Build]:
    """Builds houses, and closes them."""
    houses: list[TickerHouse] = []

    def build(kafka: Kafka, database_url: str) -> TickerHouse:
        houses.append(TickerHouse(kafka.bootstrap_servers, database_url, topic_prefix, tmp_path))
        return houses[-1]

    yield build
    for house in houses:
        house.close()


class Poster:
    """Posts rounds of one event per key, and knows what must be on the topics, per key in which order."""

    def __init__(self, house: TickerHouse) -> None:
        self.house = house
        self.posted: dict[str, list[str]] = {key: [] for key in KEYS}

    def post(self, rounds: int) -> list[str]:
        """Post, and return all ids posted so far."""
        for _ in range(rounds):
            with self.house.database.unit_of_work() as work:
                for key in KEYS:
                    self.posted[key].append(work.post(aged(key)))
        return [event_id for ids in self.posted.values() for event_id in ids]

    def check(self) -> None:
        """Everything is on the topics, per key in the order of its first appearance as it was posted."""
        self.house.wait_for(self.post(0))
        read = self.house.read()
        for key, ids in self.posted.items():
            assert first_appearances(event_id for its_key, event_id in read if its_key == key) == ids


def test_new_work_is_published_at_once(build: Build, kafka: Kafka, database_url: str) -> None:
    """Without being woken a ticker looks once a second, and nearly each would take that long."""
    house = build(kafka, database_url)
    house.ticker()
    house.wait_for(post(house.database, aged("warm-up")))
    house.wait_until_all_is_marked()
    seconds = []
    for number in range(30):
        began = time.monotonic()
        house.wait_for(post(house.database, aged(str(number))))
        seconds.append(time.monotonic() - began)
    assert statistics.quantiles(seconds)[0] < 0.2


def test_one_of_two_tickers_tells_how_the_whole_stands(build: Build, kafka: Kafka, database_url: str) -> None:
    house = build(kafka, database_url)
    first = house.ticker()
    house.wait_for(post(house.database, aged("A")))  # it has the lease
    second = house.ticker()
    told = "\norderbridge_outbox_due_events "
    assert told in first.metrics()
    assert told not in second.metrics()
    first.signal(signal.SIGKILL)
    wait_until(lambda: told in second.metrics(), seconds=20, what="the second has taken over")


def test_a_dated_event_is_published_at_its_date(build: Build, kafka: Kafka, database_url: str) -> None:
    """Never before; the quickest of five tells what the ticker takes, the others what else the machine has to do."""
    house = build(kafka, database_url)
    house.ticker()
    house.wait_for(post(house.database, aged("warm-up")))
    late = []
    for number in range(5):
        due = house.database.clock.now() + timedelta(seconds=0.7)
        house.wait_for(post(house.database, aged(str(number)), at=due))
        late.append(house.database.clock.now() - due)
    apart = timedelta(milliseconds=50)  # two processes' measures of the database's time, on a busy machine
    assert -apart <= min(late) < timedelta(seconds=1)


@pytest.mark.timeout(180)
def test_a_ticker_stopped_past_its_lease_and_woken_again(build: Build, kafka: Kafka, postgres_url: str) -> None:
    house = build(kafka, postgres_url)
    poster = Poster(house)
    first = house.ticker()
    house.wait_for(poster.post(1))  # it has the lease
    second = house.ticker()
    poster.post(50)
    first.signal(signal.SIGSTOP)  # in the middle of them
    house.wait_for(poster.post(20), seconds=60)  # the second has taken over
    first.signal(signal.SIGCONT)
    house.wait_for(poster.post(20))
    wait_until(lambda: first.ask("/readyz")[0] == 200, seconds=20, what="the first ticker, awake")
    second.signal(signal.SIGSTOP)
    house.wait_for(poster.post(20), seconds=60)  # and the first again
    second.signal(signal.SIGCONT)
    house.wait_until_all_is_marked()
    poster.check()
    for ticker in (first, second):
        assert ticker.ask("/readyz")[0] == 200


@pytest.mark.timeout(180)
def test_while_the_broker_is_away_nothing_is_lost(build: Build, own_kafka: Kafka, sqlite_url: str) -> None:
    house = build(own_kafka, sqlite_url)
    poster = Poster(house)
    ticker = house.ticker()
    house.wait_for(poster.post(2))
    house.wait_until_all_is_marked()
    own_kafka.stop()
    poster.post(5)
    stopped_at = time.monotonic()
    wait_until(lambda: time.monotonic() - stopped_at > 4, seconds=5, what="some seconds without a broker")
    assert unpublished(house.database) == 5 * len(KEYS)
    own_kafka.start()
    poster.post(5)
    house.wait_until_all_is_marked(seconds=60)
    poster.check()
    assert ticker.ask("/readyz")[0] == 200


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("topic", "body"),
    [("order.aged", '"' + "x" * 1_500_000 + '"'), ("order.invented", "{}")],
    ids=["too large", "no such topic"],
)
def test_a_refused_event_holds_back_its_key_only(
    build: Build, kafka: Kafka, sqlite_url: str, topic: str, body: str
) -> None:
    house = build(kafka, sqlite_url)
    poster = Poster(house)
    refused = house.post_raw(topic, "refused", body)
    poster.post(3)
    house.ticker()
    poster.check()
    poster.post(3)
    poster.check()
    wait_until(lambda: unpublished(house.database) == 1, seconds=30, what="all but the refused one")
    assert refused not in {event_id for _, event_id in house.read()}
