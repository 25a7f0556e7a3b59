"""What an update says has changed."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.orders import OrderDocument
from services.importer.changes import what_changed
from tests.parts.contract import EXAMPLES

EXAMPLE = {"fulfilled_by": "amazon"} | {
    name: value for name, value in EXAMPLES["order.imported"].items() if name != "fulfilled_by"
}
LINE = EXAMPLE["lines"][0]


def order(**fields: Any) -> OrderDocument:
    return OrderDocument.model_validate(EXAMPLE | fields)


def line(**fields: Any) -> dict[str, Any]:
    return {"lines": [LINE | fields]}


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({}, ()),
        ({"amazon_updated_at": "2027-01-01T00:00:00Z"}, ()),
        ({"amazon_status": "partially_shipped"}, ("status",)),
        ({"amazon_status": "shipped"}, ("status", "shipped_by_amazon")),
        ({"amazon_status": "shipped", "fulfilled_by": "merchant"}, ("status", "other")),
        ({"amazon_status": "cancelled"}, ("status", "cancelled")),
        (line(title="Another"), ("lines",)),
        (line(quantity=LINE["quantity"] - 1), ("lines", "quantities", "cancelled")),
        (line(quantity=LINE["quantity"] + 1), ("lines", "quantities")),
        (line(quantity_cancelled=1), ("lines", "quantities", "cancelled")),
        (line(order_item_id="2"), ("lines", "quantities")),
        ({"cancel_requested": {"requested_by": "buyer", "reason": "late"}}, ("cancel_requested",)),
        ({"ship_to_region": "WA"}, ("address",)),
        ({"ship_window": None}, ("dates",)),
        ({"payment_methods": ["Pix"]}, ("other",)),
        ({"programs": []}, ("other",)),
    ],
)
def test_what_changed(fields: dict[str, Any], changes: tuple[str, ...]) -> None:
    assert what_changed(order(), order(**fields)) == changes


def test_a_line_that_is_gone_is_cancelled_and_one_by_another_name_is_not() -> None:
    before = order()
    assert what_changed(before, before.model_copy(update={"lines": ()})) == ("lines", "quantities", "cancelled")
    renamed = before.lines[0].model_copy(update={"order_item_id": "sku:MUG"})
    assert what_changed(before.model_copy(update={"lines": (renamed,)}), before) == ("lines", "quantities")


def test_the_sealed_address_is_the_callers() -> None:
    assert what_changed(order(), order(), sealed=("address",)) == ("address",)
    assert what_changed(order(), order(), sealed=("cancel_requested",)) == ("cancel_requested",)


def _blank() -> dict[str, Any]:
    return dict.fromkeys(OrderDocument.model_fields) | {"lines": ()}


def test_every_field_belongs_to_a_change() -> None:
    """A field that is added later is told as well."""
    blank = OrderDocument.model_construct(**_blank())
    for name in set(OrderDocument.model_fields) - {"order_id", "account_id", "amazon_updated_at", "lines"}:
        assert what_changed(blank, blank.model_copy(update={name: "another"})), name
