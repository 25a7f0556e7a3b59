"""What a store says about its shipments, and what Amazon's books and the store's answers say then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.failures import DeadLetter
from schemas.shipments import ShipmentConfirmed, ShipmentHeld, ShipmentRejected
from tests.integration.services.conftest import Start
from tests.parts.hand_clock import START
from tests.parts.in_process import System

TWO_LINES = [{"sku": "MUG-BLUE", "quantity": 3}, {"sku": "TEAPOT-1L", "quantity": 1}]
DAY = 86_400


def one(events: list[Any]) -> Any:
    (event,) = events
    return event


def say(system: System, order_id: str, **more: Any) -> None:
    system.store_says(order_id=order_id, **more)
    system.run_until_idle()


def at_amazon(system: System, order_id: str) -> dict[str, dict[str, int]]:
    """By tracking number, what is in the package by SKU."""
    book = system.amazon.books()["orders"][order_id]
    sku = {line["order_item_id"]: line["sku"] for line in book["lines"]}
    return {
        package["content"]["trackingNumber"]: {
            sku[item["orderItemId"]]: item["quantity"] for item in package["content"]["orderItems"]
        }
        for package in book["packages"].values()
    }


def test_the_least_a_store_can_say(system: System) -> None:
    (order_id,) = system.imported(lines=TWO_LINES)
    system.produce(
        "order.shipped",
        b'{"order_id": "%s", "carrier": "ups", "tracking_number": "1Z999AA10123456784"}' % order_id.encode(),
    )
    system.run_until_idle()
    content = system.packages(order_id)["1"]["content"]
    assert (content["carrierCode"], content["trackingNumber"]) == ("UPS", "1Z999AA10123456784")
    assert at_amazon(system, order_id) == {"1Z999AA10123456784": {"MUG-BLUE": 3, "TEAPOT-1L": 1}}
    confirmed = one(system.events(ShipmentConfirmed))
    assert (confirmed.caused_by, confirmed.account_id, confirmed.package_reference_id) == (
        "order.shipped/0/0",
        "main",
        "1",
    )
    assert sum(line.quantity for line in confirmed.lines) == 4


def test_the_most_a_store_can_say(system: System) -> None:
    (order_id,) = system.imported(lines=TWO_LINES)
    system.store_says(
        event_id="e-1",
        order_id=order_id,
        account_id="main",
        store_order_number="20317",
        package_id="P1",
        carrier="Bike Courier",
        shipping_method="Bike",
        tracking_number="T-1",
        ship_date="2026-11-24",
        lines=[{"sku": "MUG-BLUE", "quantity": 1, "transparency_codes": ["X1"]}],
    )
    system.run_until_idle()
    content = system.packages(order_id)["1"]["content"]
    assert (content["carrierCode"], content["carrierName"], content["shippingMethod"]) == (
        "Other",
        "Bike Courier",
        "Bike",
    )
    assert content["orderItems"][0]["transparencyCodes"] == ["X1"]
    confirmed = one(system.events(ShipmentConfirmed))
    assert (confirmed.caused_by, confirmed.store_order_number, confirmed.package_id) == ("e-1", "20317", "P1")
    say(system, "20317", tracking_number="T-2")  # from now on its own number names the order
    assert at_amazon(system, order_id) == {"T-1": {"MUG-BLUE": 1}, "T-2": {"MUG-BLUE": 2, "TEAPOT-1L": 1}}
    assert at_amazon(system, order_id).keys() == {event.tracking_number for event in system.events(ShipmentConfirmed)}


def test_packages_split_by_sku_and_by_item(system: System) -> None:
    (order_id,) = system.imported(lines=TWO_LINES)
    items = {line.sku: line.order_item_id for line in system.store.orders[order_id].lines}
    say(system, order_id, package_id="P1", tracking_number="A", lines=[{"sku": "MUG-BLUE", "quantity": 2}])
    lines = [{"order_item_id": items["TEAPOT-1L"], "quantity": 1}]
    say(system, order_id, package_id="P2", tracking_number="B", lines=lines)
    say(system, order_id, package_id="P3", tracking_number="C")
    assert at_amazon(system, order_id) == {"A": {"MUG-BLUE": 2}, "B": {"TEAPOT-1L": 1}, "C": {"MUG-BLUE": 1}}
    assert sorted(system.packages(order_id)) == ["1", "2", "3"]
    assert system.amazon.books()["orders"][order_id]["status"] == "SHIPPED"
    say(system, order_id, package_id="P4", tracking_number="D")
    assert one(system.events(ShipmentRejected)).reason == "nothing_left"


def test_a_correction_edits_the_package(system: System) -> None:
    (order_id,) = system.imported(lines=TWO_LINES)
    say(system, order_id, package_id="P1", tracking_number="WRONG")
    say(system, order_id, package_id="P1", tracking_number="RIGHT", carrier="fedex")
    package = one(list(system.packages(order_id).values()))
    assert (package["content"]["trackingNumber"], package["content"]["carrierCode"]) == ("RIGHT", "FedEx")
    assert (package["calls"], package["identical"]) == (2, 0)
    assert [event.tracking_number for event in system.events(ShipmentConfirmed)] == ["WRONG", "RIGHT"]


def test_a_package_may_be_made_smaller_and_larger_again(system: System) -> None:
    (order_id,) = system.imported(lines=TWO_LINES)
    for quantity in (3, 1, 3, 2):
        say(system, order_id, package_id="P1", lines=[{"sku": "MUG-BLUE", "quantity": quantity}])
        system.advance(180)
        system.import_now()  # Amazon's own count of what has shipped comes back to us
        assert at_amazon(system, order_id) == {"1Z1": {"MUG-BLUE": quantity}}
    assert not system.events(ShipmentRejected)


def test_a_held_correction_does_not_count_as_what_amazon_has(system: System) -> None:
    """Amazon has three; a correction to one waits for its day; before that a third event says three again."""
    (order_id,) = system.imported(lines=TWO_LINES)
    say(system, order_id, package_id="P1", lines=[{"sku": "MUG-BLUE", "quantity": 3}])
    system.advance(180)
    system.import_now()
    say(system, order_id, package_id="P1", lines=[{"sku": "MUG-BLUE", "quantity": 1}], ship_date="2026-11-26")
    say(system, order_id, package_id="P1", lines=[{"sku": "MUG-BLUE", "quantity": 3}], tracking_number="NEW")
    system.advance(4 * DAY)
    assert [event.reason for event in system.events(ShipmentRejected)] == ["superseded"]
    assert at_amazon(system, order_id) == {"NEW": {"MUG-BLUE": 3}}


def test_the_same_parcel_said_again_is_confirmed_again_without_a_call(system: System) -> None:
    (order_id,) = system.imported(lines=TWO_LINES)
    system.store_says(event_id="e-1", order_id=order_id)
    system.store_says(event_id="e-2", order_id=order_id)
    system.run_until_idle()
    assert [event.caused_by for event in system.events(ShipmentConfirmed)] == ["e-1", "e-2"]
    assert one(list(system.packages(order_id).values()))["calls"] == 1


@pytest.mark.parametrize("event_id", ["e-1", None])
def test_a_doubled_event_does_nothing(system: System, event_id: str | None) -> None:
    (order_id,) = system.imported(lines=TWO_LINES)
    first = system.store_says(event_id=event_id, order_id=order_id)
    if event_id is not None:
        system.store_says(event_id=event_id, order_id=order_id)  # sent twice, at another offset
    system.redeliver(first)
    system.run_until_idle()
    assert set(system.outcomes_of("order.shipped")[1:]) == {"repeated"}
    assert len(system.events(ShipmentConfirmed)) == 1
    assert one(list(system.packages(order_id).values()))["calls"] == 1


def test_an_event_id_used_for_another_event_is_answered(system: System) -> None:
    (order_id,) = system.imported(lines=TWO_LINES)
    system.store_says(event_id="e-1", order_id=order_id)
    system.store_says(event_id="e-1", order_id=order_id, tracking_number="ANOTHER")
    system.run_until_idle()
    assert one(system.events(ShipmentRejected)).reason == "event_id_reused"
    assert list(at_amazon(system, order_id)) == ["1Z1"]


def test_events_out_of_order_end_with_the_newest(system: System) -> None:
    (order_id,) = system.imported(lines=TWO_LINES)
    newer, older = START + timedelta(minutes=3), START + timedelta(minutes=1)
    system.store_says(event_id="e-2", time=newer, order_id=order_id, package_id="P1", tracking_number="NEWER")
    system.store_says(event_id="e-1", time=older, order_id=order_id, package_id="P1", tracking_number="OLDER")
    system.run_until_idle()
    assert list(at_amazon(system, order_id)) == ["NEWER"]


@pytest.mark.parametrize(
    ("ship_date", "until"),
    [
        ("2026-11-26", datetime(2026, 11, 26, 8, 1, tzinfo=UTC)),  # after midnight in Los Angeles, the account's zone
        ("2026-11-24T21:00:00+02:00", datetime(2026, 11, 24, 19, tzinfo=UTC)),
    ],
)
def test_a_shipment_is_held_until_its_date(system: System, ship_date: str, until: datetime) -> None:
    (order_id,) = system.imported(lines=TWO_LINES)
    say(system, order_id, ship_date=ship_date)
    held = one(system.events(ShipmentHeld))
    assert (held.until, held.reason) == (until, "ship_date_ahead")
    system.advance((until - system.now).total_seconds() - 1)
    assert system.packages(order_id) == {}
    system.advance(1)
    assert at_amazon(system, order_id) == {"1Z1": {"MUG-BLUE": 3, "TEAPOT-1L": 1}}
    confirmed = one(system.events(ShipmentConfirmed))
    assert confirmed.confirmed_at == until
    assert confirmed.ship_date == until - timedelta(minutes=1), "of a day: its beginning, and not the day before"
    at_amazons = one(list(system.packages(order_id).values()))["content"]["shipDate"]
    assert datetime.fromisoformat(at_amazons) == confirmed.ship_date
    assert len(system.events(ShipmentHeld)) == 1


def test_the_date_is_a_day_in_the_accounts_zone(start: Start) -> None:
    system = start(time_zone="Asia/Tokyo")
    (order_id,) = system.imported(lines=TWO_LINES)
    say(system, order_id, ship_date="2026-11-25")
    assert one(system.events(ShipmentHeld)).until == datetime(2026, 11, 24, 15, 1, tzinfo=UTC)


def test_a_held_shipment_may_be_brought_forward_and_put_off(system: System) -> None:
    (order_id,) = system.imported(lines=TWO_LINES)
    say(system, order_id, package_id="P1", ship_date="2026-11-26")
    say(system, order_id, package_id="P1", ship_date="2026-11-28")
    system.advance(3 * DAY)
    assert system.packages(order_id) == {}
    say(system, order_id, package_id="P1", ship_date="2026-11-27")
    assert one(list(system.packages(order_id).values()))["calls"] == 1
    system.advance(5 * DAY)
    assert one(list(system.packages(order_id).values()))["calls"] == 1
    assert len(system.events(ShipmentConfirmed)) == 1


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("order_cancelled", {}, {}),
    ("ship_plus", {"programs": ["FBM_SHIP_PLUS"]}, {}),
    ("fulfilled_by_amazon", {"fulfilled_by": "AMAZON"}, {}),
    ("more_than_ordered", {}, {"lines": [{"sku": "MUG-BLUE", "quantity": 9}]}),
    ("unknown_line", {}, {"lines": [{"sku": "KETTLE", "quantity": 1}]}),
    ("ship_date_before_purchase", {}, {"ship_date": "2026-11-20"}),
    ("ship_date_too_far", {}, {"ship_date": "2031-01-01"}),
    ("wrong_account", {}, {"account_id": "another"}),
]


@pytest.mark.parametrize(("reason", "wish", "said"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_refusal_by_rule_is_answered_and_the_next_goes_through(
    start: Start, reason: str, wish: dict[str, Any], said: dict[str, Any]
) -> None:
    system = start(import_fba=True)
    (order_id,) = system.imported(**{"lines": TWO_LINES, "programs": [], **wish})
    if reason == "order_cancelled":
        system.amazon.change_order(order_id, lambda order, now: order.cancel("BUYER", "mistake", now))
        system.advance(180)
        system.import_now()
    (other,) = system.imported(lines=TWO_LINES, programs=[])
    system.store_says(event_id="bad", order_id=order_id, package_id="P1", **said)
    system.store_says(event_id="good", order_id=other)
    system.run_until_idle()
    rejected = one(system.events(ShipmentRejected))
    assert (rejected.reason, rejected.order_id, rejected.caused_by) == (reason, order_id, "bad")
    assert (rejected.package_id, rejected.amazon) == ("P1", None)
    assert rejected.message
    assert rejected.what_to_do
    assert system.packages(order_id) == {}
    assert one(system.events(ShipmentConfirmed)).caused_by == "good"
    assert not system.events(DeadLetter)


INVALID: list[tuple[str, dict[str, Any]]] = [
    ("tracking_number", {"tracking_number": ""}),
    ("carrier", {"carrier": 7}),
    ("ship_date", {"ship_date": "tomorrow"}),
    ("lines.0.quantity", {"lines": [{"sku": "MUG-BLUE", "quantity": 0}]}),
    ("lines.0", {"lines": [{"quantity": 1}]}),
]


@pytest.mark.parametrize(("field", "said"), INVALID, ids=[case[0] for case in INVALID])
def test_an_invalid_event_about_an_amazon_order_is_answered(system: System, field: str, said: dict[str, Any]) -> None:
    (order_id,) = system.imported(lines=TWO_LINES)
    system.store_says(event_id="bad", order_id=order_id, **said)
    system.store_says(order_id=order_id)
    system.run_until_idle()
    rejected = one(system.events(ShipmentRejected))
    assert (rejected.reason, rejected.order_id, rejected.caused_by) == ("invalid", order_id, "bad")
    assert field in rejected.message
    assert len(system.events(ShipmentConfirmed)) == 1
    assert not system.events(DeadLetter)
