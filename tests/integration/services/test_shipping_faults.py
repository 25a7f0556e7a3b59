"""A shipment while Amazon is unwell, or we are: each package stands in Amazon's books once, with the right content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orderbridge.amazon.operations import CONFIRM_SHIPMENT
from orderbridge.database.models import PackageRow
from schemas.shipments import ShipmentConfirmed, ShipmentRejected
from tests.parts.in_process import System

LINES = [{"sku": "MUG-BLUE", "quantity": 3}, {"sku": "TEAPOT-1L", "quantity": 1}]
KINDS = ["429", "500", "503", "timeout", "html", "truncated", "drop_before_effect", "drop_after_effect"]
TAKES_EFFECT = ("drop_after_effect", "truncated")


def package(system: System, order_id: str) -> dict[str, Any]:
    (only,) = system.packages(order_id).values()
    return only


def row(system: System, order_id: str, key: str = "tracking:1Z1") -> PackageRow:
    with system.database.unit_of_work() as work:
        return work.session.get_one(PackageRow, (order_id, key))


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_the_call(system: System, kind: str) -> None:
    (order_id,) = system.imported(lines=LINES)
    system.fault("confirmShipment", kind)
    system.store_says(order_id=order_id)
    system.run_until_idle()
    assert not system.events(ShipmentConfirmed)  # nothing is told the store before we know
    system.advance(120)
    assert package(system, order_id)["calls"] == 1
    assert len(system.events(ShipmentConfirmed)) == 1
    assert not system.events(ShipmentRejected)
    asked = 0 if kind == "429" else 1  # a 429 surely took no effect: nothing to ask
    assert sum(system.calls("getOrder").values()) == asked
    assert sum(system.calls("confirmShipment").values()) == (1 if kind in TAKES_EFFECT else 2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_the_question_too(system: System, kind: str) -> None:
    (order_id,) = system.imported(lines=LINES)
    system.fault("confirmShipment", "drop_after_effect")
    system.fault("getOrder", kind)
    system.store_says(order_id=order_id)
    system.advance(300)
    assert (package(system, order_id)["calls"], package(system, order_id)["identical"]) == (1, 0)
    assert len(system.events(ShipmentConfirmed)) == 1
    assert sum(system.calls("getOrder").values()) == 2


def test_a_long_outage(system: System) -> None:
    order_ids = system.imported(count=5, lines=LINES)
    system.fault("confirmShipment", "503", count=20)
    for order_id in order_ids:
        system.store_says(order_id=order_id)
    system.advance(4 * 3600)
    for order_id in order_ids:
        assert package(system, order_id)["calls"] == 1
    assert len(system.events(ShipmentConfirmed)) == 5


@pytest.mark.parametrize("kind", TAKES_EFFECT)
@pytest.mark.parametrize("lines", [None, "all that is left"])
@pytest.mark.parametrize(("package_id", "holds"), [("P1", {"1Z2": 3}), ("P2", {"1Z1": 2, "1Z2": 1})])
def test_what_an_unsure_call_shipped_was_not_shipped_by_hand(
    system: System, kind: str, lines: str | None, package_id: str, holds: dict[str, int]
) -> None:
    """The order comes with Amazon's count of what has shipped before we know that it was us."""
    (order_id,) = system.imported(lines=LINES[:1])
    system.advance(180)
    system.fault("confirmShipment", kind)
    system.store_says(order_id=order_id, package_id="P1", lines=[{"sku": "MUG-BLUE", "quantity": 2}])
    system.fault("getOrder", "503", count=8)
    system.advance(180)
    system.import_now()
    assert row(system, order_id, "P1").unsure
    assert system.told_of_orders()[-1].lines[0].quantity_shipped == 2
    named = lines and [{"sku": "MUG-BLUE", "quantity": holds["1Z2"]}]
    system.store_says(order_id=order_id, package_id=package_id, tracking_number="1Z2", lines=named)
    system.advance(3600)
    assert {event.reason for event in system.events(ShipmentRejected)} <= {"superseded"}
    found = {
        package["content"]["trackingNumber"]: sum(item["quantity"] for item in package["content"]["orderItems"])
        for package in system.packages(order_id).values()
    }
    assert found == holds


@pytest.mark.parametrize("kind", ["drop_before_effect", "drop_after_effect"])
@pytest.mark.parametrize("change", [{"carrier": "fedex"}, {"ship_date": "2026-11-24"}, {"shipping_method": "Air"}])
def test_a_correction_whose_answer_is_lost_arrives(system: System, kind: str, change: dict[str, str]) -> None:
    """Amazon shows the package, but perhaps as it was before: that is no proof that the correction arrived."""
    (order_id,) = system.imported(lines=LINES)
    system.store_says(order_id=order_id, package_id="P1", ship_date="2026-11-24T09:01:00Z")
    system.run_until_idle()
    before = package(system, order_id)["content"]
    system.advance(600)
    system.fault("confirmShipment", kind)
    said: dict[str, Any] = {"ship_date": "2026-11-24T09:01:00Z", **change}
    system.store_says(order_id=order_id, package_id="P1", **said)
    system.advance(120)
    content = package(system, order_id)["content"]
    assert content != before
    name = {"carrier": "carrierCode", "ship_date": "shipDate", "shipping_method": "shippingMethod"}[next(iter(change))]
    assert content[name] != before.get(name)
    assert len(system.events(ShipmentConfirmed)) == 2


def cancelled(system: System, order_id: str) -> None:
    system.amazon.change_order(order_id, lambda order, now: order.cancel("BUYER", "mistake", now))


def without_roles(system: System, _order_id: str) -> None:
    system.amazon.save_account(system.amazon_account().model_copy(update={"roles": []}))


def unknown_at_amazon(system: System, order_id: str) -> None:
    system.amazon._database.connection.execute("DELETE FROM orders WHERE order_id = ?", (order_id,))


@pytest.mark.parametrize(
    ("status", "code", "words", "happens"),
    [
        (400, "InvalidInput", "cancelled", cancelled),
        (403, "Unauthorized", "Access to requested resource is denied", without_roles),
        (404, None, "", unknown_at_amazon),
    ],
)
def test_a_refusal_is_told_in_amazons_words(
    system: System, status: int, code: str | None, words: str, happens: Callable[[System, str], None]
) -> None:
    (order_id,) = system.imported(lines=LINES)
    happens(system, order_id)
    system.store_says(event_id="e-1", order_id=order_id, package_id="P1")
    system.advance(600)
    (rejected,) = system.events(ShipmentRejected)
    assert (rejected.reason, rejected.caused_by, rejected.package_id) == ("amazon_refused", "e-1", "P1")
    assert rejected.amazon is not None
    assert rejected.amazon.status == status
    assert code in (None, rejected.amazon.code)
    assert words in (rejected.amazon.message or "")
    assert rejected.amazon.message
    assert rejected.amazon.message in rejected.message
    assert sum(system.calls("confirmShipment").values()) == 1  # a refusal is not tried again
    assert row(system, order_id, "P1").state == "rejected"


def test_a_refused_package_is_sent_again_when_it_was_mended(system: System) -> None:
    (order_id,) = system.imported(lines=LINES)
    without_roles(system, order_id)
    system.store_says(order_id=order_id, package_id="P1")
    system.run_until_idle()
    system.amazon.save_account(system.amazon_account())
    system.store_says(order_id=order_id, package_id="P1")
    system.run_until_idle()
    assert len(system.events(ShipmentRejected)) == len(system.events(ShipmentConfirmed)) == 1
    assert package(system, order_id)["calls"] == 1


def test_many_at_once_keep_amazons_pace_the_most_urgent_first(system: System) -> None:
    relaxed = system.imported(count=30, programs=[], lines=LINES)
    urgent = system.imported(count=5, programs=["PRIME"], lines=LINES)
    for order_id in (*relaxed, *urgent):
        system.store_says(order_id=order_id)
    system.run_until_idle()
    assert len(system.events(ShipmentConfirmed)) == CONFIRM_SHIPMENT.burst - 1
    system.advance(60)
    confirmed = [event.order_id for event in system.events(ShipmentConfirmed)]
    assert sorted(confirmed) == sorted((*relaxed, *urgent))
    assert system.calls("confirmShipment") == {"204": 35}  # no 429
    waited = confirmed[CONFIRM_SHIPMENT.burst - 1 :]
    by = [system.store.orders[order_id].ship_by for order_id in waited]
    assert by == sorted(by, key=str)
    assert len(set(by)) > 1


def test_an_order_unknown_while_getorder_is_down_waits(system: System) -> None:
    """It is asked for again and again meanwhile; once it is there, nobody asks Amazon any more."""
    (order_id,) = system.place_orders(lines=LINES)
    system.fault("getOrder", "503", count=4)
    system.store_says(order_id=order_id)
    system.advance(900)
    assert len(system.events(ShipmentConfirmed)) == 1
    assert package(system, order_id)["calls"] == 1
    assert system.calls("getOrder") == {"503": 4, "200": 1}
