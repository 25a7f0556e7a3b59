"""Members that join, are killed and are stopped under a stream of messages: nothing lost, order kept, once in effect.

`make chaos` has the long version, with the whole house.
"""

from __future__ import annotations

import signal
import threading
from collections import Counter, defaultdict

from tests.parts.bus_house import PARTITIONS, BusHouse, shipped
from tests.parts.process import wait_until

ORDERS = 30
MESSAGES = 600


class Stream(threading.Thread):
    """A store that ships: packages 0, 1, 2, … of each order, in a steady flow until it has sent them all."""

    def __init__(self, house: BusHouse) -> None:
        super().__init__()
        self._house = house
        self.sent = 0

    def run(self) -> None:
        for number in range(MESSAGES):
            order = number % ORDERS
            body = shipped(f"order-{order}", package=f"{number // ORDERS:03}")
            self._house.send(body, key=f"order-{order}".encode(), partition=order % PARTITIONS)
            self.sent += 1
            threading.Event().wait(0.02)


def test_members_come_and_go(house: BusHouse) -> None:
    house.ticker()
    first = house.worker()
    first.wait_for_partitions()
    stream = Stream(house)
    stream.start()
    try:
        wait_until(lambda: len(house.effects()) > 20, seconds=20, what="the first at work")
        second = house.worker()
        wait_until(
            lambda: 0 < second.ask("/healthz")[1].get("partitions", 0) < 2 * PARTITIONS, seconds=20, what="a share"
        )
        pid = second.pid
        wait_until(lambda: pid in {e.process for e in house.effects()}, seconds=20, what="the second at work")
        second.signal(signal.SIGKILL)
        second.wait_for_end()
        first.wait_for_partitions()  # after the session timeout the first has them all again
        third = house.worker()
        wait_until(
            lambda: 0 < third.ask("/healthz")[1].get("partitions", 0) < 2 * PARTITIONS, seconds=20, what="a share"
        )
        pid = third.pid
        wait_until(
            lambda: pid in {e.process for e in house.effects()} or not stream.is_alive(), seconds=20, what="its work"
        )
        third.signal(signal.SIGTERM)
        third.wait_for_end()
        first.wait_for_partitions()
    finally:
        stream.join()
    assert stream.sent == MESSAGES
    wait_until(lambda: len(house.effects()) >= MESSAGES, seconds=30, what="all effects", interval=0.2)
    effects = house.effects()
    assert Counter((e.order_id, e.package) for e in effects).most_common(1)[0][1] == 1
    packages: dict[str, list[str]] = defaultdict(list)
    for effect in effects:
        packages[effect.order_id].append(effect.package)
    assert all(order == sorted(order) for order in packages.values())
    assert len(effects) == MESSAGES
    assert house.failures() == 0
    assert not house.dead_letters()
