"""Every kind of order on its way to the store: history, pending, FBA, oddities, and what is reported once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from orderbridge.accounts import find_account
from orderbridge.amazon import Order as AmazonOrder
from orderbridge.database.models import PersonalDataRow, UnmappedWord
from orderbridge.store import Received
from sandbox.orders import Order
from sandbox.views import DATASETS
from schemas.accounts import AccountAttention
from schemas.imports import ImportFinished
from schemas.orders import OrderImported, OrderRedacted, OrderUpdated
from schemas.personal_data import PersonalData
from services.importer.orders import store_order
from services.storefront.books import Books
from tests.integration.services.conftest import Start
from tests.parts.hand_clock import START
from tests.parts.in_process import System

UNPAID = {"id": "9", "name": "Unpaid"}
MUG = [{"sku": "MUG-BLUE", "quantity": 2}]


def again(system: System) -> None:
    """Amazon's lag passes, and the next import runs."""
    system.advance(180)
    system.import_now()


def at_amazon(system: System, order_id: str) -> dict[str, Any]:
    """The order as Amazon answers it, with all its data sets."""
    query = {"includedData": ",".join(DATASETS)}
    answer: dict[str, Any] = system.amazon.get_order(order_id, query, system.amazon_account())["order"]
    return answer


def store(system: System, *orders: dict[str, Any]) -> list[str]:
    """These answers of Amazon's are stored, as the import does; returns what it did with each."""
    with system.database.unit_of_work() as work:
        account = find_account(work, "main")
        assert account is not None
        ring = system.key_ring()
        did: list[str] = [
            store_order(work, ring, account, AmazonOrder.model_validate(order), since=None).did for order in orders
        ]
    system.run_until_idle()
    return did


def books_of(system: System, path: Path) -> Books:
    """A storefront's books after it has read everything that was told."""
    books = Books(path)
    for number, event in enumerate(system.told):
        books.keep(Received(event, f"event-{number}", "orderbridge", system.now, f"{event.topic()}/0/{number}"))
    return books


def stock_moved(books: Books) -> int:
    """The units that a store deducts for these orders, as docs/your-store.md says."""
    units = 0
    for order in books.orders():
        when = order.event.store.inventory
        if when == "deduct_on_import" or (when == "deduct_when_shipped" and order.queue() in ("Shipped", "Partial")):
            units += sum(line.quantity - line.quantity_cancelled for line in order.event.lines)
    return units


def test_a_thousand_shipped_orders_leave_new_empty_and_stock_unchanged(start: Start, tmp_path: Path) -> None:
    system = start(import_from=(START - timedelta(days=30)).isoformat(), deduct_inventory_when_shipped=False)
    (pattern,) = system.place_orders(lines=MUG)
    answer = at_amazon(system, pattern)
    answer["fulfillment"]["fulfillmentStatus"] = "SHIPPED"
    answer["orderItems"][0]["fulfillment"]["quantityFulfilled"] = 2
    placed = (START - timedelta(days=20)).isoformat()
    history = [answer | {"orderId": f"114-0000000-{n:07d}", "createdTime": placed} for n in range(1_000)]
    assert Counter(store(system, *history)) == {"imported": 1_000}
    books = books_of(system, tmp_path / "books.sqlite")
    assert Counter(order.queue() for order in books.orders()) == {"Shipped": 1_000}
    assert stock_moved(books) == 0
    assert Counter(store(system, *history)) == {"unchanged": 1_000}
    assert len(system.told_of_orders()) == 1_000


def test_pending_orders_come_unpaid_if_they_are_wanted(start: Start, tmp_path: Path) -> None:
    system = start(status_pending=UNPAID, deduct_inventory_when_shipped=False)
    released, cancelled = system.imported(count=2, lines=MUG, status="PENDING")
    first = [event.store for event in system.events(OrderImported)]
    assert [(view.status.name, view.inventory) for view in first] == [("Unpaid", "deduct_on_import")] * 2
    system.amazon.change_order(released, Order.release)
    system.amazon.change_order(cancelled, lambda order, now: order.cancel("BUYER", "mistake", now))
    again(system)
    assert len(system.events(OrderImported)) == 2  # nothing is imported, and deducted, a second time
    changes = {event.order_id: event.changes for event in system.events(OrderUpdated)}
    assert "status" in changes[released]
    assert "cancelled" in changes[cancelled]
    books = books_of(system, tmp_path / "books.sqlite")
    assert {order.event.order_id: order.queue() for order in books.orders()} == {released: "New", cancelled: "Cancel"}
    assert stock_moved(books) == 2


def test_a_pending_order_that_is_cancelled_comes_once_for_the_books(system: System) -> None:
    (order_id,) = system.imported(status="PENDING")
    system.amazon.change_order(order_id, lambda order, now: order.cancel("BUYER", "mistake", now))
    again(system)
    (event,) = system.told_of_orders()
    assert (event.store.status.name, event.store.inventory) == ("Cancel", "none")
    assert [run.skipped_because[0].reason for run in system.events(ImportFinished) if run.skipped_because] == [
        "pending"
    ]


def test_an_fba_order_reads_fba_orders_also_after_day_30(start: Start) -> None:
    system = start(import_fba=True)
    (order_id,) = system.imported(fulfilled_by="AMAZON", programs=["AMAZON_BUSINESS"])
    assert "recipient" in at_amazon(system, order_id)
    assert system.store.orders[order_id].personal_data.placeholder == PersonalData.fulfilled_by_amazon()
    system.amazon.change_order(order_id, Order.ship_by_amazon)
    again(system)
    (updated,) = system.events(OrderUpdated)
    assert {"status", "shipped_by_amazon"} <= set(updated.changes)
    assert updated.store.status.name == "Processing"
    system.advance(timedelta(days=31).total_seconds())
    answer = at_amazon(system, order_id) | {"lastUpdatedTime": system.now.isoformat()}
    answer["orderItems"][0]["product"]["title"] = "Another title"
    store(system, answer)
    last = system.store.orders[order_id]
    assert last.lines[0].title == "Another title"
    placeholder = last.personal_data.placeholder
    assert placeholder is not None
    assert (placeholder.first_name, placeholder.last_name, placeholder.city) == ("FBA Orders", "FBA Orders", "")
    assert system.events(OrderRedacted) == []
    with system.database.unit_of_work() as work:
        assert work.session.get(PersonalDataRow, order_id) is None


def test_a_purchase_order_number_goes_with_the_persons_data(system: System) -> None:
    (order_id,) = system.imported(programs=["AMAZON_BUSINESS"])
    number = system.opened(order_id).purchase_order_number
    assert number.startswith("PO-")
    assert not any(number.encode() in message for message in system.on_the_wire)
    system.advance(timedelta(days=31).total_seconds())
    assert system.store.orders[order_id].personal_data.state == "redacted"


def odd(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(answer: dict[str, Any]) -> None:
        answer[name] = value

    return change


@pytest.mark.parametrize(
    ("settings", "change", "reason"),
    [
        ({}, odd("salesChannel", {"channelName": "NON_AMAZON"}), "non_amazon"),
        ({"skip_programs": ("PREORDER",)}, odd("programs", ["PREORDER"]), "program_skipped"),
        ({"skip_marketplaces": ("ATVPDKIKX0DER",)}, odd("programs", []), "marketplace_skipped"),
        (
            {"skip_placed_before": START.isoformat()},
            odd("createdTime", "2026-01-01T00:00:00Z"),
            "placed_before_minimum_date",
        ),
    ],
)
def test_skipped_orders_are_not_told(
    start: Start, settings: dict[str, Any], change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    system = start(**settings)
    (order_id,) = system.place_orders(marketplace_id="ATVPDKIKX0DER")
    answer = at_amazon(system, order_id)
    change(answer)
    assert store(system, answer) == ["skipped"]
    assert system.told_of_orders() == []
    with system.database.unit_of_work() as work:
        account = find_account(work, "main")
        assert account is not None
        order = AmazonOrder.model_validate(answer)
        assert store_order(work, system.key_ring(), account, order, since=None).reason == reason
        assert store_order(work, system.key_ring(), account, order, since=None, wanted=True).did == "imported"


def test_unmapped_words_are_counted_and_a_service_level_reported_once(anywhere: System) -> None:
    system = anywhere
    system.set_account(payment_types={"Pix": {"id": "1", "name": "Pix"}})
    first, second = system.place_orders(count=2, programs=["PRIME"])
    for order_id in (first, second):
        answer = at_amazon(system, order_id)
        answer["fulfillment"]["fulfillmentServiceLevel"] = "HOVERCRAFT"
        answer["programs"] = ["MOON_CLUB"]
        assert store(system, answer, answer) == ["imported", "unchanged"]
    (attention,) = system.events(AccountAttention)
    assert attention.trouble == "mapping_missing"
    assert "HOVERCRAFT" in attention.message
    with system.database.unit_of_work() as work:
        rows = work.session.scalars(select(UnmappedWord).order_by(UnmappedWord.kind)).all()
        assert [(row.kind, row.word, row.times, row.first_order_id) for row in rows] == [
            ("payment", "CreditCard", 2, first),
            ("program", "MOON_CLUB", 2, first),
            ("shipping", "HOVERCRAFT", 2, first),
        ]
