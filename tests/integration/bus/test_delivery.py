"""The rows of the loss table (docs/decisions/0002) for one worker: trouble at a message, and nothing is lost.

Each has messages before and after the one in trouble, in the same partition.
"""

from __future__ import annotations

import signal
from collections import Counter

from sqlalchemy import text

from tests.parts.bus_house import BusHouse, shipped
from tests.parts.bus_service import CANARY
from tests.parts.process import wait_until


def committed(house: BusHouse) -> Counter[str]:
    """How often each order had its effect."""
    return Counter(effect.order_id for effect in house.effects())


def test_a_handler_that_raises_is_tried_again_with_backoff_then_a_dead_letter(house: BusHouse) -> None:
    house.ticker()
    house.worker(attempts=3).wait_for_partitions()
    house.ship("before")
    place = house.ship("raising", "raise")
    house.ship("failing-once", f"fail-once {house.folder / 'failed'}")
    house.ship("after")
    house.wait_for("before", "failing-once", "after")
    letter = house.dead_letter(place)
    assert (letter.reason, letter.failures) == ("handler_failed", 3)
    assert letter.exception is not None
    assert letter.exception.startswith("builtins.RuntimeError at ")
    assert len(house.dead_letters()) == 1
    assert house.failures() == 3 + 1
    assert committed(house) == {"before": 1, "failing-once": 1, "after": 1}
    assert CANARY not in house.logs()


def test_an_event_given_back_comes_again_until_it_is_time(house: BusHouse) -> None:
    house.ticker()
    house.worker(attempts=1).wait_for_partitions()
    arrived = house.folder / "arrived"
    house.ship("waits", f"not-yet {arrived}")
    house.ship("after")
    house.wait_for("after")
    assert not house.done("waits")
    arrived.touch()
    house.wait_for("waits")
    assert house.failures() == 0
    assert committed(house) == {"waits": 1, "after": 1}


def test_a_large_event_that_failed_comes_back_too(house: BusHouse) -> None:
    """In base64 it is larger than an event may be."""
    house.ticker()
    house.worker(attempts=5).wait_for_partitions()
    arrived = house.folder / "arrived"
    place = house.ship(
        "large", f"not-yet {arrived}", headers=[("padding", b"x" * 400_000), ("more", b"\x01" * 100_000)]
    )
    house.ship("after")
    house.wait_for("after")
    arrived.touch()
    house.wait_for("large")
    assert not house.dead_letters(), place


def test_sigterm_in_a_handler(house: BusHouse) -> None:
    first = house.worker()
    first.wait_for_partitions()
    released = house.folder / "released"
    house.ship("before")
    house.ship("at-work", f"hang {released}")
    house.ship("after")
    wait_until(released.with_name("released.begun").exists, seconds=10, what="the handler at work")
    first.signal(signal.SIGTERM)
    second = house.worker()
    second.wait_for_partitions()  # the first has left the group, while its handler is still at work
    released.touch()
    first.wait_for_end()
    house.wait_for("before", "at-work", "after")
    assert committed(house) == {"before": 1, "at-work": 1, "after": 1}
    assert "Traceback" not in house.logs()
    assert house.failures() == 0


def test_sigterm_of_an_idle_worker_ends_it_quickly(house: BusHouse) -> None:
    worker = house.worker()
    worker.wait_for_partitions()
    house.ship("one")
    house.wait_for("one")
    worker.signal(signal.SIGTERM)
    worker.wait_for_end(seconds=10)
    assert "Traceback" not in worker.log()


def test_sigkill_in_a_handler(house: BusHouse) -> None:
    first = house.worker()
    first.wait_for_partitions()
    killed = house.folder / "killed"
    house.ship("before")
    house.ship("deadly", f"kill {killed}")
    house.ship("after")
    first.wait_for_end()
    assert killed.exists()
    assert not house.done("deadly")
    house.worker()
    house.wait_for("before", "deadly", "after")
    assert committed(house) == {"before": 1, "deadly": 1, "after": 1}


def test_sigkill_while_those_behind_it_are_done(house: BusHouse) -> None:
    """A key that hangs holds up itself alone; yet the group goes on behind it only when it is done (#606)."""
    first = house.worker()
    first.wait_for_partitions()
    gate = house.folder / "gate"
    house.ship("hanging", f"hang {gate}")
    names = [f"order-{number}" for number in range(20)]
    for name in names:
        house.ship(name)
    house.wait_for(*names)
    house.send(shipped("elsewhere"), key=b"elsewhere", partition=1)
    wait_until(lambda: house.committed_offset(1) == 1, seconds=20, what="a commit after those")
    assert house.committed_offset(0) == 0
    first.signal(signal.SIGKILL)
    first.wait_for_end()
    gate.touch()
    house.worker()
    house.wait_for("hanging")
    wait_until(lambda: house.committed_offset(0) == 21, seconds=20, what="everything is acknowledged")
    assert committed(house) == dict.fromkeys(("hanging", "elsewhere", *names), 1)


def test_sigkill_after_the_commit_and_before_the_acknowledgement(house: BusHouse) -> None:
    """Redelivered, and its inbox row makes the second run a no-op."""
    first = house.worker()
    first.wait_for_partitions()
    places = [house.ship(f"order-{number}") for number in range(20)]
    house.wait_for("order-19")
    first.signal(signal.SIGKILL)  # offsets are committed once a second: some of these are not
    first.wait_for_end()
    house.worker()
    house.ship("after")
    house.wait_for_everything()
    assert committed(house) == {"after": 1} | {f"order-{number}": 1 for number in range(len(places))}


def test_a_message_that_can_be_routed_nowhere_stops_the_worker_and_is_kept(house: BusHouse) -> None:
    """Neither handled nor given back nor a dead letter: here the tables for it are gone. Exit, and again after."""
    first = house.worker()
    first.wait_for_partitions()
    with house.database.unit_of_work() as work:
        work.session.execute(text("ALTER TABLE handler_failures RENAME TO gone"))
    mended = house.folder / "mended"
    house.ship("before")
    house.ship("in-trouble", f"fail-until {mended}")
    house.ship("after")
    first.wait_for_end()
    assert "cannot go on" in first.log()
    assert CANARY not in first.log()
    assert not house.done("in-trouble")
    with house.database.unit_of_work() as work:
        work.session.execute(text("ALTER TABLE gone RENAME TO handler_failures"))
    mended.touch()
    house.worker()
    house.wait_for("in-trouble", "after")
    assert committed(house) == {"before": 1, "in-trouble": 1, "after": 1}
