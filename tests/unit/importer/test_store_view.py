"""What the store is to make of an order, by the account's settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orderbridge.amazon import Order
from schemas.orders import OrderDocument
from services.importer.mapping import missing_mappings, to_document
from services.importer.store_view import Facts, store_view
from tests.parts.contract import EXAMPLES
from tests.unit.importer.conftest import AmazonOrder, account

PREFIXES = {
    "invoice_number_prefix": "A-",
    "invoice_number_prefix_fba": "F-",
    "invoice_number_prefix_prime": "P-",
    "invoice_number_prefix_business": "B-",
}
UNPAID = {"id": "9", "name": "Unpaid"}


@pytest.mark.parametrize(
    ("fulfilled_by", "programs", "left_out", "prefix"),
    [
        ("merchant", (), "", "A-"),
        ("merchant", ("AMAZON_BUSINESS",), "", "B-"),
        ("merchant", ("AMAZON_BUSINESS", "PRIME"), "", "P-"),
        ("amazon", ("AMAZON_BUSINESS", "PRIME"), "", "F-"),
        ("amazon", ("AMAZON_BUSINESS", "PRIME"), "_fba", "P-"),
        ("merchant", ("AMAZON_BUSINESS", "PRIME"), "_prime", "B-"),
        ("merchant", ("AMAZON_BUSINESS",), "_business", "A-"),
    ],
)
def test_the_prefix_of_an_orders_kind(fulfilled_by: str, programs: tuple[str, ...], left_out: str, prefix: str) -> None:
    wish: dict[str, Any] = {
        name: text for name, text in PREFIXES.items() if not left_out or not name.endswith(left_out)
    }
    facts = Facts(order_id="1", status="unshipped", fulfilled_by=fulfilled_by, programs=programs)
    view = store_view(account(**wish), facts, None)
    assert (view.invoice_number_prefix, view.order_number) == (prefix, f"{prefix}1")


def test_an_empty_prefix_is_one_too() -> None:
    facts = Facts(order_id="1", status="unshipped", fulfilled_by="amazon")
    assert store_view(account(invoice_number_prefix_fba=""), facts, None).order_number == "1"


def life(
    amazon_order: AmazonOrder, *statuses: str, fulfilled_by: str = "MERCHANT", **wish: Any
) -> list[tuple[str, str]]:
    """Queue and inventory of an order that goes through these statuses, each told to the store."""
    order = amazon_order(fulfilled_by=fulfilled_by)
    known: OrderDocument | None = None
    told: list[tuple[str, str]] = []
    for status in statuses:
        assert order.fulfillment is not None
        raw = order.model_dump(by_alias=True)
        raw["fulfillment"]["fulfillmentStatus"] = status
        known = to_document(account(**wish), Order.model_validate(raw), known)
        told.append((known.store.status.name, known.store.inventory))
    return told


def test_a_pending_order_reserves_its_stock_once(amazon_order: AmazonOrder) -> None:
    wish: dict[str, Any] = {"status_pending": UNPAID, "deduct_inventory_when_shipped": False}
    assert life(amazon_order, "PENDING", "UNSHIPPED", "SHIPPED", **wish) == [
        ("Unpaid", "deduct_on_import"),
        ("New", "deduct_on_import"),
        ("Shipped", "deduct_on_import"),
    ]


def test_pending_and_cancelled(amazon_order: AmazonOrder) -> None:
    assert life(amazon_order, "PENDING_AVAILABILITY", "PENDING", "CANCELLED", status_pending=UNPAID) == [
        ("Unpaid", "deduct_when_shipped"),
        ("Unpaid", "deduct_when_shipped"),
        ("Cancel", "deduct_when_shipped"),
    ]
    assert life(amazon_order, "CANCELLED") == [("Cancel", "none")]


def test_an_order_that_will_never_ship_is_in_the_cancel_queue(amazon_order: AmazonOrder) -> None:
    assert life(amazon_order, "UNFULFILLABLE", fulfilled_by="AMAZON") == [("Cancel", "none")]


def test_a_new_word_moves_nothing(amazon_order: AmazonOrder) -> None:
    told = life(amazon_order, "PENDING", "TELEPORTED", "UNSHIPPED", status_pending=UNPAID)
    assert [queue for queue, _ in told] == ["Unpaid", "Unpaid", "New"]


def test_amazon_ships_what_it_fulfils(amazon_order: AmazonOrder) -> None:
    told = life(amazon_order, "PENDING", "UNSHIPPED", "SHIPPED", fulfilled_by="AMAZON")
    assert told == [("Processing", "none"), ("Processing", "none"), ("Processing", "none")]


def test_what_amazon_has_shipped_before_the_import_is_in_its_queue(amazon_order: AmazonOrder) -> None:
    """The setting is "more for reporting purposes as the order is already shipped and fulfilled for you by Amazon"."""
    assert life(amazon_order, "SHIPPED", fulfilled_by="AMAZON") == [("Processing", "none")]
    assert life(amazon_order, "SHIPPED", "CANCELLED", fulfilled_by="AMAZON")[1] == ("Cancel", "none")
    order = amazon_order("SHIPPED", fulfilled_by="AMAZON")
    known = to_document(account(), order, None)
    assert to_document(account(status_fba=UNPAID), order, known) == known


def test_settings_changed_later_are_for_later_orders() -> None:
    facts = Facts(order_id="1", status="unshipped", fulfilled_by="merchant", payment_methods=("Pix",))
    before = store_view(account(), facts, None)
    example = EXAMPLES["order.imported"] | {"store": before, "amazon_status": "unshipped"}
    known = OrderDocument.model_validate(example)
    later = account(
        status_merchant=UNPAID,
        invoice_number_prefix="X-",
        payment_types={"Pix": {"id": "1", "name": "Pix"}},
        deduct_inventory_when_shipped=False,
    )
    assert store_view(later, facts, known) == before
    assert store_view(later, facts, None) != before


def test_the_first_payment_method_that_is_mapped_counts(amazon_order: AmazonOrder) -> None:
    facts = Facts(order_id="1", status="unshipped", fulfilled_by="merchant", payment_methods=("GiftCard", "Pix"))
    mapped = account(payment_types={"Pix": {"id": "1", "name": "Pix"}})
    assert store_view(mapped, facts, None).payment_type.name == "Pix"
    assert store_view(mapped, replace(facts, payment_methods=("GiftCard",)), None).payment_type.name == "Amazon"
    document = to_document(mapped, amazon_order(programs=[]), None)
    assert [word.split(":")[0] for word in missing_mappings(document)] == ["shipping"]


def test_the_payment_type_is_decided_once_a_payment_is_known(amazon_order: AmazonOrder) -> None:
    """Amazon tells none of a pending order: the settings of its import say nothing of how it is paid later."""
    wish: dict[str, Any] = {"status_pending": UNPAID, "payment_types": {"CashOnDelivery": {"id": "7", "name": "COD"}}}
    pending = to_document(account(**wish), amazon_order("PENDING"), None)
    assert (pending.payment_methods, pending.store.payment_type.name) == ((), "Amazon")
    raw = amazon_order().model_dump(by_alias=True)
    raw["payment"] = {"paymentExecutions": [{"paymentMethod": "CashOnDelivery"}]}
    paid = to_document(account(**wish), Order.model_validate(raw), pending)
    assert paid.store.payment_type.name == "COD"
    later = account(payment_type_default={"id": "1", "name": "Later"})
    assert to_document(later, Order.model_validate(raw), paid).store.payment_type.name == "COD"
    raw["payment"] = None
    assert to_document(later, Order.model_validate(raw), pending).store.payment_type.name == "Amazon"


@pytest.mark.parametrize(("status", "queue"), [("SHIPPED", "Shipped"), ("CANCELLED", "Cancel"), ("UNSHIPPED", "New")])
@pytest.mark.parametrize("fulfilled_by", ["MERCHANT", "AMAZON"])
def test_a_new_word_moves_nothing_that_is_over(
    amazon_order: AmazonOrder, status: str, queue: str, fulfilled_by: str
) -> None:
    told = life(amazon_order, status, "TELEPORTED", status, fulfilled_by=fulfilled_by)
    by_amazon = fulfilled_by == "AMAZON" and status != "CANCELLED"
    assert {name for name, _ in told} == {"Processing" if by_amazon else queue}


@pytest.mark.parametrize("kind", ["SHIPPED", "PARTIALLY_SHIPPED", "CANCELLED", "UNSHIPPED"])
@pytest.mark.parametrize("fulfilled_by", ["MERCHANT", "AMAZON"])
def test_an_answer_without_fulfilment_is_no_news_of_it(amazon_order: AmazonOrder, fulfilled_by: str, kind: str) -> None:
    lines = [{"sku": "MUG-BLUE", "quantity": 2, "gift_message": "Hi"}, {"sku": "TEAPOT-1L"}]
    order = amazon_order(kind, fulfilled_by=fulfilled_by, lines=lines)
    known = to_document(account(), order, None)
    raw = order.model_dump(by_alias=True) | {"fulfillment": None}
    raw["orderItems"] = [item | {"fulfillment": None} for item in raw["orderItems"]]
    assert to_document(account(), Order.model_validate(raw), known) == known
