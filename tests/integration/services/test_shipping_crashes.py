"""A shipper that dies in its call, and corrections while one is in flight: Amazon is asked before it is told."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from orderbridge.amazon import confirm_shipment
from orderbridge.database.models import Attempt, PackageRow
from schemas.shipments import ShipmentConfirmed, ShipmentRejected
from services.shipper import confirm, outcome
from services.shipper.confirm import CLAIM
from tests.parts.in_process import Killed, System

LINES = [{"sku": "MUG-BLUE", "quantity": 3}, {"sku": "TEAPOT-1L", "quantity": 1}]


def package(system: System, order_id: str) -> dict[str, Any]:
    (only,) = system.packages(order_id).values()
    return only


def row(system: System, order_id: str, key: str = "tracking:1Z1") -> PackageRow:
    with system.database.unit_of_work() as work:
        return work.session.get_one(PackageRow, (order_id, key))


def expire(system: System) -> None:
    """A dead process's claim runs out."""
    system.advance(CLAIM.total_seconds() + 1)


@pytest.mark.parametrize("trouble", ["login", "refusal"])
def test_a_question_that_could_not_be_put(system: System, trouble: str) -> None:
    """We crashed in the call. When the login fails we are as unsure as before; a refused question is no refusal."""
    (order_id,) = system.imported(lines=LINES)
    kill_in_the_call(system, order_id, after_effect=True)
    account = system.amazon_account()
    if trouble == "login":
        system.fault("login", "503")
    else:
        system.amazon.save_account(account.model_copy(update={"roles": []}))
    system.run_until_idle()
    system.clock.advance(CLAIM.total_seconds() + 1)
    system.run_until_idle()
    system.amazon.save_account(account)
    system.advance(120)
    assert len(system.events(ShipmentConfirmed)) == 1
    assert not system.events(ShipmentRejected)
    if trouble == "login":
        assert system.calls("getOrder") == {"200": 1}
        assert package(system, order_id)["calls"] == 1
    else:
        assert system.calls("getOrder") == {"403": 1}
        assert package(system, order_id)["calls"] == 2  # the same package, said again


def kill_in_the_call(system: System, order_id: str, *, after_effect: bool, **said: Any) -> None:
    """The shipper's process dies in its call to Amazon, before or after it took effect; then it starts anew."""
    whole = confirm_shipment

    def die(*arguments: Any) -> None:
        if after_effect:
            whole(*arguments)
        raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(confirm, "confirm_shipment", die)
        system.store_says(order_id=order_id, **said)
        with pytest.raises(Killed):
            system.run_until_idle()
    system.restart()


@pytest.mark.parametrize("after_effect", [True, False])
def test_killed_in_the_call(anywhere: System, after_effect: bool) -> None:
    system = anywhere
    (order_id,) = system.imported(lines=LINES)
    kill_in_the_call(system, order_id, after_effect=after_effect)
    with system.database.unit_of_work() as work:
        attempts = work.session.scalars(select(Attempt).where(Attempt.operation == "confirmShipment")).all()
    assert [attempt.outcome for attempt in attempts] == [None]  # cut off, and it shows
    system.run_until_idle()
    assert not system.events(ShipmentConfirmed)  # its claim stands
    expire(system)
    assert system.calls("getOrder") == {"200": 1}  # asked before anything else
    assert (package(system, order_id)["calls"], package(system, order_id)["identical"]) == (1, 0)
    assert len(system.events(ShipmentConfirmed)) == 1
    assert row(system, order_id).state == "confirmed"


def test_killed_after_the_outcome_before_its_transaction(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    (order_id,) = system.imported(lines=LINES)

    def die(*_arguments: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(outcome, "confirmed", die)
        system.store_says(order_id=order_id)
        with pytest.raises(Killed):
            system.run_until_idle()
    system.restart()
    expire(system)
    assert package(system, order_id)["calls"] == 1
    assert len(system.events(ShipmentConfirmed)) == 1


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_correction_after_a_crash_is_what_amazon_has_in_the_end(system: System, after_effect: bool) -> None:
    (order_id,) = system.imported(lines=LINES)
    kill_in_the_call(system, order_id, after_effect=after_effect, package_id="P1", tracking_number="OLD")
    system.store_says(order_id=order_id, package_id="P1", tracking_number="NEW", carrier="fedex")
    expire(system)
    content = package(system, order_id)["content"]
    assert (content["trackingNumber"], content["carrierCode"]) == ("NEW", "FedEx")
    assert [event.tracking_number for event in system.events(ShipmentConfirmed)] == ["NEW"]


def test_a_correction_while_the_call_is_in_flight(anywhere: System, monkeypatch: pytest.MonkeyPatch) -> None:
    system = anywhere
    (order_id,) = system.imported(lines=LINES)
    whole, outcomes = confirm_shipment, list[str]()

    def correct_meanwhile(*arguments: Any) -> Any:
        if not outcomes:
            correction = b'{"order_id": "%s", "package_id": "P1", "carrier": "UPS", "tracking_number": "NEW"}'
            second = system.produce("order.shipped", correction % order_id.encode())
            outcomes.append(system.pipelines["order.shipped"].process(second))
        return whole(*arguments)

    monkeypatch.setattr(confirm, "confirm_shipment", correct_meanwhile)
    system.store_says(order_id=order_id, package_id="P1", tracking_number="OLD")
    system.advance(120)
    assert outcomes == ["handled"]
    assert package(system, order_id)["content"]["trackingNumber"] == "NEW"
    assert package(system, order_id)["calls"] == 2
    assert [event.tracking_number for event in system.events(ShipmentConfirmed)] == ["OLD", "NEW"]
    assert row(system, order_id, "P1").state == "confirmed"


def test_a_correction_while_a_refused_call_is_in_flight(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal was for the old content: the new one is sent, and Amazon's words are told nobody."""
    (order_id,) = system.imported(lines=LINES)
    whole, first = confirm_shipment, [True]

    def correct_meanwhile(connection: Any, order: str, marketplace: str, content: Any) -> Any:
        if first and first.pop():
            system.pipelines["order.shipped"].process(
                system.store_says(order_id=order_id, package_id="P1", tracking_number="NEW")
            )
            marketplace = "A1PA6795UKMFR9"
        return whole(connection, order, marketplace, content)

    monkeypatch.setattr(confirm, "confirm_shipment", correct_meanwhile)
    system.store_says(order_id=order_id, package_id="P1", tracking_number="OLD")
    system.advance(120)
    assert [(event.reason, event.tracking_number) for event in system.events(ShipmentRejected)] == [
        ("superseded", "OLD")
    ]
    assert package(system, order_id)["content"]["trackingNumber"] == "NEW"


def test_a_claim_that_was_taken_over_leaves_the_outcome_to_the_other(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order_id,) = system.imported(lines=LINES)
    whole, first = confirm_shipment, [True]

    def stall(*arguments: Any) -> Any:
        answer = whole(*arguments)
        if first and first.pop():
            system.clock.advance(CLAIM.total_seconds() + 1)  # longer than the claim: another takes the package up
            due = system.produce("shipment.due", b'{"account_id": "main"}')
            system.pipelines["shipment.due"].process(due)
        return answer

    monkeypatch.setattr(confirm, "confirm_shipment", stall)
    system.store_says(order_id=order_id)
    system.advance(300)
    assert package(system, order_id)["calls"] == 1
    assert len(system.events(ShipmentConfirmed)) == 1


def test_an_outcome_stands_though_another_shipper_read_the_same_event_meanwhile(
    anywhere: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebalance in the middle of the call."""
    system = anywhere
    (order_id,) = system.imported(lines=LINES)
    whole, others = confirm_shipment, list[str]()

    def read_elsewhere(*arguments: Any) -> Any:
        answer = whole(*arguments)
        others.append(system.pipelines["order.shipped"].process(message))
        return answer

    monkeypatch.setattr(confirm, "confirm_shipment", read_elsewhere)
    message = system.store_says(order_id=order_id)
    system.run_until_idle()
    assert others == ["handled"]
    assert len(system.events(ShipmentConfirmed)) == 1
    system.advance(300)
    assert (system.calls("confirmShipment"), system.calls("getOrder")) == ({"204": 1}, {})
