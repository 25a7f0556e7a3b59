"""The counter that wakes somebody over refused shipments counts no correction of the store's."""

from __future__ import annotations

from datetime import timedelta

from prometheus_client import REGISTRY

from schemas.shipments import ShipmentConfirmed, ShipmentRejected
from tests.parts.in_process import System


def counted() -> float:
    found = REGISTRY.get_sample_value("orderbridge_shipments_rejected_total")
    assert found is not None  # from the start, or the first one would not be an increase
    return found


def test_a_package_that_the_store_corrects_is_none(system: System) -> None:
    (order_id,) = system.imported()
    now, before = system.now, counted()
    waits = now + timedelta(days=1)
    for event_id, said_at, number in (("1", now, "A"), ("2", waits, "B"), ("old", now - timedelta(hours=1), "C")):
        system.store_says(event_id=event_id, time=said_at, order_id=order_id, package_id="P1", tracking_number=number)
    system.run_until_idle()
    assert {event.reason for event in system.events(ShipmentRejected)} == {"superseded"}
    assert system.events(ShipmentConfirmed)
    assert counted() == before


def test_what_a_rule_refuses_is_counted(system: System) -> None:
    (order_id,) = system.imported()
    before = counted()
    system.store_says(order_id=order_id, tracking_number=None)
    system.run_until_idle()
    assert [event.reason for event in system.events(ShipmentRejected)] == ["tracking_missing"]
    assert counted() == before + 1


def test_what_amazon_refuses_is_counted_once(system: System) -> None:
    (order_id,) = system.imported()
    before = counted()
    system.fault("confirmShipment", "403", count=9)
    system.store_says(order_id=order_id)
    system.advance(86400)
    assert len(system.events(ShipmentRejected)) == 1
    assert counted() == before + 1
