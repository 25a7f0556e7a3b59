"""Beside another module that confirms the same orders: confirmations are paused meanwhile (docs/from-shift4shop.md)."""

from __future__ import annotations

from typing import Any

import pytest

from orderbridge.accounts.change_settings import change_settings
from sandbox.clock import to_amazon
from schemas.shipments import ShipmentConfirmed, ShipmentHeld, ShipmentRejected
from tests.integration.services.test_late_shipments import MUGS, again
from tests.parts.in_process import System

UPS = "1Z999AA10123456784"


def change(system: System, **settings: Any) -> None:
    with system.database.unit_of_work() as work:
        change_settings(work, "main", settings)
    system.run_until_idle()


def packages(system: System, order_id: str) -> dict[str, Any]:
    found: dict[str, Any] = system.amazon.books()["orders"][order_id]["packages"]
    return found


def confirm_by_the_other(system: System, order_id: str, reference: str) -> None:
    book = system.amazon.books()["orders"][order_id]
    detail = {
        "packageReferenceId": reference,
        "carrierCode": "UPS",
        "trackingNumber": UPS,
        "shipDate": to_amazon(system.now),
        "orderItems": [{"orderItemId": one["order_item_id"], "quantity": one["quantity"]} for one in book["lines"]],
    }
    body = {"marketplaceId": book["marketplace_id"], "packageDetail": detail}
    system.amazon.confirm_shipment(order_id, body, system.amazon_account())


@pytest.mark.parametrize("reference", ["1", "77"])
def test_what_the_other_module_confirmed_meanwhile_is_not_doubled(system: System, reference: str) -> None:
    (order_id,) = system.imported(lines=MUGS)
    change(system, confirm_shipments=False)
    system.store_says(order_id=order_id, package_id="P1", carrier="UPS", tracking_number=UPS)
    system.run_until_idle()
    assert [event.reason for event in system.events(ShipmentHeld)] == ["paused"]
    assert packages(system, order_id) == {}
    confirm_by_the_other(system, order_id, reference)
    again(system)
    assert list(packages(system, order_id)) == [reference]
    change(system, confirm_shipments=True)
    assert [event.reason for event in system.events(ShipmentRejected)] == ["confirmed_elsewhere"]
    assert not system.events(ShipmentConfirmed)
    assert [package["calls"] for package in packages(system, order_id).values()] == [1]


def test_what_it_did_not_confirm_is_confirmed_now(system: System) -> None:
    """A parcel in two packages of ours is not taken for another's once the first is confirmed."""
    (order_id,) = system.imported(lines=MUGS)
    change(system, confirm_shipments=False)
    line = only_line(system, order_id)
    for package_id, quantity in (("P1", 1), ("P2", 2)):
        lines = [{"order_item_id": line, "quantity": quantity}]
        system.store_says(order_id=order_id, package_id=package_id, carrier="UPS", tracking_number=UPS, lines=lines)
        system.run_until_idle()
    change(system, confirm_shipments=True)
    again(system)
    system.run_until_idle()
    assert sorted(str(event.package_id) for event in system.events(ShipmentConfirmed)) == ["P1", "P2"]
    assert not system.events(ShipmentRejected)


def only_line(system: System, order_id: str) -> str:
    (line,) = system.amazon.books()["orders"][order_id]["lines"]
    return str(line["order_item_id"])
