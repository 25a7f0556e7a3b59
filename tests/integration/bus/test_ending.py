"""A worker that is to stop ends, whatever does not: its handlers, its consumer, Faust."""

from __future__ import annotations

import signal

from sqlalchemy import text

from tests.parts.bus_house import BusHouse
from tests.parts.bus_service import CANARY
from tests.parts.child_process import ChildProcess
from tests.parts.process import wait_until


def hanging(house: BusHouse) -> ChildProcess:
    """A worker with a handler that never ends."""
    worker = house.worker(end_seconds=2.0)
    worker.wait_for_partitions()
    house.ship("hanging", f"hang {house.folder / 'never'}")
    wait_until((house.folder / "never.begun").exists, seconds=20, what="the handler hangs")
    return worker


def test_after_sigterm_a_handler_that_hangs_does_not_keep_it(house: BusHouse) -> None:
    worker = hanging(house)
    worker.signal(signal.SIGTERM)
    worker.wait_for_end()
    assert "tests/parts/bus_service.py" in worker.log(), "it says where its threads stood"


def test_after_sigterm_a_consumer_that_never_stops_does_not_keep_it(house: BusHouse) -> None:
    worker = house.worker(end_seconds=2.0, stop_hangs=True)
    worker.wait_for_partitions()
    worker.signal(signal.SIGTERM)
    worker.wait_for_end()
    assert "never_stop:" in worker.log(), "it says where its tasks stood"


def test_after_a_crash_a_handler_that_hangs_does_not_keep_it(house: BusHouse) -> None:
    worker = hanging(house)
    with house.database.unit_of_work() as work:
        work.session.execute(text("ALTER TABLE handler_failures RENAME TO gone"))
    house.ship("in-trouble", "raise")
    worker.wait_for_end()
    log = worker.log()
    assert "cannot go on" in log
    assert "tests/parts/bus_service.py" in log
    assert CANARY not in log


def test_after_a_crash_it_does_not_wait_for_its_consumers_thread_which_ends(house: BusHouse) -> None:
    """What is acknowledged and not committed yet is committed by that thread, or not at all: it is read again."""
    worker = house.worker(end_seconds=3600.0, commits=False, stops_late=True)
    worker.wait_for_partitions()
    house.ship("before")
    house.wait_for("before")
    with house.database.unit_of_work() as work:
        work.session.execute(text("ALTER TABLE handler_failures RENAME TO gone"))
    house.ship("in-trouble", "raise")
    worker.wait_for_end()
    assert "cannot go on" in worker.log()
