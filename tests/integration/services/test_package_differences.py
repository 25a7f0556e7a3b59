"""Amazon's packages come with its orders, and where they are not what it confirmed, that is shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from orderbridge.database.models import OutboxRow, Run, RunLineRow
from sandbox.faults import Fault
from schemas.imports import ImportFinished, RunLine
from schemas.orders import OrderEvent, OrderUpdated
from schemas.packages import PackageDifference
from schemas.shipments import ShipmentDueSoon
from tests.integration.services.test_late_shipments import MUGS, advance_to, again, confirm_at_amazon, ship_by
from tests.parts.in_process import System

HOUR = 3600
NUMBER = "1Z999AA10123456784"


@pytest.fixture
def shipped(system: System) -> str:
    """An order whose three mugs are in package P1: confirmed, imported, and more than an hour ago."""
    (order_id,) = system.imported(lines=MUGS)
    system.store_says(order_id=order_id, package_id="P1", tracking_number=NUMBER)
    again(system)
    system.advance(HOUR)
    return order_id


def edit(system: System, order_id: str, tracking_number: str | None = None, quantity: int | None = None) -> None:
    """Somebody edits package 1 in Seller Central."""
    item = system.amazon.books()["orders"][order_id]["lines"][0]["order_item_id"]
    quantities = {item: quantity} if quantity is not None else {}
    system.amazon.change_order(order_id, lambda order, now: order.change_package("1", tracking_number, quantities, now))


def delete(system: System, order_id: str) -> None:
    system.amazon.change_order(order_id, lambda order, now: order.delete_package("1", now))


def differences(system: System, order_id: str) -> tuple[PackageDifference, ...]:
    return system.store.orders[order_id].package_differences


def updates(system: System) -> list[OrderUpdated]:
    return system.events(OrderUpdated)


def last_lines(system: System) -> list[RunLine]:
    with system.database.unit_of_work() as work:
        run = work.session.scalars(select(Run).order_by(Run.started_at.desc()).limit(1)).one()
        rows = work.session.scalars(select(RunLineRow.line).where(RunLineRow.run_id == run.run_id))
        return [RunLine.model_validate_json(row) for row in rows]


def test_amazons_packages_come_with_the_order(system: System, shipped: str) -> None:
    order: OrderEvent = system.store.orders[shipped]
    (package,) = order.packages
    assert (package.package_reference_id, package.carrier, package.tracking_number) == ("1", "UPS", NUMBER)
    assert (package.status, [line.quantity for line in package.lines]) == ("shipped", [3])
    assert order.package_differences == ()
    assert updates(system)[-1].changes == ("status", "lines", "quantities", "packages")


def test_an_edit_behind_our_back_is_shown(system: System, shipped: str) -> None:
    edit(system, shipped, tracking_number="OTHER")
    again(system)
    (difference,) = differences(system, shipped)
    assert (difference.kind, difference.package_reference_id, difference.package_id) == ("tracking_number", "1", "P1")
    assert difference.message == f"Amazon has the tracking number OTHER for package 1, not {NUMBER}."
    assert updates(system)[-1].changes == ("packages",)
    (line,) = last_lines(system)
    assert (line.did, line.order_id) == ("updated", shipped)
    assert difference.message in str(line.problem)
    finished = system.events(ImportFinished)[-1]
    assert finished.problems == (f"Order {shipped}: {line.problem}",)
    # The next runs see it again within the overlap, and say nothing.
    said = len(updates(system))
    again(system)
    assert (len(updates(system)), system.events(ImportFinished)[-1].problems) == (said, ())
    # Mended at Amazon, it is a difference no more.
    edit(system, shipped, tracking_number=NUMBER.lower())
    again(system)
    assert differences(system, shipped) == ()
    assert updates(system)[-1].changes == ("packages",)


def test_other_quantities_are_shown(system: System, shipped: str) -> None:
    edit(system, shipped, quantity=2)
    again(system)
    (difference,) = differences(system, shipped)
    assert difference.kind == "quantities"
    assert difference.message == "Amazon has 2 of MUG-BLUE in package 1, not 3 of MUG-BLUE."
    assert system.store.orders[shipped].amazon_status == "partially_shipped"


def test_a_package_that_is_gone_is_shown_and_is_no_shipment(system: System, shipped: str) -> None:
    delete(system, shipped)
    again(system)
    (difference,) = differences(system, shipped)
    assert difference.kind == "missing"
    assert system.store.orders[shipped].packages == ()
    advance_to(system, ship_by(system, shipped))
    (warning,) = system.events(ShipmentDueSoon)
    assert difference.message in warning.why
    assert warning.what_to_do == difference.what_to_do


def test_what_was_confirmed_by_hand_is_harmless(system: System) -> None:
    (order_id,) = system.imported(lines=MUGS)
    confirm_at_amazon(system, order_id)
    again(system)
    (difference,) = differences(system, order_id)
    assert (difference.kind, difference.package_reference_id, difference.what_to_do) == ("not_ours", "77", "")
    (line,) = last_lines(system)
    assert (line.problem, line.note) == (None, difference.message)
    assert system.events(ImportFinished)[-1].problems == ()
    again(system)
    assert differences(system, order_id) == (difference,)


def test_what_an_order_came_with_is_its_history(start: Any) -> None:
    system = start()
    (order_id,) = system.place_orders(lines=MUGS)
    confirm_at_amazon(system, order_id)
    again(system)
    assert len(system.store.orders[order_id].packages) == 1
    system.amazon.change_order(order_id, lambda order, now: order.change_package("77", "LATER", {}, now))
    again(system)
    assert updates(system)[-1].changes == ("packages",)
    assert differences(system, order_id) == ()


def test_what_amazon_does_not_show_yet_is_read_again_after_an_hour(system: System) -> None:
    """Its reads lag behind what it confirmed: the first one lacks the package, the second has it."""
    (order_id,) = system.imported(lines=MUGS)
    system.store_says(order_id=order_id, tracking_number=NUMBER)
    system.run_until_idle()
    book = system.packages(order_id)["1"]["content"]
    delete(system, order_id)
    again(system)
    assert differences(system, order_id) == ()
    assert system.calls("getOrder") == {}
    body = {"marketplaceId": system.amazon.books()["orders"][order_id]["marketplace_id"], "packageDetail": book}
    system.amazon.confirm_shipment(order_id, body, system.amazon_account())
    system.advance(HOUR)
    assert system.calls("getOrder") == {"200": 1}
    assert len(system.store.orders[order_id].packages) == 1
    assert differences(system, order_id) == ()


def test_what_amazon_does_not_show_after_an_hour_is_a_difference(system: System) -> None:
    (order_id,) = system.imported(lines=MUGS)
    system.store_says(order_id=order_id, tracking_number=NUMBER)
    system.run_until_idle()
    delete(system, order_id)
    again(system)
    assert differences(system, order_id) == ()
    with capture_logs() as logs:
        system.advance(HOUR)
    assert ("Amazon's packages differ", order_id) in [(line["event"], line.get("order")) for line in logs]
    assert [one.kind for one in differences(system, order_id)] == ["missing"]
    assert updates(system)[-1].changes == ("packages",)


def test_a_confirmation_that_amazon_forgot_altogether_is_found_at_the_ship_by(system: System) -> None:
    """No search ever shows it, since the order does not change at Amazon: the shipper has it read."""
    (order_id,) = system.imported(lines=MUGS)
    before = system.amazon.get_order(order_id, {}, system.amazon_account())["order"]["lastUpdatedTime"]
    system.store_says(order_id=order_id, tracking_number=NUMBER)
    system.run_until_idle()

    def forget(order: Any, now: Any) -> None:
        order.delete_package("1", now)
        order.updated_at = order.placed_at

    system.amazon.change_order(order_id, forget)
    assert system.amazon.get_order(order_id, {}, system.amazon_account())["order"]["lastUpdatedTime"] == before
    advance_to(system, max(ship_by(system, order_id), system.now + timedelta(days=1)) + timedelta(minutes=5))
    assert [one.kind for one in differences(system, order_id)] == ["missing"]
    assert [warning.reason for warning in system.events(ShipmentDueSoon)] == ["ship_by_near"]


def test_a_correction_on_its_way_is_no_difference(system: System, shipped: str) -> None:
    day = system.now + timedelta(days=3)
    system.store_says(order_id=shipped, package_id="P1", tracking_number="NEXT", ship_date=f"{day:%Y-%m-%d}")
    system.run_until_idle()
    edit(system, shipped, tracking_number="OTHER")
    again(system)
    assert differences(system, shipped) == ()
    advance_to(system, day)
    assert system.packages(shipped)["1"]["content"]["trackingNumber"] == "NEXT"
    system.advance(HOUR)
    again(system)
    assert [package.tracking_number for package in system.store.orders[shipped].packages] == ["NEXT"]
    assert differences(system, shipped) == ()


def test_without_the_data_set_what_is_known_stays(system: System, shipped: str) -> None:
    edit(system, shipped, tracking_number="OTHER")
    again(system)
    before = system.store.orders[shipped]
    refuse = {"operation": "searchOrders", "kind": "400", "included_data": "PACKAGES", "count": None}
    system.amazon.faults.add(Fault.model_validate(refuse))
    system.amazon.change_order(shipped, lambda order, now: setattr(order, "updated_at", now))
    again(system)
    assert "PACKAGES" in system.events(ImportFinished)[-1].problems[0]
    assert system.store.orders[shipped].packages == before.packages
    assert differences(system, shipped) == before.package_differences != ()


def test_a_cancelled_order_says_so(system: System, shipped: str) -> None:
    delete(system, shipped)
    system.amazon.change_order(shipped, lambda order, now: order.cancel("AMAZON", "late", now))
    again(system)
    (difference,) = differences(system, shipped)
    assert difference.message.endswith("The order is cancelled.")
    assert difference.what_to_do == ""


def test_nothing_is_planned_where_nothing_differs(system: System, shipped: str) -> None:
    with system.database.unit_of_work() as work:
        planned = select(OutboxRow.name).where(OutboxRow.name == f"packages-again:{shipped}")
        assert work.session.scalars(planned).all() == []
