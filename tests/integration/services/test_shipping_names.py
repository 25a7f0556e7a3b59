"""By what names a store may call an order, and what becomes of orders that we do not have, or that are none of ours."""

from __future__ import annotations

from typing import Any

import pytest

from orderbridge.accounts.disconnecting import disconnect_account
from orderbridge.database.models import PackageRow
from schemas.accounts import AccountSettingsChanged
from schemas.failures import DeadLetter
from schemas.orders import OrderImported
from schemas.shipments import ShipmentConfirmed, ShipmentRejected
from tests.parts.in_process import System

TWO_LINES = [{"sku": "MUG-BLUE", "quantity": 3}, {"sku": "TEAPOT-1L", "quantity": 1}]
DAY = 86_400


def one(events: list[Any]) -> Any:
    (event,) = events
    return event


def say(system: System, order_id: str, **more: Any) -> None:
    system.store_says(order_id=order_id, **more)
    system.run_until_idle()


@pytest.mark.parametrize("value", [b"not json", b"[]", b"{}", b'{"carrier": "UPS"}', b'{"order_id": 7}'])
def test_what_names_no_order_is_a_dead_letter(system: System, value: bytes) -> None:
    (order_id,) = system.imported(lines=TWO_LINES)
    system.produce("order.shipped", value)
    say(system, order_id)
    assert one(system.events(DeadLetter)).original.value == value
    assert len(system.events(ShipmentConfirmed)) == 1


@pytest.mark.parametrize("order_id", ["20317", "SHOPIFY-1", "114-12", "x" * 100])
def test_an_order_that_is_not_amazons_is_skipped_and_counted(system: System, order_id: str) -> None:
    say(system, order_id)
    assert system.outcomes_of("order.shipped") == ["skipped"]
    assert [type(event) for event in system.told] == [AccountSettingsChanged]  # of its connection


def test_a_name_that_contains_an_amazon_number_is_told_the_right_form(system: System) -> None:
    (order_id,) = system.imported()
    say(system, f"Amazon order {order_id} (web)")
    rejected = one(system.events(ShipmentRejected))
    assert rejected.reason == "not_an_order_id"
    assert system.packages(order_id) == {}


def test_our_order_number_names_the_order(system: System) -> None:
    (order_id,) = system.imported()
    say(system, f"AMZ-{order_id}")
    assert one(system.events(ShipmentConfirmed)).order_id == order_id


@pytest.mark.parametrize("prefix", ["", "AMZ-"])
def test_an_order_that_we_do_not_have_is_imported_first(system: System, prefix: str) -> None:
    (order_id,) = system.place_orders(lines=TWO_LINES)
    say(system, prefix + order_id)
    system.advance(10)
    assert one(system.events(OrderImported)).order_id == order_id
    assert one(system.events(ShipmentConfirmed)).order_id == order_id
    assert one(list(system.packages(order_id).values()))["calls"] == 1
    assert system.calls("getOrder") == {"200": 1}


@pytest.mark.parametrize("prefix", ["", "AMZ-"])
def test_an_order_that_amazon_does_not_know_is_rejected(system: System, prefix: str) -> None:
    name = f"{prefix}114-1111111-2222222"
    system.store_says(event_id="e-1", order_id=name)
    system.advance(30)
    rejected = one(system.events(ShipmentRejected))
    assert (rejected.reason, rejected.order_id, rejected.caused_by) == ("order_unknown", name, "e-1")
    assert system.calls("getOrder") == {"404": 1}
    system.store_says(event_id="e-2", order_id=name)  # said again, it is asked again
    system.advance(30)
    assert system.calls("getOrder") == {"404": 2}
    assert len(system.events(ShipmentRejected)) == 2


def test_an_unknown_order_while_the_import_is_switched_off_is_rejected(system: System) -> None:
    (order_id,) = system.place_orders()
    system.set_account(enabled=False)
    say(system, order_id)
    system.advance(30)
    rejected = one(system.events(ShipmentRejected))
    assert rejected.reason == "order_unknown"
    assert "switched off" in rejected.message


def test_a_disconnected_account_is_answered(system: System) -> None:
    (order_id,) = system.imported()
    disconnect_account(system.settings, system.database, "main")
    say(system, order_id)
    say(system, "114-1111111-2222222")
    assert [event.reason for event in system.events(ShipmentRejected)] == ["account_not_connected"] * 2


def test_an_account_that_is_disconnected_while_a_shipment_waits_is_answered(system: System) -> None:
    (order_id,) = system.imported()
    say(system, order_id, ship_date="2026-11-26")
    disconnect_account(system.settings, system.database, "main")
    system.run_until_idle()
    assert one(system.events(ShipmentRejected)).reason == "account_disconnected"
    with system.database.unit_of_work() as work:
        assert work.session.get_one(PackageRow, (order_id, "tracking:1Z1")).state == "rejected"
    system.set_account()
    say(system, order_id)
    assert len(system.events(ShipmentConfirmed)) == 1
