"""Amazon's order becomes ours: the money adds up, and the store's words are those of the account's settings."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orderbridge.amazon import Order
from sandbox.marketplaces import MARKETPLACES
from schemas.money import LineAmounts
from services.importer.mapping import to_document
from tests.unit.importer.conftest import AmazonOrder, account

KINDS = ["UNSHIPPED", "PENDING", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED", "WISH_TO_CANCEL"]
US = "ATVPDKIKX0DER"


def changed(order: Order, **fields: Any) -> Order:
    """The order with other fields, by Amazon's names."""
    return Order.model_validate(order.model_dump(by_alias=True) | fields)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fulfilled_by", ["MERCHANT", "AMAZON"])
@pytest.mark.parametrize("country", [marketplace.country for marketplace in MARKETPLACES.values()])
def test_every_kind_of_order_adds_up(amazon_order: AmazonOrder, country: str, fulfilled_by: str, kind: str) -> None:
    marketplace = next(name for name, one in MARKETPLACES.items() if one.country == country)
    for _ in range(4):
        lines = [{"sku": "MUG-RED", "quantity": 2, "gift_message": "Hi"}, {"sku": "TEAPOT-1L"}]
        order = amazon_order(kind, marketplace_id=marketplace, fulfilled_by=fulfilled_by, lines=lines)
        document = to_document(account(), order, None)  # its own validators add up the lines and the parts
        assert document.totals.difference == 0
        if kind == "PENDING":
            assert (document.totals.currency, document.totals.total) == (None, Decimal("0.00"))
        else:
            assert order.proceeds is not None
            assert order.proceeds.grand_total is not None
            assert document.totals.total == order.proceeds.grand_total.amount
            assert document.totals.currency == MARKETPLACES[marketplace].currency
        assert document.fulfilled_by == {"MERCHANT": "merchant", "AMAZON": "amazon"}[fulfilled_by]
        assert [line.sku for line in document.lines] == ["MUG-RED", "TEAPOT-1L"]
        assert document.lines[0].gift == (fulfilled_by == "MERCHANT" and kind != "PENDING")


def test_tax_that_amazon_collects_stands_outside_the_total(amazon_order: AmazonOrder) -> None:
    collected = [to_document(account(), amazon_order(marketplace_id=US, lines=1), None).totals for _ in range(20)]
    taxed = [totals for totals in collected if totals.tax_collected_by_amazon]
    assert taxed
    assert all(totals.tax == 0 and totals.total == totals.parts_sum() for totals in taxed)


def test_what_amazon_counts_differently_is_shown_as_a_difference(amazon_order: AmazonOrder) -> None:
    order = amazon_order(marketplace_id=US, lines=1)
    assert order.proceeds is not None
    assert order.proceeds.grand_total is not None
    more = {"amount": order.proceeds.grand_total.amount + Decimal("1.23"), "currencyCode": "USD"}
    totals = to_document(account(), changed(order, proceeds={"grandTotal": more}), None).totals
    assert totals.difference == Decimal("1.23")
    assert totals.total == totals.parts_sum()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_discount_is_taken_off_whatever_its_sign(amazon_order: AmazonOrder, sign: int) -> None:
    order = amazon_order(lines=1).model_dump(by_alias=True)
    order["orderItems"][0]["tax"] = None
    order["orderItems"][0]["proceeds"] = {
        "breakdowns": [
            {"type": "ITEM", "subtotal": {"amount": "10.00", "currencyCode": "USD"}},
            {"type": "DISCOUNT", "subtotal": {"amount": str(sign * Decimal("2.50")), "currencyCode": "USD"}},
            {"type": "COD_FEE", "subtotal": {"amount": "1.00", "currencyCode": "USD"}},
            {"type": "SOMETHING_NEW", "subtotal": {"amount": "0.50", "currencyCode": "USD"}},
            {"type": "TAX", "subtotal": {"amount": "0.80", "currencyCode": "USD"}},
        ]
    }
    order["proceeds"] = None
    totals = to_document(account(), Order.model_validate(order), None).totals
    assert totals.model_dump(include=set(LineAmounts.model_fields)) == {
        "item": Decimal("10.00"),
        "shipping": 0,
        "gift_wrap": 0,
        "other": Decimal("1.50"),
        "discount": Decimal("2.50"),
        "tax": Decimal("0.80"),
        "tax_collected_by_amazon": 0,
        "tax_included": 0,
    }
    assert (totals.total, totals.difference, totals.currency) == (Decimal("9.80"), Decimal(0), "USD")


QUEUES = [
    ("PENDING", "MERCHANT", "Unpaid", "deduct_when_shipped"),
    ("PENDING", "AMAZON", "Processing", "none"),
    ("UNSHIPPED", "MERCHANT", "New", "deduct_when_shipped"),
    ("PARTIALLY_SHIPPED", "MERCHANT", "New", "deduct_when_shipped"),
    ("WISH_TO_CANCEL", "MERCHANT", "New", "deduct_when_shipped"),
    ("SHIPPED", "MERCHANT", "Shipped", "none"),
    ("CANCELLED", "MERCHANT", "Cancel", "none"),
    ("UNSHIPPED", "AMAZON", "Processing", "none"),
    ("SHIPPED", "AMAZON", "Processing", "none"),
    ("CANCELLED", "AMAZON", "Cancel", "none"),
]


@pytest.mark.parametrize(("kind", "fulfilled_by", "queue", "inventory"), QUEUES)
def test_queue_and_inventory_of_a_new_order(
    amazon_order: AmazonOrder, kind: str, fulfilled_by: str, queue: str, inventory: str
) -> None:
    order = amazon_order(kind, fulfilled_by=fulfilled_by, lines=[{"sku": "MUG-BLUE", "quantity": 3}])
    document = to_document(account(), order, None)
    assert (document.store.status.name, document.store.inventory) == (queue, inventory)
    assert document.store.suppress_order_alerts


def test_the_store_is_told_in_its_own_words(amazon_order: AmazonOrder) -> None:
    words = account(
        status_merchant={"id": "20", "name": "From Amazon"},
        payment_types={"CreditCard": {"id": "7", "name": "Card at Amazon"}},
        invoice_number_prefix="A/",
        deduct_inventory_when_shipped=False,
        shipping_methods={"STANDARD": {"id": "3", "name": "Parcel"}},
    )
    order = amazon_order(programs=[])
    assert order.fulfillment is not None
    standard = changed(
        order, fulfillment=order.fulfillment.model_dump(by_alias=True) | {"fulfillmentServiceLevel": "STANDARD"}
    )
    document = to_document(words, standard, None)
    assert document.store.model_dump(mode="json") == {
        "status": {"id": "20", "name": "From Amazon"},
        "payment_type": {"id": "7", "name": "Card at Amazon"},
        "shipping_method": {"id": "3", "name": "Parcel", "amazon": "STANDARD", "mapped": True},
        "order_number": f"A/{order.order_id}",
        "invoice_number_prefix": "A/",
        "inventory": "deduct_on_import",
        "suppress_order_alerts": True,
    }
    later = to_document(account(), standard, document)  # the settings were changed after the import
    assert later.store == document.store


def test_an_order_without_its_optional_parts_is_kept(amazon_order: AmazonOrder) -> None:
    whole = amazon_order(lines=1)
    bare = changed(
        whole,
        fulfillment=None, recipient=None, buyer=None, proceeds=None, payment=None, tax=None, programs=None,
        orderItems=[{"orderItemId": "1", "quantityOrdered": 2, "product": {}}],
    )  # fmt: skip
    document = to_document(account(), bare, None)
    assert (document.amazon_status, document.fulfilled_by, document.ship_by) == ("unknown", "unknown", None)
    assert (document.totals.currency, document.totals.total, document.lines[0].sku) == (None, Decimal("0.00"), None)


@pytest.mark.parametrize(
    ("fulfillment", "status", "fulfilled_by"),
    [
        ({"fulfillmentStatus": "TELEPORTED", "fulfilledBy": "ROBOT"}, "unknown", "unknown"),
        ({"fulfillmentStatus": "UNFULFILLABLE", "fulfilledBy": "AMAZON"}, "unfulfillable", "amazon"),
    ],
)
def test_words_that_amazon_invents_do_not_stop_an_order(
    amazon_order: AmazonOrder, fulfillment: dict[str, str], status: str, fulfilled_by: str
) -> None:
    document = to_document(account(), changed(amazon_order(), fulfillment=fulfillment), None)
    assert (document.amazon_status, document.fulfilled_by) == (status, fulfilled_by)


def test_a_cancelled_line_and_a_wish_to_cancel(amazon_order: AmazonOrder) -> None:
    lines = [{"sku": "MUG-BLUE", "quantity": 3}]
    cancelled = to_document(account(), amazon_order("CANCELLED", lines=lines), None)
    assert [(line.quantity, line.quantity_cancelled) for line in cancelled.lines] == [(3, 3)]
    wish = to_document(account(), amazon_order("WISH_TO_CANCEL", lines=lines), None)
    assert wish.cancel_requested is not None
    assert (wish.cancel_requested.requested_by, wish.cancel_requested.reason) == ("buyer", None)
    assert wish.lines[0].quantity_cancelled == 0
