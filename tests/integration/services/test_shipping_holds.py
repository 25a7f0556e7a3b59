"""What keeps a package from Amazon until somebody ends it, what is warned of, and what is sent again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from orderbridge.accounts.change_settings import change_settings
from orderbridge.accounts.disconnecting import disconnect_account
from orderbridge.amazon import confirm_shipment
from orderbridge.database.models import OutboxRow, PackageRow
from sandbox.clock import ManualClock
from schemas.accounts import AccountAttention
from schemas.shipments import (
    OPEN_END,
    ShipmentConfirmed,
    ShipmentDue,
    ShipmentHeld,
    ShipmentRejected,
    ShipmentWarned,
)
from services.shipper import confirm
from services.shipper.due import wake_all
from tests.parts.in_process import System

DAY = 86_400
UPS = "1Z999AA10123456784"


def say(system: System, order_id: str, **more: Any) -> None:
    system.store_says(order_id=order_id, **more)
    system.run_until_idle()


def change(system: System, **settings: Any) -> None:
    with system.database.unit_of_work() as work:
        change_settings(work, "main", settings)
    system.run_until_idle()


def send_again(system: System, order_id: str, package_key: str | None = None) -> None:
    """As `orderbridge shipments retry` does."""
    with system.database.unit_of_work() as work:
        work.post(ShipmentDue(account_id="main", order_id=order_id, package_key=package_key, send_again=True))
    system.run_until_idle()


def reasons(events: list[Any]) -> list[str]:
    return [event.reason for event in events]


def test_a_paused_account_holds_and_sends_the_most_urgent_first_when_it_is_on_again(system: System) -> None:
    order_ids = system.imported(count=3)
    change(system, confirm_shipments=False)
    for order_id in order_ids:
        say(system, order_id)
    say(system, order_ids[0], ship_date="2026-11-26", package_id="P2", tracking_number="T2")
    assert reasons(system.events(ShipmentHeld)) == ["paused"] * 3
    assert [event.until for event in system.events(ShipmentHeld)] == [OPEN_END] * 3
    system.advance(DAY)
    assert not system.events(ShipmentConfirmed)
    assert system.amazon.books()["orders"][order_ids[0]]["packages"] == {}
    with system.database.unit_of_work() as work:
        work.session.get_one(PackageRow, (order_ids[2], "tracking:1Z1")).ship_by = system.now + timedelta(hours=1)
    change(system, confirm_shipments=True)
    confirmed = [event.order_id for event in system.events(ShipmentConfirmed)]
    assert confirmed[0] == order_ids[2]
    assert sorted(confirmed) == sorted(order_ids)


def test_what_is_corrected_while_it_is_paused_is_sent_once_as_corrected(system: System) -> None:
    (order_id,) = system.imported()
    change(system, confirm_shipments=False)
    system.store_says(event_id="e-1", order_id=order_id, package_id="P1", tracking_number="OLD")
    system.store_says(event_id="e-2", order_id=order_id, package_id="P1", tracking_number="NEW")
    system.run_until_idle()
    change(system, confirm_shipments=True)
    (package,) = system.packages(order_id).values()
    assert (package["content"]["trackingNumber"], package["calls"]) == ("NEW", 1)
    assert [event.caused_by for event in system.events(ShipmentConfirmed)] == ["e-2"]
    assert [(event.caused_by, event.reason) for event in system.events(ShipmentRejected)] == [("e-1", "superseded")]


def test_a_pause_in_the_middle_of_a_retry_is_kept_to(system: System) -> None:
    (order_id,) = system.imported()
    system.fault("confirmShipment", "503")
    say(system, order_id)
    change(system, confirm_shipments=False)
    system.advance(DAY)
    assert not system.packages(order_id)
    change(system, confirm_shipments=True)
    system.advance(60)
    assert len(system.events(ShipmentConfirmed)) == 1


def test_disconnecting_answers_all_that_waits_or_is_held(system: System) -> None:
    order_ids = system.imported(count=3)
    say(system, order_ids[0], ship_date="2026-11-26")
    change(system, confirm_shipments=False)
    say(system, order_ids[1])
    say(system, order_ids[2])
    disconnect_account(system.settings, system.database, "main")
    system.run_until_idle()
    assert reasons(system.events(ShipmentRejected)) == ["account_disconnected"] * 3
    system.set_account()
    send_again(system, order_ids[1])
    assert [event.order_id for event in system.events(ShipmentConfirmed)] == [order_ids[1]]


def wish_to_cancel(system: System, order_id: str) -> None:
    system.amazon.change_order(order_id, lambda order, now: order.request_cancel("NO_LONGER_NEEDED", now))
    system.advance(180)
    system.import_now()


def test_the_buyers_wish_to_cancel_is_told_and_the_parcel_confirmed(system: System) -> None:
    (order_id,) = system.imported()
    wish_to_cancel(system, order_id)
    say(system, order_id)
    assert reasons(system.events(ShipmentWarned)) == ["buyer_asked_to_cancel"]
    assert len(system.events(ShipmentConfirmed)) == 1


def test_the_buyers_wish_to_cancel_holds_where_that_is_set(system: System) -> None:
    (order_id,) = system.imported()
    change(system, hold_when_buyer_cancels=True)
    wish_to_cancel(system, order_id)
    say(system, order_id)
    assert reasons(system.events(ShipmentHeld)) == ["buyer_asked_to_cancel"]
    assert not system.events(ShipmentConfirmed)
    send_again(system, order_id)
    assert len(system.events(ShipmentConfirmed)) == 1


def test_a_held_package_of_an_order_that_is_cancelled_is_refused(system: System) -> None:
    first, second = system.imported(count=2)
    change(system, hold_when_buyer_cancels=True)
    wish_to_cancel(system, first)
    say(system, first)
    say(system, second, ship_date="2026-11-30")
    for order_id in (first, second):
        system.amazon.change_order(order_id, lambda order, now: order.cancel("BUYER", "NO_LONGER_NEEDED", now))
    system.advance(180)
    system.import_now()
    assert reasons(system.events(ShipmentRejected)) == ["order_cancelled"] * 2
    assert not system.events(ShipmentConfirmed)


def test_a_mistyped_tracking_number_is_told_before_amazon_has_it(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order_id,) = system.imported()
    told_before: list[int] = []

    def call(*arguments: Any) -> Any:
        with system.database.unit_of_work() as work:
            posted = select(func.count()).select_from(OutboxRow).where(OutboxRow.topic == "shipment.warned")
            told_before.append(work.session.execute(posted).scalar_one())
        return confirm_shipment(*arguments)

    monkeypatch.setattr(confirm, "confirm_shipment", call)
    say(system, order_id, carrier="UPS", tracking_number=UPS[:-1] + "5", package_id="P1")
    (warned,) = system.events(ShipmentWarned)
    assert warned.reason == "tracking_number_doubtful"
    assert told_before == [1]  # committed before the call
    say(system, order_id, carrier="UPS", tracking_number=UPS, package_id="P1")
    assert len(system.events(ShipmentWarned)) == 1
    assert [event.tracking_number for event in system.events(ShipmentConfirmed)] == [UPS[:-1] + "5", UPS]


def test_a_shipment_without_a_tracking_number_is_refused_with_the_reason(system: System) -> None:
    (order_id,) = system.imported()
    system.produce("order.shipped", b'{"order_id": "%s", "carrier": "UPS"}' % order_id.encode())
    system.run_until_idle()
    assert reasons(system.events(ShipmentRejected)) == ["tracking_missing"]


def test_an_older_event_is_answered_superseded(system: System) -> None:
    (order_id,) = system.imported()
    now = system.now
    system.store_says(event_id="new", time=now, order_id=order_id, package_id="P1", tracking_number="NEW")
    older = now - timedelta(hours=1)
    system.store_says(event_id="old", time=older, order_id=order_id, package_id="P1", tracking_number="OLD")
    system.run_until_idle()
    assert [(event.caused_by, event.reason) for event in system.events(ShipmentRejected)] == [("old", "superseded")]
    assert [event.caused_by for event in system.events(ShipmentConfirmed)] == ["new"]


def test_a_clock_years_ahead_does_not_outrank_corrections_for_ever(system: System) -> None:
    (order_id,) = system.imported()
    ahead = system.now + timedelta(days=3650)
    system.store_says(event_id="e-1", time=ahead, order_id=order_id, package_id="P1", tracking_number="WRONG")
    system.run_until_idle()
    system.advance(3600)
    system.store_says(event_id="e-2", time=system.now, order_id=order_id, package_id="P1", tracking_number="RIGHT")
    system.run_until_idle()
    (package,) = system.packages(order_id).values()
    assert package["content"]["trackingNumber"] == "RIGHT"


def put_amazons_clock_back(system: System, seconds: float) -> None:
    ours = system.clock
    system.advance(2 * seconds)  # the orders were placed before that, by either clock

    class Behind(ManualClock):
        def now(self) -> datetime:
            return ours.now() - timedelta(seconds=seconds)

        def monotonic(self) -> float:
            return ours.monotonic()

    system.amazon.clock = Behind(system.now)


def test_a_refused_ship_date_is_tried_once_more_by_amazons_clock(system: System) -> None:
    """Amazon's clock is ten minutes behind ours: its own `Date` says so."""
    (order_id,) = system.imported()
    put_amazons_clock_back(system, 600)
    say(system, order_id)
    (package,) = system.packages(order_id).values()
    assert len(system.events(ShipmentConfirmed)) == 1
    assert system.calls("confirmShipment") == {"400": 1, "204": 1}
    assert package["calls"] == 1


def test_from_then_on_amazons_clock_is_known(system: System) -> None:
    first, second = system.imported(count=2)
    put_amazons_clock_back(system, 600)
    say(system, first)
    say(system, second)
    assert system.calls("confirmShipment") == {"400": 1, "204": 2}


def test_a_role_that_is_missing_is_told_the_seller_once_and_its_end(system: System) -> None:
    first, second = system.imported(count=2)
    for order_id in (first, second):
        system.fault("confirmShipment", "403")
        say(system, order_id)
    assert reasons(system.events(ShipmentRejected)) == ["amazon_refused"] * 2
    (rejected, _) = system.events(ShipmentRejected)
    assert rejected.amazon is not None
    assert rejected.amazon.status == 403
    assert "orderbridge shipments retry" in rejected.what_to_do
    assert [event.trouble for event in system.events(AccountAttention)].count("shipment_role_missing") == 1
    send_again(system, first)
    send_again(system, second)
    assert len(system.events(ShipmentConfirmed)) == 2
    assert system.events(AccountAttention)[-1].ended_at is not None


def test_who_is_late_already_is_told_that_amazon_is_unwell(system: System) -> None:
    (order_id,) = system.imported()
    with system.database.unit_of_work() as work:
        row = work.lock_order(order_id)
        assert row is not None
        row.ship_by = system.now + timedelta(seconds=1)
    system.fault("confirmShipment", "503", count=4)
    say(system, order_id)
    system.advance(120)
    assert reasons(system.events(ShipmentWarned)) == ["amazon_unwell"]
    assert len(system.events(ShipmentConfirmed)) == 1


def test_at_a_start_packages_whose_event_is_lost_are_taken_up(system: System) -> None:
    (order_id,) = system.imported()
    say(system, order_id, ship_date="2026-11-26")
    with system.database.unit_of_work() as work:
        work.withdraw(f"shipment:{order_id}:tracking:1Z1")
    system.advance(3 * DAY)
    assert not system.events(ShipmentConfirmed)
    wake_all(system.database)
    system.run_until_idle()
    assert len(system.events(ShipmentConfirmed)) == 1


def test_the_lines_of_an_earlier_revision_that_amazon_took_are_not_free(system: System) -> None:
    """Its answer was lost; the second revision, which says less, is refused; what the first took stays taken."""
    (order_id,) = system.imported(lines=[{"sku": "MUG-BLUE", "quantity": 3}])
    system.fault("confirmShipment", "drop_after_effect")
    system.store_says(order_id=order_id, package_id="P1", lines=[{"sku": "MUG-BLUE", "quantity": 3}])
    system.run_until_idle()
    system.fault("confirmShipment", "400")
    system.store_says(order_id=order_id, package_id="P1", lines=[{"sku": "MUG-BLUE", "quantity": 1}])
    system.advance(120)
    assert "amazon_refused" in reasons(system.events(ShipmentRejected))
    say(system, order_id, package_id="P2", tracking_number="T2", lines=[{"sku": "MUG-BLUE", "quantity": 1}])
    assert reasons(system.events(ShipmentRejected))[-1] == "more_than_ordered"
