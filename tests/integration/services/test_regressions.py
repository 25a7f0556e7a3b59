"""What a hostile reading found in the shipper, each held by a test: wake-ups, corrections, names and clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from orderbridge.amazon import confirm_shipment
from orderbridge.database.models import OutboxRow, PackageRow
from schemas.failures import DeadLetter
from schemas.shipments import ShipmentConfirmed, ShipmentHeld, ShipmentRejected
from services.shipper import confirm
from tests.parts.hand_clock import START
from tests.parts.in_process import System

SHIP_DAY = datetime(2026, 11, 26, 8, 1, tzinfo=UTC)
"""2026-11-26 has begun a minute ago in Los Angeles, where the account is at home."""
LONGEST_BACKOFF = timedelta(minutes=15)


def row(system: System, order_id: str, key: str = "P1") -> PackageRow:
    with system.database.unit_of_work() as work:
        return work.session.get_one(PackageRow, (order_id, key))


def planned_for(system: System, order_id: str, key: str = "P1") -> datetime | None:
    """When the package will be looked at again."""
    named = select(OutboxRow.due_at).where(
        OutboxRow.name == f"shipment:{order_id}:{key}", OutboxRow.published_at.is_(None)
    )
    with system.database.unit_of_work() as work:
        return work.session.scalars(named).one_or_none()


def trackings_at_amazon(system: System, order_id: str) -> list[str]:
    return [package["content"]["trackingNumber"] for package in system.packages(order_id).values()]


def correct_in_flight(system: System, monkeypatch: pytest.MonkeyPatch, order_id: str) -> None:
    """Revision 1 is said; while its call is under way revision 2 comes, with a ship date days ahead."""
    whole, first = confirm_shipment, [True]

    def correct_meanwhile(*arguments: Any) -> Any:
        if first and first.pop():
            message = system.store_says(
                order_id=order_id, package_id="P1", tracking_number="NEW", ship_date="2026-11-26"
            )
            assert system.pipelines["order.shipped"].process(message) == "handled"
        return whole(*arguments)

    monkeypatch.setattr(confirm, "confirm_shipment", correct_meanwhile)
    system.store_says(order_id=order_id, package_id="P1", tracking_number="OLD")
    system.run_until_idle()


def test_a_correction_for_a_later_day_waits_for_it_after_the_first_was_taken(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order_id,) = system.imported(programs=[])
    correct_in_flight(system, monkeypatch, order_id)
    assert [event.tracking_number for event in system.events(ShipmentConfirmed)] == ["OLD"]
    assert row(system, order_id).hold_until == planned_for(system, order_id) == SHIP_DAY
    system.advance((SHIP_DAY - system.now).total_seconds() - 1)
    assert trackings_at_amazon(system, order_id) == ["OLD"]
    system.advance(2)
    assert trackings_at_amazon(system, order_id) == ["NEW"]
    assert [event.tracking_number for event in system.events(ShipmentConfirmed)] == ["OLD", "NEW"]
    assert row(system, order_id).state == "confirmed"


@pytest.mark.parametrize("kind", ["503", "429", "drop_after_effect"])
def test_a_correction_for_a_later_day_is_not_sent_before_it_when_the_first_failed(
    system: System, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    (order_id,) = system.imported(programs=[])
    system.fault("confirmShipment", kind)
    correct_in_flight(system, monkeypatch, order_id)
    assert planned_for(system, order_id) == SHIP_DAY
    before = trackings_at_amazon(system, order_id)
    system.advance((SHIP_DAY - system.now).total_seconds() - 1)
    assert trackings_at_amazon(system, order_id) == before
    assert not system.events(ShipmentConfirmed)
    system.advance(2)
    assert trackings_at_amazon(system, order_id) == ["NEW"]
    assert [event.tracking_number for event in system.events(ShipmentConfirmed)] == ["NEW"]


@pytest.mark.parametrize("early", [0.001, 1.0, 2.0])
def test_a_wake_up_that_comes_a_little_early_is_planned_again(system: System, early: float) -> None:
    """The relay's clock is ahead of the shipper's: the plan has been published, and nobody else will come."""
    (order_id,) = system.imported(programs=[])
    system.store_says(order_id=order_id, package_id="P1", ship_date="2026-11-26")
    system.advance((SHIP_DAY - system.now).total_seconds() - early)
    with system.database.unit_of_work() as work:
        work.withdraw(f"shipment:{order_id}:P1")
    system.produce("shipment.due", b'{"account_id": "main"}')
    system.run_until_idle()
    assert system.packages(order_id) == {}
    assert planned_for(system, order_id) == SHIP_DAY
    system.advance(early)
    assert len(system.events(ShipmentConfirmed)) == 1


def test_a_wake_up_a_little_before_a_dead_claim_ends_is_planned_again(system: System) -> None:
    (order_id,) = system.imported(programs=[])
    system.store_says(order_id=order_id, package_id="P1", ship_date="2026-11-26")
    system.run_until_idle()
    ends = SHIP_DAY + timedelta(minutes=1)
    with system.database.unit_of_work() as work:
        package = work.session.get_one(PackageRow, (order_id, "P1"))
        package.claimed_by, package.claimed_until, package.unsure = "a dead process", ends, True
        work.withdraw(f"shipment:{order_id}:P1")
    system.advance((ends - system.now).total_seconds() - 1)
    system.produce("shipment.due", b'{"account_id": "main"}')
    system.run_until_idle()
    assert planned_for(system, order_id) == ends
    system.advance(30)
    assert len(system.events(ShipmentConfirmed)) == 1


def test_after_sixty_failures_there_is_still_a_backoff(system: System) -> None:
    (order_id,) = system.imported(programs=[])
    system.store_says(order_id=order_id, package_id="P1", ship_date="2026-11-26")
    system.run_until_idle()
    with system.database.unit_of_work() as work:
        work.session.get_one(PackageRow, (order_id, "P1")).failures = 60
    system.fault("confirmShipment", "503")
    system.advance((SHIP_DAY - system.now).total_seconds())
    package = row(system, order_id)
    assert package.failures == 61
    assert package.hold_until == planned_for(system, order_id)
    assert SHIP_DAY + LONGEST_BACKOFF / 2 <= package.hold_until <= SHIP_DAY + LONGEST_BACKOFF
    system.advance(LONGEST_BACKOFF.total_seconds() + 60)
    assert len(system.events(ShipmentConfirmed)) == 1


@pytest.mark.parametrize("ending", [r"\ud800", r"\u0000"])
@pytest.mark.parametrize("name", ["20317", "114-1111111-2222222"])
def test_an_order_id_that_no_database_can_keep_is_a_dead_letter(system: System, name: str, ending: str) -> None:
    (order_id,) = system.imported()
    for rest in (b', "carrier": "UPS", "tracking_number": "1Z1"}', b"}"):
        system.produce("order.shipped", b'{"order_id": "' + (name + ending).encode() + b'"' + rest)
    system.store_says(order_id=order_id)
    system.run_until_idle()
    assert system.outcomes_of("order.shipped") == ["dead-letter", "dead-letter", "handled"]
    assert {letter.reason for letter in system.events(DeadLetter)} == {"invalid"}
    assert len(system.events(ShipmentConfirmed)) == 1


@pytest.mark.parametrize("field", ["tracking_number", "package_id", "store_order_number", "account_id"])
@pytest.mark.parametrize("text", ["\ud800", "\x00"])
def test_another_field_that_no_database_can_keep_never_stops_the_shipper(system: System, field: str, text: str) -> None:
    (order_id,) = system.imported()
    wrong: dict[str, Any] = {field: text}
    system.store_says(order_id=order_id, **wrong)
    system.store_says(order_id=order_id)
    system.run_until_idle()
    first, second = system.outcomes_of("order.shipped")
    assert first in ("rejected", "dead-letter")  # answered where the answer itself can be written
    assert second == "handled"
    assert len(system.events(DeadLetter)) + len(system.events(ShipmentRejected)) == 1


def test_a_store_number_of_two_orders_names_neither(system: System) -> None:
    first, second, third = system.imported(count=3)
    for order_id in (first, second):
        system.store_says(order_id=order_id, store_order_number="20317")
    system.store_says(order_id=third, store_order_number="20318")
    system.run_until_idle()
    assert len(system.events(ShipmentConfirmed)) == 3
    system.store_says(event_id="e-1", order_id="20317", package_id="P2")
    system.run_until_idle()
    (rejected,) = system.events(ShipmentRejected)
    assert (rejected.reason, rejected.order_id, rejected.caused_by) == ("ambiguous_order", "20317", "e-1")
    system.store_says(order_id="20318", package_id="P2")  # whose number is its own, is found
    system.run_until_idle()
    assert [event.order_id for event in system.events(ShipmentRejected)] == ["20317", third]
    assert system.events(ShipmentRejected)[-1].reason == "nothing_left"


CLOCKS = [datetime(1970, 1, 1, tzinfo=UTC), START + timedelta(hours=5), START + timedelta(days=4000)]


@pytest.mark.parametrize("timestamp", CLOCKS, ids=["1970", "hours ahead", "years ahead"])
def test_a_store_whose_clock_is_wrong_ships_now(system: System, timestamp: datetime) -> None:
    (order_id,) = system.imported()
    body = f'{{"order_id": "{order_id}", "carrier": "UPS", "tracking_number": "1Z1"}}'
    system.produce("order.shipped", body.encode(), timestamp=timestamp)
    system.run_until_idle()
    assert not system.events(ShipmentHeld)
    assert not system.events(ShipmentRejected)
    (confirmed,) = system.events(ShipmentConfirmed)
    placed_at = system.store.orders[order_id].placed_at
    assert placed_at <= confirmed.ship_date <= system.now
    assert system.calls("confirmShipment") == {"204": 1}


@pytest.mark.parametrize("timestamp", CLOCKS, ids=["1970", "hours ahead", "years ahead"])
def test_a_store_whose_clock_is_wrong_is_told_of_an_unknown_order(system: System, timestamp: datetime) -> None:
    body = b'{"order_id": "114-1111111-2222222", "carrier": "UPS", "tracking_number": "1Z1"}'
    system.produce("order.shipped", body, timestamp=timestamp)
    system.advance(600)
    (rejected,) = system.events(ShipmentRejected)
    assert rejected.reason == "order_unknown"
    assert system.calls("getOrder") == {"404": 1}
