"""Whose a package number is at Amazon, and what it has under it: other modules, lost answers, corrections under way."""

from __future__ import annotations

from typing import Any

import pytest

from orderbridge.accounts.change_settings import change_settings
from sandbox.clock import to_amazon
from schemas.shipments import ShipmentConfirmed, ShipmentRejected
from services.shipper import confirm
from tests.integration.services.test_late_shipments import MUGS, again
from tests.integration.services.test_shipping_crashes import kill_in_the_call
from tests.integration.services.test_shipping_doubts import retry
from tests.parts.in_process import ACCOUNT, System

THEIRS = "1Z999AA10123456784"


def change(system: System, **settings: Any) -> None:
    with system.database.unit_of_work() as work:
        change_settings(work, ACCOUNT, settings)
    system.run_until_idle()


def mugs(system: System, order_id: str, quantity: int) -> list[dict[str, Any]]:
    (line,) = system.amazon.books()["orders"][order_id]["lines"]
    return [{"order_item_id": line["order_item_id"], "quantity": quantity}]


def say(system: System, order_id: str, package_id: str, quantity: int, **more: Any) -> None:
    said = {"package_id": package_id, "tracking_number": f"T-{package_id}", **more}
    system.store_says(order_id=order_id, lines=mugs(system, order_id, quantity), **said)
    system.run_until_idle()


def confirm_past_us(system: System, order_id: str, quantity: int) -> None:
    """Another module gives Amazon its own first package of the order."""
    (item,) = mugs(system, order_id, quantity)
    detail = {
        "packageReferenceId": "1",
        "carrierCode": "UPS",
        "trackingNumber": THEIRS,
        "shipDate": to_amazon(system.now),
        "orderItems": [{"orderItemId": item["order_item_id"], "quantity": quantity}],
    }
    body = {"marketplaceId": system.amazon.books()["orders"][order_id]["marketplace_id"], "packageDetail": detail}
    system.amazon.confirm_shipment(order_id, body, system.amazon_account())


def trackings(system: System, order_id: str) -> dict[str, str]:
    found: dict[str, Any] = system.amazon.books()["orders"][order_id]["packages"]
    return {number: package["content"]["trackingNumber"] for number, package in found.items()}


def answers(system: System) -> dict[str | None, list[str]]:
    told: dict[str | None, list[str]] = {}
    for event in system.events(ShipmentConfirmed):
        told.setdefault(event.package_id, []).append("confirmed")
    for refused in system.events(ShipmentRejected):
        told.setdefault(refused.package_id, []).append(refused.reason)
    return told


def test_a_number_that_somebody_else_has_used_meanwhile_is_left_alone(anywhere: System) -> None:
    """Under the same number Amazon takes ours for an edit of theirs, which would be gone."""
    system = anywhere
    (order_id,) = system.imported(lines=MUGS)
    change(system, confirm_shipments=False)
    say(system, order_id, "P1", 1)
    confirm_past_us(system, order_id, 2)
    again(system)
    change(system, confirm_shipments=True)
    assert trackings(system, order_id) == {"1": THEIRS, "2": "T-P1"}
    assert answers(system) == {"P1": ["confirmed"]}
    say(system, order_id, "P1", 1, tracking_number="T-corrected")
    system.run_until_idle()
    assert trackings(system, order_id) == {"1": THEIRS, "2": "T-corrected"}


@pytest.mark.parametrize("delayed_by", ["a pause", "throttling"])
def test_what_amazon_does_not_show_yet_is_still_ours(
    system: System, monkeypatch: pytest.MonkeyPatch, delayed_by: str
) -> None:
    """An answer was lost, and Amazon, asked at once, did not show the package: its reads lag."""
    (order_id,) = system.imported(lines=MUGS)
    system.fault("confirmShipment", "drop_after_effect")
    monkeypatch.setattr(confirm, "_at_amazon", lambda *_: None)
    say(system, order_id, "P1", 1)
    if delayed_by == "a pause":
        change(system, confirm_shipments=False)
        system.advance(120)
    else:
        system.fault("confirmShipment", "429", count=3)
        system.advance(5)
    monkeypatch.undo()
    again(system)  # it is shown now, and counted among what has shipped
    assert trackings(system, order_id) == {"1": "T-P1"}
    say(system, order_id, "P2", 2)
    change(system, confirm_shipments=True)
    system.advance(3600)
    assert answers(system) == {"P1": ["confirmed"], "P2": ["confirmed"]}
    assert trackings(system, order_id) == {"1": "T-P1", "2": "T-P2"}


@pytest.mark.parametrize("kind", ["403", "400"])
@pytest.mark.parametrize("then", ["corrected", "retried", "said again"])
def test_a_refusal_says_nothing_of_the_call_whose_answer_was_lost(
    system: System, monkeypatch: pytest.MonkeyPatch, kind: str, then: str
) -> None:
    """Amazon took the first call and did not show it yet; the second it refused: the package is there all the same."""
    (order_id,) = system.imported(lines=MUGS)
    system.fault("confirmShipment", "drop_after_effect")
    monkeypatch.setattr(confirm, "_at_amazon", lambda *_: None)
    say(system, order_id, "P1", 1)
    system.fault("confirmShipment", kind)
    system.advance(5)
    assert len(answers(system)["P1"]) == 1, "it is refused"
    monkeypatch.undo()
    again(system)  # what Amazon has of it is shown now
    if then == "retried":
        retry(system, order_id, "P1")
    else:
        say(system, order_id, "P1", 1, tracking_number="T-corrected" if then == "corrected" else "T-P1")
    system.advance(600)
    assert trackings(system, order_id) == {"1": "T-corrected" if then == "corrected" else "T-P1"}
    assert answers(system)["P1"][0] == "confirmed"


def test_what_was_moved_out_of_a_package_waits_until_amazon_knows(system: System) -> None:
    (order_id,) = system.imported(lines=MUGS)
    say(system, order_id, "P1", 3)
    system.fault("confirmShipment", "503")
    say(system, order_id, "P1", 1)
    say(system, order_id, "P2", 2)
    system.advance(3600)
    assert answers(system) == {"P1": ["confirmed", "confirmed"], "P2": ["confirmed"]}
    packages = system.amazon.books()["orders"][order_id]["packages"].values()
    assert [package["content"]["orderItems"][0]["quantity"] for package in packages] == [1, 2]


def test_what_a_package_may_hold_at_amazon_is_waited_for(system: System) -> None:
    """Nobody knows whether Amazon took it, all three mugs in it, before it was corrected."""
    mug, teapot = [{"sku": "MUG-BLUE", "quantity": 3}], [{"sku": "TEAPOT-1L", "quantity": 1}]
    (order_id,) = system.imported(lines=mug + teapot)
    kill_in_the_call(system, order_id, after_effect=True, package_id="P1", tracking_number="T-P1", lines=mug)
    system.store_says(order_id=order_id, package_id="P1", tracking_number="T-P1", lines=teapot)
    system.store_says(order_id=order_id, package_id="P2", tracking_number="T-P2", lines=mug)
    system.advance(600)
    assert answers(system) == {"P1": ["confirmed", "superseded"], "P2": ["confirmed"]}
    assert trackings(system, order_id) == {"1": "T-P1", "2": "T-P2"}


def test_a_refused_package_does_not_wait_for_another_for_days(system: System) -> None:
    (order_id,) = system.imported(lines=MUGS)
    say(system, order_id, "P1", 3)
    say(system, order_id, "P1", 1, ship_date="2026-11-27")
    system.fault("confirmShipment", "400", count=1000)
    say(system, order_id, "P2", 2)
    system.advance(1800)
    assert answers(system)["P2"] == ["amazon_refused"]


def test_a_package_waits_for_another_after_an_hour_without_amazon(system: System) -> None:
    """What it was tried meanwhile says nothing of how long it has waited for the other's correction."""
    (order_id,) = system.imported(lines=MUGS)
    say(system, order_id, "P1", 3)
    for operation in ("confirmShipment", "getOrder"):
        system.fault(operation, "503", count=100_000)
    system.store_says(order_id=order_id, package_id="P1", tracking_number="T-P1", lines=mugs(system, order_id, 1))
    system.store_says(order_id=order_id, package_id="P2", tracking_number="T-P2", lines=mugs(system, order_id, 2))
    system.advance(3600)
    system.amazon.faults.clear()
    system.advance(3600)
    assert (answers(system)["P1"][-1], answers(system)["P2"]) == ("confirmed", ["confirmed"])


def test_what_amazon_refuses_beside_a_settled_package_is_refused(system: System) -> None:
    (order_id,) = system.imported(lines=MUGS)
    say(system, order_id, "P1", 1)
    system.fault("confirmShipment", "400")
    say(system, order_id, "P2", 2)
    assert [reasons[0] for reasons in answers(system).values()][1] != "confirmed"


def test_a_package_that_amazon_has_no_more_is_sent_again_when_it_is_said_again(system: System) -> None:
    (order_id,) = system.imported(lines=MUGS)
    say(system, order_id, "P1", 3)
    again(system)
    system.advance(3600)
    system.amazon.change_order(order_id, lambda order, now: order.delete_package("1", now))
    again(system)
    (difference,) = system.store.orders[order_id].package_differences
    assert (difference.kind, trackings(system, order_id)) == ("missing", {})
    say(system, order_id, "P1", 3)
    assert trackings(system, order_id) == {"1": "T-P1"}
    assert answers(system) == {"P1": ["confirmed", "confirmed"]}
    again(system)
    assert system.store.orders[order_id].package_differences == ()
