"""A worker that has turned against every message pauses itself until it is resumed; garbage never makes it."""

from __future__ import annotations

from orderbridge.bus.self_pause import resume
from orderbridge.database.models import ServiceState
from tests.parts.bus_house import BusHouse
from tests.parts.process import wait_until

BOUND = 20
GARBAGE = 1000


def test_a_worker_that_fails_on_everything_pauses_itself(house: BusHouse) -> None:
    house.ticker()
    worker = house.worker(attempts=8)
    worker.wait_for_partitions()
    mended = house.folder / "mended"
    orders = [f"order-{number}" for number in range(BOUND)]
    for order_id in orders:
        house.ship(order_id, f"fail-until {mended}")
    wait_until(lambda: worker.ask("/readyz")[0] == 503, seconds=40, what="the pause")
    status, report = worker.ask("/healthz")
    assert (status, report["state"], report["waiting_for"]) == (200, "waiting", "somebody to resume it")
    with house.database.unit_of_work() as work:
        state = work.session.get(ServiceState, "shipper")
        assert state is not None
        assert state.paused_at is not None
        assert f"{BOUND} events failed and 0 were handled" in (state.reason or "")
    assert 'orderbridge_paused{service="shipper"} 1.0' in worker.metrics()
    house.ship("while-paused")
    house.worker()  # another member, started later, is paused too
    mended.touch()
    assert not house.effects()
    with house.database.unit_of_work() as work:
        assert resume(work, "shipper")
    house.wait_for("while-paused", *orders, seconds=60)
    wait_until(lambda: worker.ask("/readyz")[0] == 200, seconds=10, what="the worker ready")
    with house.database.unit_of_work() as work:
        assert not resume(work, "shipper")
    assert not house.dead_letters()


def test_a_thousand_garbage_messages_pause_nobody(house: BusHouse) -> None:
    worker = house.worker()
    worker.wait_for_partitions()
    for number in range(GARBAGE):
        house.send(b"garbage %d" % number, partition=number % 3, wait=False)
    house.flush()
    house.ship("after")
    house.wait_for("after", seconds=60)
    wait_until(lambda: len(house.inbox()) == GARBAGE + 1, seconds=60, what="all messages", interval=0.5)
    assert worker.ask("/readyz")[0] == 200
    assert house.failures() == 0
    with house.database.unit_of_work() as work:
        assert work.session.get(ServiceState, "shipper") is None
