"""The report of all orders, line by line."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbridge.amazon import BadAnswer, ReportLine, UnreadableLine, read_report
from orderbridge.amazon.all_orders_report import ALL_ORDERS

# As Amazon writes it for sellers in the United States, with columns of later years.
COLUMNS = re.findall(
    r"[a-z-]+",
    "amazon-order-id merchant-order-id purchase-date last-updated-date order-status fulfillment-channel sales-channel"
    " order-channel url ship-service-level product-name sku asin item-status quantity currency item-price item-tax"
    " shipping-price shipping-tax gift-wrap-price gift-wrap-tax item-promotion-discount ship-promotion-discount"
    " ship-city ship-state ship-postal-code ship-country promotion-ids is-business-order purchase-order-number"
    " price-designation is-replacement-order is-exchange-order original-order-id is-buyer-requested-cancellation",
)
ROW = {
    "amazon-order-id": "114-3941689-8772232",
    "merchant-order-id": "W-1",
    "purchase-date": "2026-11-23T09:14:05+00:00",
    "last-updated-date": "2026-11-24T01:00:00+09:00",
    "order-status": "Shipped - Delivered to Buyer",
    "fulfillment-channel": "Merchant",
    "sales-channel": "Amazon.com",
    "order-channel": "WebsiteOrderChannel",
    "ship-service-level": "Standard",
    "product-name": 'Pipe, 5" "long"',
    "sku": "PIPE-5",
    "asin": "B000000001",
    "item-status": "Shipped",
    "quantity": "2",
    "currency": "USD",
    "item-price": "39.90",
    "item-tax": "3.1",
    "item-promotion-discount": "1.00",
    "ship-city": "Arlington",
    "ship-state": "VA",
    "ship-postal-code": "22201-1234",
    "ship-country": "US",
    "promotion-ids": "SAVE-1, SAVE-2",
    "is-business-order": "true",
    "purchase-order-number": "PO-77",
    "is-replacement-order": "false",
}


def report(*rows: dict[str, str], columns: list[str] = COLUMNS) -> list[str]:
    return ["\t".join(columns), *("\t".join(row.get(name, "") for name in columns) for row in rows)]


def read(*rows: dict[str, str], columns: list[str] = COLUMNS) -> list[ReportLine | UnreadableLine]:
    return list(read_report(report(*rows, columns=columns)))


def one(**changed: str) -> ReportLine | UnreadableLine:
    (line,) = read(ROW | {name.replace("_", "-"): value for name, value in changed.items()})
    return line


def test_a_line_is_read() -> None:
    line = one()

    assert isinstance(line, ReportLine)
    assert (line.number, line.order_id, line.merchant_order_id) == (2, "114-3941689-8772232", "W-1")
    assert line.placed_at == datetime(2026, 11, 23, 9, 14, 5, tzinfo=UTC)
    assert line.updated_at == datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
    assert line.updated_at.tzinfo is UTC
    assert (line.status, line.status_word) == ("SHIPPED", "Shipped - Delivered to Buyer")
    assert (line.fulfilled_by, line.service_level, line.order_channel) == (
        "MERCHANT",
        "Standard",
        "WebsiteOrderChannel",
    )
    assert (line.is_amazon, line.marketplace_id, line.sales_channel) == (True, "ATVPDKIKX0DER", "Amazon.com")
    assert (line.title, line.sku, line.asin, line.item_status_word) == (
        'Pipe, 5" "long"',
        "PIPE-5",
        "B000000001",
        "Shipped",
    )
    assert (line.quantity, line.currency, line.ship_country, line.ship_state) == (2, "USD", "US", "VA")
    assert (line.amounts.item_price, line.amounts.item_tax) == (Decimal("39.90"), Decimal("3.1"))
    assert (line.amounts.item_promotion_discount, line.amounts.shipping_price) == (Decimal("1.00"), None)
    assert line.promotion_ids == ("SAVE-1", "SAVE-2")
    assert (line.is_business, line.is_replacement, line.is_exchange) == (True, False, None)
    assert line.purchase_order_number == "PO-77"


def test_a_buyers_place_is_not_kept_and_the_rest_not_shown() -> None:
    line = one()

    assert isinstance(line, ReportLine)
    kept = {str(getattr(line, name)) for name in ReportLine.__dataclass_fields__}
    assert not {"Arlington", "22201-1234"} & kept
    assert not any(word in repr(line) for word in ("Arlington", "22201", "VA'", "PO-77"))


def test_the_header_decides_what_a_column_is() -> None:
    columns = ["moon-phase", "QUANTITY ", "order-status", "purchase-date", "amazon-order-id"]
    (line,) = read(ROW | {"moon-phase": "full", "QUANTITY ": "7"}, columns=columns)

    assert isinstance(line, ReportLine)
    assert (line.quantity, line.order_id, line.status) == (7, ROW["amazon-order-id"], "SHIPPED")
    assert (line.sku, line.updated_at, line.is_amazon, line.marketplace_id) == (None, None, True, None)
    assert line.amounts.item_price is None


def test_trailing_columns_may_be_missing_and_empty_lines_are_none() -> None:
    lines = report(ROW, ROW)
    lines[1] = lines[1].rstrip("\t")
    short = "\t".join(lines[2].split("\t")[:16])

    assert [type(line) for line in read_report(["\ufeff" + lines[0], "", lines[1], short, "\t\t", " "])] == [
        ReportLine
    ] * 2


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("amazon-order-id", "", "amazon-order-id is empty"),
        ("amazon-order-id", "Grace Hopper", "amazon-order-id is no order id"),
        ("purchase-date", "", "purchase-date is empty"),
        ("purchase-date", "Grace", "purchase-date is no time"),
        ("purchase-date", "2026-11-23", "purchase-date is no time"),
        ("purchase-date", "0001-01-01T00:00:00+09:00", "purchase-date is no time"),
        ("last-updated-date", "Grace", "last-updated-date is no time"),
        ("order-status", "", "order-status is empty"),
        ("quantity", "", "quantity is empty"),
        ("quantity", "-1", "quantity is no whole number"),
        ("quantity", "1.5", "quantity is no whole number"),
        ("quantity", "\uff19", "quantity is no whole number"),
        ("item-price", "Grace", "item-price is no amount"),
        ("item-price", "1,50", "item-price is no amount"),
        ("gift-wrap-tax", "NaN", "gift-wrap-tax is no amount"),
        ("is-buyer-requested-cancellation", "false\tGrace", "more columns than the header has"),
    ],
)
def test_a_malformed_line_takes_no_other_with_it(name: str, value: str, why: str) -> None:
    assert read(ROW, ROW | {name: value}, ROW)[1] == UnreadableLine(3, why)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "empty"),
        (["", " "], "empty"),
        (["<html>"], "lacks amazon-order-id, purchase-date, order-status, quantity"),
        (['{"errors": "Grace"}'], "lacks"),
        (["amazon-order-id\tpurchase-date\torder-status", "1"], "lacks quantity"),
    ],
)
def test_what_is_no_such_report_is_a_bad_answer(lines: list[str], why: str) -> None:
    with pytest.raises(BadAnswer, match=why) as caught:
        list(read_report(lines))
    assert caught.value.operation == ALL_ORDERS
    assert "Grace" not in str(caught.value)


@pytest.mark.parametrize(
    ("channel", "is_amazon", "marketplace_id"),
    [
        ("Amazon.de", True, "A1PA6795UKMFR9"),
        ("Amazon.co.uk", True, "A1F83G8C2ARO7P"),
        ("Amazon.jp", True, "A1VC38T7YXB528"),
        ("Amazon.moon", True, None),
        ("", True, None),
        ("Non-Amazon", False, None),
        ("Non-Amazon US", False, None),
        ("SI CA Prod Marketplace", False, None),
    ],
)
def test_the_sales_channel_tells_the_marketplace(channel: str, is_amazon: bool, marketplace_id: str | None) -> None:
    line = one(sales_channel=channel)

    assert isinstance(line, ReportLine)
    assert (line.is_amazon, line.marketplace_id) == (is_amazon, marketplace_id)


@given(st.lists(st.text(max_size=40), max_size=6))
def test_any_text_is_a_row_or_an_unreadable_line(rows: list[str]) -> None:
    found = list(read_report(["\t".join(COLUMNS), *rows]))

    assert all(isinstance(line, UnreadableLine) for line in found)
    assert len(found) == sum(1 for row in rows if row.strip())
