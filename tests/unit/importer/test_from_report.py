"""An order of Amazon's report becomes ours, without a person and without item ids."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from orderbridge.amazon.all_orders_report import Amounts
from orderbridge.amazon.report_orders import ReportItem, ReportOrder
from services.importer.from_report import document_from_report, is_from_report
from services.importer.mapping import missing_mappings, to_document
from services.importer.skipping import why_skipped
from tests.parts.hand_clock import START
from tests.unit.importer.conftest import AmazonOrder, account

DE, US = "A1PA6795UKMFR9", "ATVPDKIKX0DER"


def item(**fields: Any) -> ReportItem:
    """Two mugs, with other fields."""
    told: dict[str, Any] = dict.fromkeys(ReportItem.__dataclass_fields__)
    told |= {"sku": "MUG-BLUE", "asin": "B01", "title": "Mug", "currency": "USD", "quantity": 2}
    return ReportItem(**(told | {"cancelled_quantity": 0, "amounts": Amounts(), "promotion_ids": ()} | fields))


def report_order(**fields: Any) -> ReportOrder:
    """A shipped order of two mugs, with other fields."""
    told: dict[str, Any] = dict.fromkeys(ReportOrder.__dataclass_fields__)
    told |= {
        "order_id": "114-3941689-8772232",
        "numbers": (2, 2),
        "may_lack_items": False,
        "placed_at": START,
        "updated_at": START + timedelta(days=1),
        "status": "SHIPPED",
        "status_words": ("Shipped",),
        "fulfilled_by": "MERCHANT",
        "is_amazon": True,
        "marketplace_id": US,
        "service_level": "SecondDay",
        "ship_country": "US",
        "purchase_order_number": "PO Wilhelmina",
        "ship_state": "Wilhelmina",
        "items": (item(),),
    }
    return ReportOrder(**(told | fields))


MONEY = Amounts(
    item_price=Decimal("19.98"),
    item_tax=Decimal("1.60"),
    shipping_price=Decimal("4.99"),
    shipping_tax=Decimal("0.40"),
    gift_wrap_price=Decimal("3.00"),
    item_promotion_discount=Decimal("-2.00"),
    ship_promotion_discount=Decimal("1.00"),
)


@pytest.mark.parametrize(
    ("marketplace_id", "model", "tax_in", "total"),
    [
        (US, None, "tax", "26.97"),
        (DE, None, "tax_included", "24.97"),
        (US, "MarketplaceFacilitator", "tax_collected_by_amazon", "24.97"),
    ],
)
def test_its_money(marketplace_id: str, model: str | None, tax_in: str, total: str) -> None:
    taxed = item(amounts=MONEY, tax_collection_model=model)
    totals = document_from_report(account(), report_order(items=(taxed,), marketplace_id=marketplace_id)).totals
    assert (totals.item, totals.shipping, totals.gift_wrap) == (Decimal("19.98"), Decimal("4.99"), Decimal("3.00"))
    assert (totals.discount, getattr(totals, tax_in)) == (Decimal("3.00"), Decimal("2.00"))
    assert (totals.total, totals.currency, totals.difference) == (Decimal(total), "USD", Decimal(0))


def test_its_lines_are_named_by_what_they_are() -> None:
    items = (
        item(),
        item(sku=None),
        item(sku=None, asin=None),
        item(currency="EUR", amounts=Amounts(item_price=Decimal(1))),
        item(sku="X" * 100),
    )
    document = document_from_report(account(), report_order(items=items))
    names = [line.order_item_id for line in document.lines]
    assert names == ["sku:MUG-BLUE", "asin:B01", "line:3", "sku:MUG-BLUE:EUR", "line:5"]
    assert is_from_report(document)
    assert document.totals.total == 0
    assert document.lines[3].amounts_in_other_currencies[0].currency == "EUR"


def test_its_store_view_is_that_of_the_search() -> None:
    settings = account(shipping_methods={"SECOND_DAY": {"id": "3", "name": "Priority"}})
    document = document_from_report(settings, report_order())
    assert (document.store.status.name, document.store.inventory) == ("Shipped", "none")
    assert (document.store.order_number, document.store.shipping_method.name) == ("AMZ-114-3941689-8772232", "Priority")
    assert (document.lines[0].quantity_shipped, missing_mappings(document)) == (2, ())
    cancelled = document_from_report(settings, report_order(status="CANCELLED"))
    assert (cancelled.store.status.name, cancelled.lines[0].quantity_cancelled) == ("Cancel", 2)


def test_odd_orders() -> None:
    odd = report_order(
        status="UNKNOWN",
        status_words=("InvoiceUnconfirmed",),
        fulfilled_by=None,
        is_amazon=False,
        marketplace_id=None,
        service_level=None,
        ship_country="12 Main Street",
        updated_at=None,
        is_business=True,
        is_replacement=True,
        original_order_id="302-1",
        items=(item(is_buyer_requested_cancellation=True),),
    )
    document = document_from_report(account(), odd)
    assert (document.amazon_status, document.amazon_status_word) == ("unknown", "InvoiceUnconfirmed")
    assert (document.sales_channel, document.replacement_of, document.exchange_of) == ("other", "302-1", None)
    assert (document.programs, document.ship_to_country) == (("AMAZON_BUSINESS",), None)
    assert document.amazon_updated_at == START
    assert document.cancel_requested is not None
    assert why_skipped(account(), document, None) == "non_amazon"
    assert "Wilhelmina" not in document.model_dump_json()


def test_a_report_never_takes_away_what_the_api_told(amazon_order: AmazonOrder) -> None:
    known = to_document(account(), amazon_order(), None)
    assert document_from_report(account(), report_order(order_id=known.order_id), known) is known


def test_what_was_decided_at_the_import_stays() -> None:
    known = document_from_report(account(), report_order(status="UNSHIPPED"))
    later = document_from_report(account(invoice_number_prefix="X-"), report_order(), known)
    assert (later.store.order_number, later.store.inventory) == (known.store.order_number, known.store.inventory)
    assert later.store.status.name == "Shipped"
