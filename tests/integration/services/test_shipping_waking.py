"""Every package that waits is taken up again by something: whatever ended its wait, and whatever was lost meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from orderbridge.accounts.change_settings import change_settings
from orderbridge.accounts.disconnecting import disconnect_account
from orderbridge.database.models import PackageRow
from schemas.shipments import ShipmentConfirmed, ShipmentDue, ShipmentRejected
from services.shipper.confirm import CLAIM
from services.shipper.due import wake_all
from tests.integration.services.test_shipping_crashes import kill_in_the_call
from tests.parts.in_process import System

DAY = 86_400


def say(system: System, order_id: str, **more: Any) -> None:
    system.store_says(order_id=order_id, **more)
    system.run_until_idle()


def set_confirming(system: System, *, on: bool) -> None:
    with system.database.unit_of_work() as work:
        change_settings(work, "main", {"confirm_shipments": on})
    system.run_until_idle()


def answers(system: System) -> list[tuple[str, str]]:
    """What each event was told in the end, and of which order."""
    ends = (event for event in system.told if isinstance(event, ShipmentConfirmed | ShipmentRejected))
    return [(end.order_id, end.reason if isinstance(end, ShipmentRejected) else "confirmed") for end in ends]


def test_disconnecting_while_a_call_is_under_way_answers_the_others_at_once_and_that_one_after_it(
    system: System,
) -> None:
    first, second, third = sorted(system.imported(count=3))
    kill_in_the_call(system, first, after_effect=False)
    set_confirming(system, on=False)
    say(system, second)
    say(system, third)
    disconnect_account(system.settings, system.database, "main")
    system.run_until_idle()
    assert answers(system) == [(second, "account_disconnected"), (third, "account_disconnected")]
    system.advance(CLAIM.total_seconds() + 1)
    assert answers(system)[2:] == [(first, "account_disconnected")]


def test_a_refused_package_that_is_sent_again_before_its_ship_date_goes_on_that_day(system: System) -> None:
    (order_id,) = system.imported()
    say(system, order_id, ship_date="2026-11-26")
    disconnect_account(system.settings, system.database, "main")
    system.run_until_idle()
    system.set_account()
    with system.database.unit_of_work() as work:  # `orderbridge shipments retry`
        work.post(ShipmentDue(account_id="main", order_id=order_id, send_again=True))
    system.run_until_idle()
    assert answers(system) == [(order_id, "account_disconnected")]
    system.advance(3 * DAY)
    assert answers(system)[1:] == [(order_id, "confirmed")]


def test_at_a_start_packages_whose_hold_has_ended_are_taken_up_though_the_slot_is_lost(system: System) -> None:
    (order_id,) = system.imported()
    set_confirming(system, on=False)
    say(system, order_id)
    with system.database.unit_of_work() as work:
        change_settings(work, "main", {"confirm_shipments": True})
        work.withdraw("shipment-slot:main")
    system.advance(60)
    assert not answers(system)
    wake_all(system.database)
    system.run_until_idle()
    assert answers(system) == [(order_id, "confirmed")]


def test_no_slot_comes_before_the_quota_has_a_call_for_it(anywhere: System) -> None:
    """At most two events a confirmation: a slot and the store's answer."""
    system = anywhere
    order_ids = system.imported(count=20)
    for order_id in order_ids:
        system.store_says(order_id=order_id)
    system.run_until_idle()
    system.advance(30)
    assert len(system.events(ShipmentConfirmed)) == 20
    assert len(system.events(ShipmentDue)) <= 20
    assert system.calls("confirmShipment") == {"204": 20}


def test_packages_whose_events_come_too_early_go_in_their_time(system: System) -> None:
    """The ticker's clock was ahead of the shipper's for a while."""
    days = {order_id: f"2026-11-2{6 + number}" for number, order_id in enumerate(system.imported(count=3))}
    for order_id, day in days.items():
        say(system, order_id, ship_date=day)
        with system.database.unit_of_work() as work:
            work.withdraw(f"shipment:{order_id}:tracking:1Z1")
            work.post(ShipmentDue(account_id="main"))
    system.run_until_idle()
    assert not answers(system)
    system.advance(7 * DAY)
    assert answers(system) == [(order_id, "confirmed") for order_id in days]


@pytest.mark.parametrize("connected", [True, False])
def test_a_package_whose_order_is_not_there_keeps_no_other_waiting(system: System, connected: bool) -> None:
    """As `orderbridge recover` may write it down; the order is imported later, or never."""
    first, second = sorted(system.imported(count=2))
    for order_id in (first, second):
        say(system, order_id, ship_date="2026-11-26")
    gone = "000-0000000-0000000"
    with system.database.unit_of_work() as work:
        work.session.execute(update(PackageRow).where(PackageRow.order_id == first).values(order_id=gone))
        work.session.execute(update(PackageRow).values(hold_until=system.now - timedelta(minutes=1)))
        work.session.execute(update(PackageRow).where(PackageRow.order_id == gone).values(ship_by=system.now))
    if not connected:
        disconnect_account(system.settings, system.database, "main")
    wake_all(system.database)
    with system.database.unit_of_work() as work:
        work.post(ShipmentDue(account_id="main"))
    system.run_until_idle()
    system.advance(60)
    assert answers(system) == [(second, "confirmed" if connected else "account_disconnected")]
    before = len(system.outcomes_of("shipment.due"))
    system.advance(1800)
    assert len(system.outcomes_of("shipment.due")) - before < 10
    with system.database.unit_of_work() as work:
        work.session.execute(update(PackageRow).where(PackageRow.order_id == gone).values(order_id=first))
        work.post(ShipmentDue(account_id="main"))
    system.advance(600)
    assert answers(system)[1:] == [(first, "confirmed" if connected else "account_disconnected")]
