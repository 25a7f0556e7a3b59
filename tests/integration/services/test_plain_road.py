"""The plain road: an order in, its shipment back, its personal data gone."""

from __future__ import annotations

from schemas.orders import OrderImported, OrderRedacted, OrderUpdated
from schemas.shipments import ShipmentConfirmed
from tests.parts.in_process import System

DAY = 86_400


def test_an_order_comes_in_is_shipped_and_forgotten(anywhere: System) -> None:
    system = anywhere
    (order_id,) = system.imported(lines=[{"sku": "MUG-BLUE", "quantity": 2}])
    (imported,) = system.events(OrderImported)
    assert (imported.order_id, imported.amazon_status, imported.personal_data.state) == (
        order_id,
        "unshipped",
        "sealed",
    )
    system.store_says(order_id=order_id)
    system.run_until_idle()
    (confirmed,) = system.events(ShipmentConfirmed)
    (package,) = system.packages(order_id).values()
    assert (package["calls"], package["content"]["trackingNumber"]) == (1, "1Z1")
    assert confirmed.caused_by == "order.shipped/0/0"
    system.advance(180)
    system.import_now()
    assert [event.changes for event in system.events(OrderUpdated)] == [("status", "lines", "quantities", "packages")]
    system.advance(31 * DAY)
    (redacted,) = system.events(OrderRedacted)
    assert system.store.orders[order_id] == redacted
    assert system.calls("searchOrders") == {"200": 2}
