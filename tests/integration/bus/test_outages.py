"""The database away, the broker away, the group's coordinator away: good events wait, none is lost or given up.

31 seconds are longer than every time-out on the way: connecting 5 s, the session 2 s, the pool 30 s.
"""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.bus_house import BusHouse
from tests.parts.kafka import Kafka
from tests.parts.postgres import Postgres
from tests.parts.process import wait_until

pytestmark = pytest.mark.timeout(240)
AWAY_SECONDS = 31  # longer than the pool waits for a connection


def pass_time(seconds: float) -> None:
    """An outage lasts this long: there is no condition to wait for."""
    threading.Event().wait(seconds)


@pytest.fixture
def house_of_own_database(
    kafka: Kafka, own_postgres: Postgres, topic_prefix: str, tmp_path: Path
) -> Iterator[BusHouse]:
    house = BusHouse(kafka.bootstrap_servers, own_postgres.new_database(), topic_prefix, tmp_path)
    yield house
    house.close()


@pytest.fixture
def house_of_own_kafka(own_kafka: Kafka, postgres_url: str, topic_prefix: str, tmp_path: Path) -> Iterator[BusHouse]:
    house = BusHouse(own_kafka.bootstrap_servers, postgres_url, topic_prefix, tmp_path)
    yield house
    house.close()


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_the_database_is_away(kill: bool, house_of_own_database: BusHouse, own_postgres: Postgres) -> None:
    house = house_of_own_database
    ticker = house.ticker()
    worker = house.worker(together=str(house.folder / "sizes"))
    worker.wait_for_partitions()
    released = house.folder / "released"
    house.ship("before")
    house.ship("at-work", f"hang {released}")
    house.wait_for("before")
    wait_until(released.with_name("released.begun").exists, seconds=10, what="the handler at work")
    own_postgres.stop(kill=kill)
    released.touch()  # its transaction has lost its connection
    meanwhile = [f"meanwhile-{number}" for number in range(5)]
    for order_id in meanwhile:
        house.ship(order_id)
    house.send(b"garbage", partition=1)
    wait_until(lambda: worker.ask("/readyz")[0] == 503, seconds=10, what="the worker not ready")
    assert worker.ask("/healthz")[0] == 200  # alive: a restart would not help
    assert worker.ask("/healthz")[1]["waiting_for"] == "the database"
    pass_time(AWAY_SECONDS)
    assert worker.ask("/healthz")[0] == 200
    own_postgres.start()
    house.wait_for("at-work", *meanwhile)
    wait_until(lambda: len(house.dead_letters()) == 1, seconds=20, what="the garbage's dead letter")
    wait_until(lambda: worker.ask("/readyz")[0] == 200, seconds=10, what="the worker ready again")
    assert house.failures() == 0
    assert house.dead_letters()[0].original.value == b"garbage"
    assert Counter(e.order_id for e in house.effects()) == dict.fromkeys(["before", "at-work", *meanwhile], 1)
    assert 'orderbridge_database_outages_total{service="shipper"}' in worker.metrics()
    assert ticker.ask("/healthz")[0] == 200


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_the_broker_is_away(kill: bool, house_of_own_kafka: BusHouse, own_kafka: Kafka) -> None:
    """With it the group's coordinator. What is in hand is finished, the rest comes when it is back."""
    house = house_of_own_kafka
    ticker = house.ticker()
    worker = house.worker(attempts=1)
    worker.wait_for_partitions()
    released = house.folder / "released"
    house.ship("before")
    house.ship("at-work", f"hang {released}")
    failing = house.ship("failing", "raise")
    house.ship("behind")
    house.wait_for("before")
    wait_until(released.with_name("released.begun").exists, seconds=10, what="the handler at work")
    own_kafka.stop(kill=kill)
    released.touch()
    house.wait_for("at-work")
    wait_until(lambda: worker.ask("/readyz")[1]["waiting_for"] == "Kafka", seconds=60, what="the worker says why")
    assert (worker.ask("/readyz")[0], worker.ask("/healthz")[0]) == (503, 200)
    own_kafka.start()
    house.ship("after")
    house.wait_for("behind", "after", seconds=60)
    assert house.dead_letter(failing, seconds=60).reason == "handler_failed"
    assert Counter(e.order_id for e in house.effects()) == dict.fromkeys(["before", "at-work", "behind", "after"], 1)
    for child, page in ((worker, "/readyz"), (ticker, "/healthz")):
        wait_until(lambda: child.ask(page)[0] == 200, seconds=20, what=f"{page} says that all is well")  # noqa: B023 - called within its turn


def test_a_worker_started_while_the_broker_is_away(house_of_own_kafka: BusHouse, own_kafka: Kafka) -> None:
    """It ends, to be started again, or waits: but it works when the broker is back."""
    house = house_of_own_kafka
    house.ship("waiting")
    own_kafka.stop()
    worker = house.worker()
    pass_time(AWAY_SECONDS)
    own_kafka.start()
    if worker.server.failure() is not None:
        worker = house.worker()
    house.wait_for("waiting", seconds=40)


@pytest.mark.parametrize("service", ["shipper", "reporter"])
def test_a_service_started_while_the_database_is_away(
    service: str, house_of_own_database: BusHouse, own_postgres: Postgres
) -> None:
    """What it does first, before any event, needs the database: it waits, and says so."""
    own_postgres.stop()
    child = house_of_own_database.service(service)
    wait_until(
        lambda: child.ask("/healthz")[1].get("waiting_for") == "the database",
        seconds=40,
        what="what it waits for",
    )
    assert child.ask("/readyz")[0] == 503
    own_postgres.start()
    wait_until(lambda: child.ask("/readyz")[0] == 200, seconds=60, what="it is ready", interval=0.2)
    assert child.server.failure() is None


def test_a_service_that_waits_for_the_database_ends_when_told_to(
    house_of_own_database: BusHouse, own_postgres: Postgres
) -> None:
    own_postgres.stop()
    child = house_of_own_database.service("shipper")
    wait_until(lambda: "waiting for the database" in child.log(), seconds=40, what="it waits")
    child.signal(signal.SIGTERM)
    child.wait_for_end()
    assert "Traceback" not in child.log()
    assert "crashed" not in child.log()
