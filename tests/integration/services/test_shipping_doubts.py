"""Packages of which nobody knows whether Amazon has them, events said again, and orders that change their account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orderbridge.accounts.change_settings import change_settings
from orderbridge.accounts.disconnecting import disconnect_account
from orderbridge.accounts.onboarding import connect_account
from orderbridge.accounts.settings import AccountSettings
from orderbridge.database.models import OrderRow, PackageRow
from schemas.imports import ImportDue
from schemas.shipments import ShipmentConfirmed, ShipmentDue, ShipmentHeld, ShipmentRejected
from services.shipper import confirm
from services.shipper.holding import hold_reason
from tests.parts.in_process import ACCOUNT, System
from tests.parts.sandbox_server import SandboxServer

MUGS = [{"sku": "MUG-BLUE", "quantity": 3}]


def say(system: System, order_id: str, **more: Any) -> None:
    system.store_says(order_id=order_id, **more)
    system.run_until_idle()


def change(system: System, **settings: Any) -> None:
    with system.database.unit_of_work() as work:
        change_settings(work, ACCOUNT, settings)
    system.run_until_idle()


def retry(system: System, order_id: str, package_key: str, account_id: str = ACCOUNT) -> None:
    """As `orderbridge shipments retry` does."""
    again = ShipmentDue(account_id=account_id, order_id=order_id, package_key=package_key, send_again=True)
    with system.database.unit_of_work() as work:
        work.post(again)
    system.run_until_idle()


def package(system: System, order_id: str, package_key: str = "tracking:1Z1") -> PackageRow:
    with system.database.unit_of_work() as work:
        return work.session.get_one(PackageRow, (order_id, package_key))


def test_amazon_is_asked_about_an_unsure_package_although_confirming_is_paused_meanwhile(system: System) -> None:
    (order_id,) = system.imported()
    system.fault("confirmShipment", "drop_after_effect")
    say(system, order_id)
    assert package(system, order_id).unsure
    change(system, confirm_shipments=False)
    system.advance(120)
    assert len(system.events(ShipmentConfirmed)) == 1
    assert not system.events(ShipmentHeld)
    assert sum(system.calls("confirmShipment").values()) == 1


def test_a_package_that_amazon_took_and_does_not_show_yet_is_sent_again_and_is_one(system: System) -> None:
    """Its reads lag: what is asked too soon after a lost answer is an order without the package."""
    (order_id,) = system.imported(lines=MUGS)
    system.fault("confirmShipment", "drop_after_effect")
    system.fault("getOrder", "stale", seconds=600)
    asked = sum(system.calls("getOrder").values())
    say(system, order_id)
    system.advance(180)
    assert sum(system.calls("getOrder").values()) == asked + 1
    assert system.calls("confirmShipment") == {"dropped": 1, "204": 1}
    (one,) = system.amazon.books()["orders"][order_id]["packages"].values()
    assert one["calls"] == 2
    assert len(system.events(ShipmentConfirmed)) == 1
    assert not system.events(ShipmentRejected)


def test_an_unsure_package_that_amazon_does_not_have_is_held_then(system: System) -> None:
    (order_id,) = system.imported()
    system.fault("confirmShipment", "timeout")
    say(system, order_id)
    change(system, confirm_shipments=False)
    system.advance(120)
    assert [event.reason for event in system.events(ShipmentHeld)] == ["paused"]
    change(system, confirm_shipments=True)
    assert len(system.events(ShipmentConfirmed)) == 1


def test_of_an_unsure_package_nobody_is_told_that_amazon_does_not_have_it(system: System) -> None:
    (order_id,) = system.imported()
    system.fault("confirmShipment", "drop_after_effect")
    say(system, order_id)
    disconnect_account(system.settings, system.database, ACCOUNT)
    system.advance(120)
    (rejected,) = system.events(ShipmentRejected)
    assert rejected.reason == "account_disconnected"
    assert "may have" in rejected.message


@pytest.mark.parametrize("number", [" ", "\u3000"])
def test_a_blank_tracking_number_is_a_missing_one(system: System, number: str) -> None:
    (order_id,) = system.imported()
    say(system, order_id, tracking_number=number)
    assert [event.reason for event in system.events(ShipmentRejected)] == ["tracking_missing"]


@pytest.mark.parametrize("unseen", ["\u0085", "\u2028", "\u200b", "\ufeff", "\ue000"])
@pytest.mark.parametrize("field", ["carrier", "tracking_number", "package_id", "shipping_method"])
def test_a_character_that_nobody_sees_is_refused_with_the_fields_name(system: System, field: str, unseen: str) -> None:
    (order_id,) = system.imported()
    say(system, order_id, **{field: f"1Z{unseen}9"})
    (rejected,) = system.events(ShipmentRejected)
    assert rejected.reason == "invalid"
    assert f"{field}: holds U+{ord(unseen):04X}" in rejected.message
    say(system, order_id)
    assert len(system.events(ShipmentConfirmed)) == 1


def test_a_blank_carrier_is_refused_with_the_fields_name(system: System) -> None:
    (order_id,) = system.imported()
    say(system, order_id, carrier=" ")
    (rejected,) = system.events(ShipmentRejected)
    assert (rejected.reason, "carrier: is blank" in rejected.message) == ("invalid", True)


def test_a_refused_package_whose_units_have_gone_in_another_is_not_sent_again(system: System) -> None:
    (order_id,) = system.imported(lines=MUGS)
    system.fault("confirmShipment", "400")
    say(system, order_id, package_id="P1", tracking_number="T1")
    say(system, order_id, package_id="P2", tracking_number="T2")
    retry(system, order_id, "P1")
    assert [event.reason for event in system.events(ShipmentRejected)] == ["amazon_refused", "more_than_ordered"]
    assert system.calls("confirmShipment") == {"400": 1, "204": 1}


def test_an_event_said_again_does_not_undo_what_a_person_decided(system: System) -> None:
    """Nor does it wait less while Amazon is unwell."""
    (order_id,) = system.imported()
    change(system, hold_when_buyer_cancels=True)
    system.amazon.change_order(order_id, lambda order, now: order.request_cancel("mistake", now))
    system.advance(180)
    system.import_now()
    say(system, order_id, package_id="P1")
    system.fault("confirmShipment", "503", count=5)
    retry(system, order_id, "P1")
    before = package(system, order_id, "P1")
    say(system, order_id, package_id="P1")
    after = package(system, order_id, "P1")
    assert (after.state, after.failures, after.hold_until) == ("waiting", 1, before.hold_until)
    system.advance(600)
    assert len(system.events(ShipmentConfirmed)) == 2  # each of the store's events is answered


def test_a_correction_knows_the_orders_new_ship_by(system: System) -> None:
    (order_id,) = system.imported()
    say(system, order_id, package_id="P1", ship_date="2026-11-26")
    later = system.now + timedelta(days=9)
    with system.database.unit_of_work() as work:
        work.session.get_one(OrderRow, order_id).ship_by = later
    say(system, order_id, package_id="P1", ship_date="2026-11-27")
    assert package(system, order_id, "P1").ship_by == later


def test_a_package_goes_where_its_order_goes(system: System) -> None:
    """A seller that is connected under another name takes over what stands under the old one."""
    (order_id,) = system.imported()
    say(system, order_id, package_id="P1", ship_date="2026-11-26")
    token = "Atzr|another-authorisation"
    system.amazon.change_account(ACCOUNT, refresh_token=token)
    disconnect_account(system.settings, system.database, ACCOUNT)
    system.run_until_idle()
    assert [event.reason for event in system.events(ShipmentRejected)] == ["account_disconnected"]
    connect_account(system.settings, system.database, "second", token, AccountSettings(enabled=True))
    system.amazon.change_order(order_id, lambda order, now: order.request_cancel("mistake", now))
    system.advance(3 * 86_400)
    with system.database.unit_of_work() as work:
        work.post(ImportDue(account_id="second", reason="now"))
    system.run_until_idle()
    assert package(system, order_id, "P1").account_id == "second"
    retry(system, order_id, "P1", "second")
    (confirmed,) = system.events(ShipmentConfirmed)
    assert confirmed.account_id == "second"


def test_a_package_of_an_order_that_went_elsewhere_is_found_by_retry(system: System) -> None:
    (order_id,) = system.imported()
    system.fault("confirmShipment", "400")
    say(system, order_id, package_id="P1")
    with system.database.unit_of_work() as work:
        work.session.get_one(PackageRow, (order_id, "P1")).account_id = "former"
    retry(system, order_id, "P1", "former")
    assert len(system.events(ShipmentConfirmed)) == 1


@pytest.fixture
def on_postgres(postgres_url: str, tmp_path: Path, sandbox: SandboxServer) -> Iterator[System]:
    with closing(System(postgres_url, tmp_path, sandbox)) as system:
        yield system


def test_whoever_ends_a_hold_while_it_is_made_has_the_package_sent(
    on_postgres: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = on_postgres
    (order_id,) = system.imported()
    change(system, confirm_shipments=False)
    looked: list[object] = []

    def look_then_it_is_ended(*arguments: Any) -> Any:
        held = hold_reason(*arguments)
        if not looked:
            with system.database.unit_of_work() as work:
                change_settings(work, ACCOUNT, {"confirm_shipments": True})
        looked.append(held)
        return held

    monkeypatch.setattr(confirm, "hold_reason", look_then_it_is_ended)
    say(system, order_id)
    assert looked[0] is not None
    assert len(system.events(ShipmentConfirmed)) == 1
    assert not system.events(ShipmentHeld)
