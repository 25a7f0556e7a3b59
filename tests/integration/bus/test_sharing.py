"""Events of several keys in one transaction on real Kafka: whatever else waits among them, each has its one effect."""

from __future__ import annotations

import signal
from collections import Counter, defaultdict
from pathlib import Path

from tests.parts.bus_house import BusHouse, shipped
from tests.parts.bus_service import CANARY
from tests.parts.child_process import PARTITIONS
from tests.parts.process import wait_until


def ship(house: BusHouse, order_id: str, order: str = "", *, package: int = 0) -> None:
    """An event, in its key's partition."""
    value = shipped(order_id, order, package=f"P{package}")
    house.send(value, key=order_id.encode(), partition=sum(order_id.encode()) % PARTITIONS, wait=False)


def counted(house: BusHouse) -> Counter[tuple[str, str]]:
    return Counter((effect.order_id, effect.package) for effect in house.effects())


def wait_for_effects(house: BusHouse, number: int) -> None:
    wait_until(lambda: len(counted(house)) >= number, seconds=60, what=f"{number} effects", interval=0.1)


def largest(sizes: Path) -> int:
    return max((int(line) for line in sizes.read_text().split()), default=0)


def test_among_events_that_are_out_of_the_ordinary_each_has_its_one_effect(house: BusHouse) -> None:
    house.ticker()
    sizes, mended = house.folder / "sizes", house.folder / "mended"
    odd = {"fails": f"fail-once {house.folder / 'once'}", "waits": f"not-yet {mended}", "skips": "skip", "no": "reject"}
    for number in range(200):
        ship(house, f"order-{number}")
    for package in range(3):
        for number in range(20):
            ship(house, f"again-{number}", package=package)
    for order_id, order in odd.items():
        ship(house, order_id, order)
    ship(house, "alone", "together-fail")
    house.send(b"garbage", partition=1, wait=False)
    house.flush()
    house.worker(together=str(sizes)).wait_for_partitions()
    wait_for_effects(house, 200 + 60 + 2)
    assert not house.done("waits")
    mended.touch()
    house.wait_for("waits")
    assert set(counted(house).values()) == {1}
    assert {order_id for order_id, _ in counted(house)} >= {"alone", "fails", "waits"}
    packages = defaultdict(list)
    for effect in house.effects():
        packages[effect.order_id].append(effect.package)
    assert all(packages[f"again-{number}"] == ["P0", "P1", "P2"] for number in range(20)), "out of order"
    assert largest(sizes) > 5, "none were together"
    wait_until(lambda: len(house.dead_letters()) == 2, seconds=20, what="the garbage and the refused one")
    assert CANARY not in house.logs()


def test_killed_in_such_a_transaction(house: BusHouse) -> None:
    """Nothing of it is there; each comes again, and once only."""
    sizes, killed = house.folder / "sizes", house.folder / "killed"
    for number in range(60):
        ship(house, f"order-{number}", f"together-kill {killed}" if number % 3 == 2 else "")
    house.flush()
    first = house.worker(together=str(sizes))
    first.wait_for_end()
    assert killed.exists()
    assert len(counted(house)) < 60
    house.worker(together=str(sizes))
    wait_for_effects(house, 60)
    assert set(counted(house).values()) == {1}


def test_sigterm_among_many_leaves_nothing_half_done(house: BusHouse) -> None:
    sizes = house.folder / "sizes"
    for number in range(400):
        ship(house, f"order-{number}")
    house.flush()
    first = house.worker(together=str(sizes))
    wait_for_effects(house, 1)
    first.signal(signal.SIGTERM)
    first.wait_for_end()
    house.worker(together=str(sizes))
    wait_for_effects(house, 400)
    assert set(counted(house).values()) == {1}
