"""After a restore the shipper's packages are read from Amazon, before the store's events are read again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from orderbridge.database.models import PackageRow
from orderbridge.recovery import CannotRecover
from orderbridge.recovery.packages import Found
from orderbridge.shipment_slots import plan_slot
from sandbox.orders import Package
from schemas.shipments import ShipmentConfirmed, ShipmentRejected
from tests.parts.in_process import System
from tests.parts.restored import Restored


def numbers(system: System, order_id: str) -> dict[str, str]:
    """Amazon's books of an order: tracking number by package reference id."""
    return {number: package["content"]["trackingNumber"] for number, package in system.packages(order_id).items()}


def test_what_amazon_has_is_confirmed_and_not_sent_again(system: System) -> None:
    """The import comes first after the restore: without the package, all would count as shipped by hand."""
    (order_id,) = system.imported(lines=2)
    dump = Restored(system)
    dump.store_says(order_id=order_id, tracking_number="1Z1", carrier="UPS")
    before, calls = system.packages(order_id), system.calls("confirmShipment")
    dump.restore()
    assert dump.read_packages(answers_are_on_the_topic=False) == [Found(taken_over=1)]
    system.advance(180)
    system.import_now()
    dump.go_on()
    assert system.packages(order_id) == before
    assert system.calls("confirmShipment") == calls
    assert system.events(ShipmentRejected) == []
    (answer,) = system.events(ShipmentConfirmed)
    assert answer.caused_by == dump.answers[0].caused_by
    assert isinstance(dump.answers[0], ShipmentConfirmed)
    assert answer.lines == dump.answers[0].lines
    assert answer.package_reference_id == "1"


def test_without_it_the_store_would_be_refused(system: System) -> None:
    """What the test above guards against."""
    (order_id,) = system.imported(lines=2)
    dump = Restored(system)
    dump.store_says(order_id=order_id, tracking_number="1Z1")
    dump.restore()
    system.advance(180)
    system.import_now()
    dump.go_on()
    assert [event.reason for event in system.events(ShipmentRejected)] == ["confirmed_elsewhere"]


def test_an_answer_that_is_on_the_topic_is_not_told_again(system: System) -> None:
    (order_id,) = system.imported(lines=1)
    dump = Restored(system)
    dump.store_says(order_id=order_id)
    dump.restore()
    dump.read_packages()
    dump.go_on()
    assert system.events(ShipmentConfirmed) == []


@pytest.mark.parametrize("answers_are_there", [True, False])
def test_each_package_keeps_its_number_in_whatever_order_events_come(system: System, answers_are_there: bool) -> None:
    (order_id,) = system.imported(lines=3)
    lines = [line.order_item_id for line in system.store.orders[order_id].lines]
    dump = Restored(system)
    for name, item in zip("CAB", lines, strict=True):
        line = {"order_item_id": item, "quantity": 1}
        dump.store_says(order_id=order_id, package_id=name, tracking_number=f"1Z{name}", lines=[line])
    before = system.packages(order_id)
    dump.restore()
    assert dump.read_packages(answers_are_on_the_topic=answers_are_there) == [Found(taken_over=3)]
    dump.go_on(reversed(dump.said))
    assert numbers(system, order_id) == {"1": "1ZC", "2": "1ZA", "3": "1ZB"}
    assert system.packages(order_id) == before
    assert system.events(ShipmentRejected) == []


def test_a_correction_after_the_dump_stays(system: System) -> None:
    (order_id,) = system.imported(lines=1)
    dump = Restored(system)
    dump.store_says(order_id=order_id, package_id="A", tracking_number="1Z-OLD")
    dump.store_says(order_id=order_id, package_id="A", tracking_number="1Z-NEW")
    before = system.packages(order_id)
    dump.restore()
    dump.read_packages()
    dump.go_on()
    assert numbers(system, order_id) == {"1": "1Z-NEW"}
    assert system.packages(order_id) == before
    assert system.events(ShipmentRejected) == []


def test_a_correction_that_amazon_has_not_had_is_sent_under_the_same_number(system: System) -> None:
    (order_id,) = system.imported(lines=1)
    dump = Restored(system)
    dump.store_says(order_id=order_id, package_id="A", tracking_number="1Z-OLD")
    dump.said.append(system.store_says(order_id=order_id, package_id="A", tracking_number="1Z-NEW"))
    dump.restore()
    dump.read_packages()
    dump.go_on()
    assert numbers(system, order_id) == {"1": "1Z-NEW"}
    assert [event.tracking_number for event in system.events(ShipmentConfirmed)] == ["1Z-NEW"]


def test_a_package_that_waited_in_the_dump_is_settled(system: System) -> None:
    (order_id,) = system.imported(lines=1)
    system.fault("confirmShipment", "503")
    first = system.store_says(order_id=order_id)
    system.run_until_idle()
    dump = Restored(system)
    system.advance(60)
    before, calls = system.packages(order_id), system.calls("confirmShipment")
    assert numbers(system, order_id) == {"1": "1Z1"}
    dump.restore()
    assert dump.read_packages(answers_are_on_the_topic=False) == [Found(settled=1)]
    dump.go_on([first])
    assert system.packages(order_id) == before
    assert system.calls("confirmShipment") == calls
    assert len(system.events(ShipmentConfirmed)) == 1


def test_a_package_that_was_held_in_the_dump_is_settled(start: Callable[..., System]) -> None:
    """Shipments were paused when the dump was made, and have been sent since."""
    system = start(confirm_shipments=False)
    (order_id,) = system.imported(lines=1)
    first = system.store_says(order_id=order_id)
    system.run_until_idle()
    dump = Restored(system)
    system.set_account(confirm_shipments=True)
    with system.database.unit_of_work() as work:
        plan_slot(work, "main")
    system.run_until_idle()
    before, calls = system.packages(order_id), system.calls("confirmShipment")
    assert numbers(system, order_id) == {"1": "1Z1"}
    dump.restore()
    assert dump.read_packages() == [Found(settled=1)]
    dump.go_on([first])
    assert (system.packages(order_id), system.calls("confirmShipment")) == (before, calls)


def test_what_a_newer_event_superseded_is_not_answered_again(system: System) -> None:
    (order_id,) = system.imported(lines=1)
    dump = Restored(system)
    system.fault("confirmShipment", "503")
    dump.store_says(order_id=order_id, package_id="A", tracking_number="1Z-OLD")
    dump.store_says(order_id=order_id, package_id="A", tracking_number="1Z-NEW")
    system.advance(60)
    assert [event.reason for event in system.events(ShipmentRejected)] == ["superseded"]
    assert numbers(system, order_id) == {"1": "1Z-NEW"}
    dump.restore()
    dump.read_packages()
    dump.go_on()
    assert system.events(ShipmentRejected) == []
    assert numbers(system, order_id) == {"1": "1Z-NEW"}


def test_a_number_that_nobody_explains_is_not_given_again(system: System) -> None:
    """Somebody confirmed a package in another program, whose number is ours to be."""
    (order_id,) = system.imported(lines=2)
    items = [line.order_item_id for line in system.store.orders[order_id].lines]
    dump = Restored(system)
    dump.store_says(order_id=order_id, tracking_number="1Z-FOREIGN", lines=[{"order_item_id": items[0], "quantity": 1}])
    dump.restore()
    foreign = system.packages(order_id)["1"]
    dump.answers, dump.said = [], []
    own: dict[str, Any] = {
        "order_id": order_id,
        "package_id": "OWN",
        "lines": [{"order_item_id": items[1], "quantity": 1}],
    }
    dump.said.append(system.store_says(**own, tracking_number="1Z-OWN"))
    system._queue.clear()
    dump.read_packages()
    dump.go_on()
    assert numbers(system, order_id) == {"1": "1Z-FOREIGN", "2": "1Z-OWN"}
    assert system.packages(order_id)["1"] == foreign


def test_what_amazon_does_not_show_yet_is_asked_again_under_its_number(system: System) -> None:
    (order_id,) = system.imported(lines=1)
    dump = Restored(system)
    dump.store_says(order_id=order_id)
    dump.restore()
    hidden: dict[str, Package] = {}
    system.amazon.change_order(order_id, lambda order, _: _move(order.packages, hidden))
    dump.read_packages()
    system.amazon.change_order(order_id, lambda order, _: _move(hidden, order.packages))
    calls = system.calls("confirmShipment")
    dump.go_on()
    assert system.calls("confirmShipment") == calls
    with system.database.unit_of_work() as work:
        row = work.session.scalars(select(PackageRow)).one()
    assert (row.reference_id, row.state) == (1, "confirmed")


def _move(packages: dict[str, Package], to: dict[str, Package]) -> None:
    to.update(packages)
    packages.clear()


def test_an_order_that_came_after_the_dump(system: System) -> None:
    dump = Restored(system)
    (order_id,) = system.imported(lines=1)
    dump.store_says(order_id=order_id)
    before = system.packages(order_id)
    dump.restore()
    assert dump.read_packages() == [Found(taken_over=1)]
    dump.go_on()
    system.advance(900)
    assert system.packages(order_id) == before
    assert order_id in system.store.orders
    assert system.events(ShipmentRejected) == []


def test_it_goes_on_where_it_was_interrupted(system: System) -> None:
    order_ids = system.imported(count=3, lines=1)
    dump = Restored(system)
    for order_id in order_ids:
        dump.store_says(order_id=order_id, tracking_number=f"1Z{order_id}")
    dump.restore()
    packages = dump.packages()
    first, *others = packages.orders(dump.topics())
    packages.read(first, dump.wait)
    assert [order.order_id for order in dump.packages().orders(dump.topics())] == [one.order_id for one in others]


def test_faults_and_the_quota_are_waited_for(system: System) -> None:
    (order_id,) = system.imported(lines=1)
    dump = Restored(system)
    dump.store_says(order_id=order_id)
    dump.restore()
    for kind in ("503", "429", "timeout", "html"):
        system.fault("getOrder", kind)
    assert dump.read_packages() == [Found(taken_over=1)]


def test_a_lasting_fault_ends_it_with_what_to_do(system: System) -> None:
    (order_id,) = system.imported(lines=1)
    dump = Restored(system)
    dump.store_says(order_id=order_id)
    dump.restore()
    system.fault("getOrder", "503", count=20)
    with pytest.raises(CannotRecover, match="Recover again later: what is done stays done"):
        dump.read_packages()
    system.amazon.faults.clear()
    assert dump.read_packages() == [Found(taken_over=1)]


def test_a_revoked_consent_is_said(system: System) -> None:
    (order_id,) = system.imported(lines=1)
    dump = Restored(system)
    dump.store_says(order_id=order_id)
    dump.restore()
    system.amazon.change_account("main", consent=False)
    with pytest.raises(CannotRecover, match="orderbridge accounts connect main"):
        dump.read_packages()


def test_an_order_that_amazon_does_not_know(system: System) -> None:
    dump = Restored(system)
    dump.store_says(order_id="111-1111111-1111111")
    dump.restore()
    assert dump.read_packages() == [Found(is_known=False)]
    assert dump.read_packages() == []


def test_what_is_not_amazons_is_not_asked_about(system: System) -> None:
    dump = Restored(system)
    dump.store_says(order_id="SHOP-7")
    dump.said.append(system.produce("order.shipped", b"no JSON"))
    system.run_until_idle()
    dump.restore()
    assert dump.packages().orders(dump.topics()) == []
