"""The store's books: upserts, answers, queues."""

from __future__ import annotations

from services.storefront.api import summary
from tests.parts.contract import EXAMPLES
from tests.parts.storefront import ITEM, ORDER, Scribe


def test_the_highest_sequence_stays(scribe: Scribe) -> None:
    for sequence in (5, 9, 7, 9):
        scribe.read("order.updated", sequence=sequence, ship_to_country=f"C{sequence}")
    order = scribe.books.order(ORDER)
    assert (order.event.sequence, order.event.ship_to_country) == (9, "C9")
    assert list(order.received.values()) == ["order.updated"] * 4
    assert scribe.books.accounts() == {"main": {}}


def test_what_was_held_stays_settled_though_read_late(scribe: Scribe) -> None:
    scribe.read("order.imported")
    scribe.ship("s1")
    scribe.confirm("s1")
    scribe.read("shipment.held", caused_by="s1")
    (shipment,) = scribe.books.shipments()
    assert (shipment.state, len(shipment.answers)) == ("confirmed", 2)


def test_a_warning_is_no_answer_and_is_shown_beside_one(scribe: Scribe) -> None:
    scribe.read("order.imported")
    scribe.ship("s1")
    scribe.read("shipment.warned", caused_by="s1")
    assert scribe.books.shipments()[0].state == "sent"
    scribe.confirm("s1")
    scribe.read("shipment.warned", caused_by="s1", reason="tracking_number_doubtful")
    (shipment,) = scribe.books.shipments()
    assert (shipment.state, len(shipment.answers)) == ("confirmed", 3)
    assert scribe.queue() == "Shipped"


def test_a_shipment_in_short_says_what_amazon_took(scribe: Scribe) -> None:
    scribe.ship("s1")
    assert summary(scribe.books.shipments()[0])["confirmed"] is None
    scribe.confirm("s1", quantity=1)
    scribe.confirm("typed by hand")
    by_id = {shipment.event_id: summary(shipment) for shipment in scribe.books.shipments()}
    ours, typed = by_id["s1"], by_id["typed by hand"]
    assert (ours["carrier"], typed["carrier"]) == ("UPS", None)
    assert ours["confirmed"] == {
        "package_reference_id": EXAMPLES["shipment.confirmed"]["package_reference_id"],
        "lines": [{"order_item_id": ITEM, "quantity": 1}],
    }


def test_what_is_unsent_comes_as_it_was_said(scribe: Scribe) -> None:
    for name in ("s1", "s2"):
        scribe.ship(name, package_id=name)
    unsent = scribe.books.unsent()
    assert [(shipment.event_id, event.package_id) for shipment, event in unsent] == [("s1", "s1"), ("s2", "s2")]
    for shipment, _ in unsent:
        scribe.books.mark(shipment, sent=True)
    assert scribe.books.unsent() == []
    scribe.books.mark(unsent[1][0], sent=False)
    assert scribe.books.unsent() == unsent[1:]


def test_the_queues(scribe: Scribe) -> None:
    scribe.read("order.imported")
    assert scribe.queue() == "New"
    scribe.read("order.imported", sequence=2**50, cancel_requested={"requested_by": "buyer"})
    assert scribe.queue() == "Hold"
    scribe.ship("s1", package_id="P1")
    assert scribe.queue() == "Processing"
    scribe.read("shipment.rejected", caused_by="s1")
    assert scribe.queue() == "Hold"
    scribe.ship("s2", package_id="P1")
    scribe.confirm("s2", quantity=1)
    assert scribe.queue() == "Partial"
    scribe.ship("s3", package_id="P1")  # corrects P1: no further unit
    scribe.confirm("s3", quantity=1)
    assert scribe.queue() == "Partial"
    scribe.ship("s4", package_id="P2")
    scribe.confirm("s4", quantity=1)
    assert scribe.queue() == "Shipped"
    cancelled = {**EXAMPLES["order.updated"]["store"], "status": {"id": "6", "name": "Cancel"}}
    scribe.read("order.updated", sequence=2**51, amazon_status="cancelled", store=cancelled)
    assert scribe.queue() == "Cancel"


def test_orders_that_amazon_ships_stay_where_the_settings_put_them(scribe: Scribe) -> None:
    scribe.read("order.imported", fulfilled_by="amazon", personal_data={"state": "missing"})
    scribe.ship("s1")
    assert scribe.queue() == "New"
