"""The store is warned of what has not shipped: once per order and reason, when it is really time."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from orderbridge.accounts import find_account
from orderbridge.accounts.change_settings import change_settings
from orderbridge.accounts.disconnecting import disconnect_account
from orderbridge.database.models import OutboxRow, ShipmentWarning
from orderbridge.telemetry import SHIPMENTS_DUE_SOON
from sandbox.clock import to_amazon
from sandbox.orders import Order
from schemas.shipments import ShipmentCheck, ShipmentDueSoon
from tests.integration.services.conftest import Start
from tests.parts.hand_clock import START
from tests.parts.in_process import ACCOUNT, System

HOUR = 3600
DAY = 24 * HOUR
MUGS = [{"sku": "MUG-BLUE", "quantity": 3}]


def ship_by(system: System, order_id: str) -> datetime:
    found = system.store.orders[order_id].ship_by
    assert found is not None
    return found


def advance_to(system: System, moment: datetime) -> None:
    system.advance((moment - system.now).total_seconds())


def again(system: System) -> None:
    system.advance(180)
    system.import_now()


def warnings(system: System) -> list[ShipmentDueSoon]:
    return system.events(ShipmentDueSoon)


def checks(system: System) -> list[datetime]:
    """When looks are planned that have not been taken."""
    with system.database.unit_of_work() as work:
        planned = select(OutboxRow.due_at).where(
            OutboxRow.topic == ShipmentCheck.event_type, OutboxRow.published_at.is_(None)
        )
        return list(work.session.scalars(planned))


def zone(system: System) -> ZoneInfo:
    """The account's time zone."""
    with system.database.unit_of_work() as work:
        account = find_account(work, ACCOUNT)
        assert account is not None
        return account.zone


def set_hours(system: System, hours: int) -> None:
    with system.database.unit_of_work() as work:
        change_settings(work, ACCOUNT, {"late_warning_hours": hours})
    system.run_until_idle()


def move_ship_by(system: System, order_id: str, moment: datetime) -> None:
    def change(order: Order, now: datetime) -> None:
        order.facts["fulfillment"]["shipByWindow"]["latestDateTime"] = to_amazon(moment)
        order.updated_at = now

    system.amazon.change_order(order_id, change)


def test_an_order_without_a_shipment_is_warned_of_once(anywhere: System) -> None:
    system = anywhere
    counted = SHIPMENTS_DUE_SOON.labels("ship_by_near")._value.get()
    (order_id,) = system.imported(lines=MUGS)
    near = ship_by(system, order_id) - timedelta(hours=6)
    assert checks(system) == [near]
    advance_to(system, near - timedelta(seconds=1))
    assert warnings(system) == []
    advance_to(system, near)
    (warning,) = warnings(system)
    assert (warning.order_id, warning.account_id, warning.reason) == (order_id, ACCOUNT, "ship_by_near")
    assert warning.deadline == ship_by(system, order_id)
    local = f"{warning.deadline.astimezone(zone(system)):%Y-%m-%d %H:%M} {zone(system).key}"
    assert warning.why == f"Amazon expects it shipped by {local}. No shipment has been sent."
    assert warning.what_to_do.startswith("Ship it and send order.shipped")
    assert SHIPMENTS_DUE_SOON.labels("ship_by_near")._value.get() == counted + 1
    # Looked at again and again, after a restart too, it is not repeated.
    system.restart()
    set_hours(system, 7)
    again(system)
    system.advance(DAY)
    assert len(warnings(system)) == 1
    with system.database.unit_of_work() as work:
        rows = work.session.execute(select(ShipmentWarning.order_id, ShipmentWarning.reason)).all()
    assert rows == [(order_id, "ship_by_near")]


def test_before_its_personal_data_dies_it_is_told_again(system: System) -> None:
    (order_id,) = system.imported()
    dies_at = system.store.orders[order_id].personal_data.dies_at
    assert dies_at is not None
    advance_to(system, dies_at - timedelta(days=3, seconds=1))
    assert [warning.reason for warning in warnings(system)] == ["ship_by_near"]
    advance_to(system, dies_at - timedelta(days=3))
    assert [warning.reason for warning in warnings(system)] == ["ship_by_near", "personal_data_dies"]
    assert warnings(system)[1].deadline == dies_at
    assert "name and address are erased" in warnings(system)[1].why
    advance_to(system, dies_at + timedelta(days=1))
    assert len(warnings(system)) == 2
    assert checks(system) == []


def test_a_shipment_in_time_ends_it(system: System) -> None:
    (order_id,) = system.imported()
    system.store_says(order_id=order_id)
    again(system)
    assert system.store.orders[order_id].amazon_status == "shipped"
    assert checks(system) == []
    system.advance(40 * DAY)
    assert warnings(system) == []


def test_a_cancelled_order_is_not_warned_of(system: System) -> None:
    (order_id,) = system.imported()
    system.amazon.change_order(order_id, lambda order, now: order.cancel("BUYER", "mistake", now))
    again(system)
    assert checks(system) == []
    system.advance(40 * DAY)
    assert warnings(system) == []


def test_what_is_confirmed_but_not_yet_imported_is_no_matter(system: System) -> None:
    (order_id,) = system.imported()
    system.store_says(order_id=order_id)
    system.run_until_idle()
    advance_to(system, ship_by(system, order_id))
    assert warnings(system) == []


def test_a_held_package_is_no_shipment(system: System) -> None:
    (order_id,) = system.imported(lines=MUGS)
    day = ship_by(system, order_id) + timedelta(days=2)
    system.store_says(order_id=order_id, ship_date=f"{day:%Y-%m-%d}")
    system.run_until_idle()
    advance_to(system, ship_by(system, order_id))
    (warning,) = warnings(system)
    assert f"Nothing of it has shipped. Package 1 is held until {day:%Y-%m-%d} 00:01 {zone(system).key}." in warning.why
    assert "same package_id" in warning.what_to_do


def test_a_package_that_amazon_does_not_take_is_no_shipment(system: System) -> None:
    (order_id,) = system.imported()
    system.fault("confirmShipment", "500", count=1000)
    system.store_says(order_id=order_id)
    system.run_until_idle()
    advance_to(system, ship_by(system, order_id))
    (warning,) = warnings(system)
    assert "Package 1 was sent" in warning.why
    assert "itself" in warning.what_to_do


def test_a_refused_package_is_no_shipment(system: System) -> None:
    (order_id,) = system.imported()
    system.amazon.change_order(order_id, lambda order, now: order.facts["programs"].append("FBM_SHIP_PLUS"))
    system.store_says(order_id=order_id)
    system.run_until_idle()
    advance_to(system, ship_by(system, order_id))
    (warning,) = warnings(system)
    assert "Package 1 was refused." in warning.why
    assert "shipment.rejected" in warning.what_to_do


def test_a_part_that_is_left_is_warned_of(system: System) -> None:
    (order_id,) = system.imported(lines=MUGS)
    system.store_says(order_id=order_id, lines=[{"sku": "MUG-BLUE", "quantity": 2}])
    again(system)
    advance_to(system, ship_by(system, order_id))
    (warning,) = warnings(system)
    assert "2 of 3 units have shipped." in warning.why


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_ship_by_that_moves_moves_the_warning(system: System, hours: int) -> None:
    (order_id,) = system.imported()
    moved = ship_by(system, order_id) + timedelta(hours=hours)
    move_ship_by(system, order_id, moved)
    again(system)
    assert ship_by(system, order_id) == moved
    advance_to(system, max(moved - timedelta(hours=6, seconds=1), system.now))
    assert (warnings(system) == []) == (moved - timedelta(hours=6) > system.now)
    advance_to(system, max(moved - timedelta(hours=6), system.now))
    assert [warning.deadline for warning in warnings(system)] == [moved]


def test_the_setting_counts_for_orders_that_are_here(system: System) -> None:
    (order_id,) = system.imported()
    deadline = ship_by(system, order_id)
    set_hours(system, 12)
    assert checks(system) == [deadline - timedelta(hours=12)]
    set_hours(system, 2)
    advance_to(system, deadline - timedelta(hours=12))
    assert warnings(system) == []
    assert checks(system) == [deadline - timedelta(hours=2)]
    advance_to(system, deadline - timedelta(hours=5))
    set_hours(system, 10)
    assert len(warnings(system)) == 1


def test_nobody_is_warned_for_an_account_that_is_not_connected(system: System) -> None:
    (order_id,) = system.imported()
    disconnect_account(system.settings, system.database, ACCOUNT)
    advance_to(system, ship_by(system, order_id))
    assert warnings(system) == []
    system.set_account()
    system.run_until_idle()
    assert len(warnings(system)) == 1
    assert "Amazon expected it shipped by" in warnings(system)[0].why


def test_history_and_what_amazon_fulfils_get_no_look(start: Start) -> None:
    system = start(import_from=(START - timedelta(days=20)).isoformat(), import_fba=True)
    for order_id in system.place_orders(count=20, created_at=START - timedelta(days=9)):
        confirm_at_amazon(system, order_id)
    system.place_orders(count=2, fulfilled_by="AMAZON")
    again(system)
    assert len(system.store.orders) == 22
    assert checks(system) == []
    assert not system.outcomes_of("shipment.check")


def confirm_at_amazon(system: System, order_id: str, quantity: int | None = None) -> None:
    """Somebody confirms all of it past us, or so many of each line."""
    book = system.amazon.books()["orders"][order_id]
    lines = [{"orderItemId": line["order_item_id"], "quantity": quantity or line["quantity"]} for line in book["lines"]]
    detail = {
        "packageReferenceId": "77",
        "carrierCode": "UPS",
        "trackingNumber": "BY-HAND",
        "shipDate": to_amazon(system.now),
        "orderItems": lines,
    }
    body = {"marketplaceId": book["marketplace_id"], "packageDetail": detail}
    system.amazon.confirm_shipment(order_id, body, system.amazon_account())


def test_a_pending_order_is_looked_at_from_its_release_on(start: Start) -> None:
    system = start(status_pending={"id": "9", "name": "Unpaid"})
    (order_id,) = system.imported(status="PENDING")
    assert checks(system) == []
    system.amazon.change_order(order_id, Order.release)
    again(system)
    assert checks(system) == [ship_by(system, order_id) - timedelta(hours=6)]


def test_a_look_that_is_not_wanted_any_more_does_nothing(system: System) -> None:
    """The named plan is gone, and a copy comes all the same."""
    system.imported()
    with system.database.unit_of_work() as work:
        work.post(ShipmentCheck(order_id="114-0000000-0000000", account_id=ACCOUNT))
    system.run_until_idle()
    assert warnings(system) == []
    assert system.outcomes_of("shipment.check") == ["handled"]
