"""The store's books: upserts, answers, queues."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import tests.parts.kafka_python  # noqa: F401 - before orderbridge.store, which imports Kafka
from orderbridge.store import Received
from schemas.events import EVENTS
from schemas.personal_data import PersonalData
from schemas.shipments import OrderShipped
from services.storefront.books import Books
from services.storefront.pages import order_page, orders_page
from tests.parts.contract import EXAMPLES

ORDER = EXAMPLES["order.imported"]["order_id"]
ITEM = EXAMPLES["order.imported"]["lines"][0]["order_item_id"]
BEGINNING = datetime(2026, 11, 23, 9, tzinfo=UTC)


class Scribe:
    """Writes into books what a store would read, each event a second after the one before."""

    def __init__(self, path: Path) -> None:
        self.books = Books(path)
        self._count = 0

    def read(self, event_type: str, **changes: Any) -> None:
        """The store reads this event."""
        self._count += 1
        event = EVENTS[event_type].model_validate({**EXAMPLES[event_type], **changes})
        said_at = BEGINNING + timedelta(seconds=self._count)
        self.books.keep(Received(event, f"event-{self._count}", "orderbridge", said_at, f"{event_type}/0/0"))

    def ship(self, event_id: str, package_id: str | None = None, tracking_number: str = "1Z") -> None:
        """The store ships a package."""
        event = OrderShipped(order_id=ORDER, carrier="UPS", tracking_number=tracking_number, package_id=package_id)
        self.books.ship(event_id, event)

    def confirm(self, event_id: str, quantity: int = 2) -> None:
        """Amazon has taken it."""
        lines = [{"order_item_id": ITEM, "quantity": quantity}]
        self.read("shipment.confirmed", caused_by=event_id, lines=lines)

    def queue(self) -> str:
        """The order's queue."""
        order = self.books.order(ORDER)
        assert order is not None
        return order.queue()


@pytest.fixture
def scribe(tmp_path: Path) -> Scribe:
    """Empty books."""
    return Scribe(tmp_path / "folder" / "books.sqlite")


def test_the_highest_sequence_stays(scribe: Scribe) -> None:
    for sequence in (5, 9, 7, 9):
        scribe.read("order.updated", sequence=sequence, ship_to_country=f"C{sequence}")
    order = scribe.books.order(ORDER)
    assert order is not None
    assert (order.event.sequence, order.event.ship_to_country) == (9, "C9")
    assert scribe.books.events() == {ORDER: {"order.updated": 4}}
    assert scribe.books.accounts() == ["main"]


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
    assert scribe.books.shipments()[0].summary()["confirmed"] is None
    scribe.confirm("s1", quantity=1)
    scribe.confirm("typed by hand")
    ours, typed = (shipment.summary() for shipment in scribe.books.shipments())
    assert (ours["carrier"], typed["carrier"]) == ("UPS", None)
    assert ours["confirmed"] == {
        "package_reference_id": EXAMPLES["shipment.confirmed"]["package_reference_id"],
        "lines": [{"order_item_id": ITEM, "quantity": 1}],
    }


def test_unanswered_shipments_are_sent_again_with_what_was_said(scribe: Scribe) -> None:
    for name in ("s1", "s2"):
        scribe.ship(name, package_id=name)
    unsent = scribe.books.unsent()
    assert [event_id for event_id, *_ in unsent] == ["s1", "s2"]
    for name in ("s1", "s2"):
        scribe.books.mark_sent(name)
    assert scribe.books.unsent() == []
    scribe.read("shipment.held", caused_by="s1")
    scribe.confirm("typed by hand")
    scribe.books.send_unanswered_again()
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


def test_the_page_escapes_what_it_shows(scribe: Scribe) -> None:
    evil = "<script>alert(1)</script>"
    line = {**EXAMPLES["order.imported"]["lines"][0], "title": evil}
    store = {**EXAMPLES["order.imported"]["store"], "order_number": evil, "status": {"id": "1", "name": evil}}
    scribe.read("order.imported", lines=[line], store=store)
    scribe.ship("s1", tracking_number=evil)
    scribe.read("shipment.rejected", caused_by="s1", message=evil, what_to_do=evil)
    page = orders_page(scribe.books.orders(), scribe.books.sales())
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 6


def test_the_page_shows_each_package_once_and_a_rejection_without_a_number(scribe: Scribe) -> None:
    scribe.read("order.imported")
    for event_id in ("s1", "s2"):
        scribe.ship(event_id, package_id="P1")
        scribe.confirm(event_id)
    scribe.read("shipment.rejected", caused_by="by-hand", package_id=None, tracking_number=None)
    page = orders_page(scribe.books.orders(), scribe.books.sales())
    assert page.count("1Z: confirmed") == 1
    assert "(no tracking number): rejected" in page
    assert "None:" not in page


def test_the_sales_report_leaves_an_account_out_also_for_orders_already_there(scribe: Scribe) -> None:
    scribe.read("order.imported")
    scribe.read("order.imported", order_id="2")
    scribe.read("order.imported", order_id="3", amazon_status="cancelled")
    scribe.read("order.imported", order_id="4", account_id="other")
    assert scribe.books.sales() == {
        "currencies": [{"currency": "USD", "orders": 3, "total": "74.91"}],
        "orders_not_considered": 0,
    }
    scribe.read("account.settings", account_id="main", exclude_from_sales_reports=True)
    assert scribe.books.sales() == {
        "currencies": [{"currency": "USD", "orders": 1, "total": "24.97"}],
        "orders_not_considered": 3,
    }
    scribe.read("account.settings", account_id="main", exclude_from_sales_reports=False)
    assert scribe.books.sales()["orders_not_considered"] == 0


def test_the_page_of_an_order_shows_who_bought_it_and_the_list_does_not(scribe: Scribe) -> None:
    scribe.read("order.imported")
    (order,) = scribe.books.orders()
    buyer = PersonalData(first_name="Ada", last_name="<b>Byron", address_lines=("1 Row",), city="Town", country="US")
    page = order_page(order, buyer)
    assert "Ada &lt;b&gt;Byron, 1 Row, Town US" in page
    assert "sealed" in order_page(order, None)
    listed = orders_page(scribe.books.orders(), scribe.books.sales())
    assert f'href="/orders/{order.event.order_id}"' in listed
    assert "Byron" not in listed
