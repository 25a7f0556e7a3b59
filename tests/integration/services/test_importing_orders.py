"""What becomes of an order at its import: which are sent, which are not, and what an update says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from orderbridge.accounts import find_account
from orderbridge.amazon import Order as AmazonOrder
from orderbridge.database.models import OrderRow, PersonalDataRow
from sandbox.orders import Order
from sandbox.views import DATASETS
from schemas.imports import ImportFinished
from schemas.orders import OrderEvent, OrderImported, OrderUpdated
from schemas.personal_data import PersonalData
from services.importer.orders import store_order
from tests.integration.services.conftest import Start
from tests.parts.hand_clock import START
from tests.parts.in_process import System

MUG = [{"sku": "MUG-BLUE", "quantity": 2}]


def again(system: System) -> None:
    """Amazon's lag passes, and the next import runs."""
    system.advance(180)
    system.import_now()


def ship_at_amazon(system: System, order_id: str, quantity: int = 1) -> None:
    """The seller confirms mugs in Seller Central, past us."""
    book = system.amazon.books()["orders"][order_id]
    detail = {
        "packageReferenceId": "77",
        "carrierCode": "UPS",
        "trackingNumber": "BY-HAND",
        "shipDate": system.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "orderItems": [{"orderItemId": book["lines"][0]["order_item_id"], "quantity": quantity}],
    }
    account = system.amazon_account()
    system.amazon.confirm_shipment(
        order_id, {"marketplaceId": book["marketplace_id"], "packageDetail": detail}, account
    )


def ask_to_cancel(system: System, order_id: str, reason: str) -> None:
    system.amazon.change_order(order_id, lambda order, now: order.request_cancel(reason, now))


def test_merchant_and_fba(start: Start) -> None:
    system = start(import_fba=True)
    (merchant,) = system.place_orders()
    (fba,) = system.place_orders(fulfilled_by="AMAZON")
    again(system)
    events = {event.order_id: event for event in system.events(OrderImported)}
    assert set(events) == {merchant, fba}
    assert events[fba].personal_data.placeholder == PersonalData.fulfilled_by_amazon()
    assert (events[fba].personal_data.state, events[fba].personal_data.seal) == ("none", None)
    assert (events[fba].store.status.name, events[fba].store.inventory) == ("Processing", "none")
    with system.database.unit_of_work() as work:
        assert work.session.get(PersonalDataRow, fba) is None  # Amazon gave its recipient; it was never kept
        assert work.session.get(PersonalDataRow, merchant) is not None


def test_fba_is_left_out_unless_it_is_wanted(system: System) -> None:
    system.imported(fulfilled_by="AMAZON")
    assert not system.told_of_orders()
    (finished,) = system.events(ImportFinished)
    assert (finished.counts.seen, finished.counts.skipped) == (1, 1)


def test_a_pending_order_comes_when_it_is_released(system: System) -> None:
    (order_id,) = system.imported(status="PENDING")
    assert not system.told_of_orders()
    system.amazon.change_order(order_id, Order.release)
    again(system)
    (event,) = system.told_of_orders()
    assert (type(event), event.order_id, event.amazon_status) == (OrderImported, order_id, "unshipped")


def test_history_goes_to_its_own_queues_and_moves_no_stock(start: Start) -> None:
    system = start(import_from=(START - timedelta(days=10)).isoformat())
    shipped, cancelled = system.place_orders(count=2, lines=MUG, created_at=START - timedelta(days=3))
    ship_at_amazon(system, shipped, quantity=2)
    system.amazon.change_order(cancelled, lambda order, now: order.cancel("BUYER", "mistake", now))
    again(system)
    queues = {event.order_id: (event.store.status.name, event.store.inventory) for event in system.told_of_orders()}
    assert queues == {shipped: ("Shipped", "none"), cancelled: ("Cancel", "none")}


def test_an_order_placed_before_the_import_date_is_skipped(start: Start) -> None:
    system = start(import_from=(START - timedelta(days=2)).isoformat())
    system.place_orders(created_at=START - timedelta(days=2, seconds=5))
    (wanted,) = system.place_orders(created_at=START - timedelta(days=2))
    again(system)
    assert [event.order_id for event in system.told_of_orders()] == [wanted]
    (finished,) = system.events(ImportFinished)
    assert (finished.counts.seen, finished.counts.imported, finished.counts.skipped) == (2, 1, 1)


def test_nothing_is_said_where_nothing_changed(system: System) -> None:
    system.imported(count=3)
    said = len(system.told_of_orders())
    for _ in range(3):  # within the overlap each run sees them again
        again(system)
    assert len(system.told_of_orders()) == said == 3
    assert [run.counts.unchanged for run in system.events(ImportFinished)] == [0, 3, 3, 3]


def test_an_update_says_what_changed(system: System) -> None:
    order_id, cancelled, wish = system.imported(count=3, lines=MUG)
    ship_at_amazon(system, order_id)
    system.amazon.change_order(cancelled, lambda order, now: order.cancel("BUYER", "mistake", now))
    system.amazon.change_order(wish, lambda order, now: order.request_cancel("found it cheaper", now))
    again(system)
    changes = {event.order_id: event.changes for event in system.events(OrderUpdated)}
    assert changes == {
        order_id: ("status", "lines", "quantities", "packages"),
        cancelled: (
            "status",
            "lines",
            "quantities",
            "cancelled",
            "dates",
        ),  # Amazon shows no deliver-by of a cancelled order
        wish: ("cancel_requested",),
    }
    asked = system.store.orders[wish].cancel_requested
    assert asked is not None
    assert (asked.requested_by, asked.reason) == ("buyer", None)
    assert system.opened(wish).cancel_reason == "found it cheaper"
    assert system.store.orders[cancelled].store.status.name == "Cancel"
    assert system.store.orders[order_id].lines[0].quantity_shipped == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("addressLine1", "1 Other Street"), ("phone", "+1 206-555-0199"), ("name", "Somebody"), ("city", "Nowhere")],
)
def test_a_changed_address_is_told_and_sealed_again(system: System, field: str, value: str) -> None:
    (order_id,) = system.imported()

    def move(order: Order, now: Any) -> None:
        order.facts["recipient"]["deliveryAddress"][field] = value
        order.updated_at = now

    before = system.store.orders[order_id].personal_data
    system.amazon.change_order(order_id, move)
    again(system)
    (updated,) = system.events(OrderUpdated)
    assert updated.changes == ("address",)
    assert updated.personal_data.seal != before.seal
    assert updated.personal_data.dies_at == before.dies_at
    assert value in system.opened(order_id).model_dump_json()


def test_an_older_answer_never_overwrites_a_newer_one(system: System) -> None:
    (order_id,) = system.imported()
    query = {"includedData": ",".join(DATASETS)}
    old = AmazonOrder.model_validate(system.amazon.get_order(order_id, query, system.amazon_account())["order"])
    system.clock.advance(5)
    system.amazon.change_order(order_id, lambda order, now: order.request_cancel("mistake", now))
    again(system)
    newest = system.store.orders[order_id]
    with system.database.unit_of_work() as work:
        account = find_account(work, "main")
        assert account is not None
        assert store_order(work, system.key_ring(), account, old, since=None).did == "unchanged"
        row = work.session.get_one(OrderRow, order_id)
        assert row.amazon_updated_at == newest.amazon_updated_at
    system.run_until_idle()
    assert system.store.orders[order_id] == newest
    assert newest.cancel_requested is not None


def test_sequences_only_rise(system: System) -> None:
    (order_id,) = system.imported(lines=MUG)
    for reason in ("first", "second", "third"):
        ask_to_cancel(system, order_id, reason)
        again(system)
    events: list[OrderEvent] = [event for event in system.told_of_orders() if event.order_id == order_id]
    sequences = [event.sequence for event in events]
    assert len(sequences) == 4
    assert sequences == sorted(set(sequences))
