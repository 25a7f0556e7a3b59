"""The health page of a worker tells progress."""

from __future__ import annotations

from tests.parts.bus_house import BusHouse
from tests.parts.process import wait_until


def test_a_handler_that_hangs_is_told(house: BusHouse) -> None:
    worker = house.worker(stuck_after=1.5)
    worker.wait_for_partitions()
    assert (worker.ask("/healthz")[0], worker.ask("/readyz")[0]) == (200, 200)
    released = house.folder / "released"
    house.ship("hanging", f"hang {released}")
    for number in range(4):
        house.ship(f"behind-{number}")
    wait_until(lambda: worker.ask("/healthz")[0] == 503, seconds=20, what="stuck")
    report = worker.ask("/healthz")[1]
    assert (report["service"], report["state"], report["lag"]) == ("shipper", "stuck", 5)
    assert report["oldest_in_hand_seconds"] >= 1.5
    assert worker.ask("/readyz")[0] == 503
    released.touch()
    house.wait_for("hanging", "behind-3")
    wait_until(lambda: worker.ask("/readyz")[1].get("lag") == 0, seconds=10, what="no lag")
    assert worker.ask("/readyz")[0] == 200
    assert worker.ask("/healthz")[1]["handled"] == 5
    metrics = worker.metrics()
    assert 'orderbridge_events_total{outcome="handled",service="shipper",type="order.shipped"} 5.0' in metrics
    assert 'orderbridge_event_seconds_count{service="shipper",type="order.shipped"} 5.0' in metrics
    assert worker.ask("/else")[0] == 404


def test_a_stores_transactions_leave_no_lag(house: BusHouse) -> None:
    """The marker that ends one stands behind the last message, and is never handled."""
    worker = house.worker(stuck_after=1.0)
    worker.wait_for_partitions()
    house.ship_in_transaction("one", "two")
    house.wait_for("one", "two")
    wait_until(lambda: worker.ask("/healthz")[1]["lag"] == 0, seconds=10, what="no lag")
    house.ship_in_transaction("three")
    house.wait_for("three")
    wait_until(lambda: worker.ask("/healthz")[1]["lag"] == 0, seconds=10, what="no lag")
