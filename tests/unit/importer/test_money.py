"""An order's money: the parts sum to the total, whatever Amazon's answer looks like."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbridge.amazon import Order
from services.importer.mapping import to_document
from services.importer.money import price
from tests.unit.importer.conftest import account

ZERO = Decimal("0.00")
DE, US = "A1PA6795UKMFR9", "ATVPDKIKX0DER"


def amazons(*parts: tuple[str, str], total: str | None = None, currency: str = "EUR") -> dict[str, Any]:
    """ItemProceeds of these (type, amount)."""
    breakdowns = [{"type": kind, "subtotal": {"amount": amount, "currencyCode": currency}} for kind, amount in parts]
    whole = {"proceedsTotal": {"amount": total, "currencyCode": currency}} if total is not None else {}
    return {"breakdowns": breakdowns, **whole}


def order_of(*items: dict[str, Any] | None, marketplace_id: str = US, **fields: Any) -> Order:
    """An order whose items have these proceeds."""
    lines = [
        {"orderItemId": f"{number}", "quantityOrdered": 1, "product": {}, **({"proceeds": item} if item else {})}
        for number, item in enumerate(items, start=1)
    ]
    return Order.model_validate(
        {
            "orderId": "114-3941689-8772232",
            "createdTime": "2026-11-23T09:14:05Z",
            "lastUpdatedTime": "2026-11-23T09:14:05Z",
            "salesChannel": {"channelName": "AMAZON", "marketplaceId": marketplace_id},
            "orderItems": lines,
            **fields,
        }
    )


def grand_total(amount: str, *breakdowns: dict[str, Any], currency: str = "EUR") -> dict[str, Any]:
    return {"grandTotal": {"amount": amount, "currencyCode": currency}, "breakdowns": list(breakdowns)}


def tip(amount: str, status: str = "FINALIZED", kind: str = "DELIVERY_TIP") -> dict[str, Any]:
    return {"type": kind, "status": status, "subtotal": {"amount": amount, "currencyCode": "EUR"}}


KINDS = st.sampled_from(["ITEM", "SHIPPING", "GIFT_WRAP", "COD_FEE", "TAX", "DISCOUNT", "OTHER", "INVENTED"])
AMOUNTS = st.decimals(min_value=-99999, max_value=99999, places=2).map(str)
PROCEEDS = st.none() | st.builds(
    lambda parts, total, currency: amazons(*parts, total=total, currency=currency),
    st.lists(st.tuples(KINDS, AMOUNTS), max_size=6),
    st.none() | AMOUNTS,
    st.sampled_from(["EUR", "EUR", "USD"]),
)


@given(
    items=st.lists(PROCEEDS, min_size=1, max_size=4),
    total=st.none() | AMOUNTS,
    tips=st.lists(st.builds(tip, AMOUNTS, st.sampled_from(["PENDING", "FINALIZED"]))),
    marketplace_id=st.sampled_from([DE, US, "INVENTED"]),
    facilitator=st.booleans(),
)
def test_the_parts_always_sum_to_the_total(
    items: list[dict[str, Any] | None],
    total: str | None,
    tips: list[dict[str, Any]],
    marketplace_id: str,
    facilitator: bool,
) -> None:
    fields = {"proceeds": grand_total(total, *tips)} if total is not None else {}
    order = order_of(*items, marketplace_id=marketplace_id, **fields)
    if facilitator:
        raw = order.model_dump(by_alias=True)
        for item in raw["orderItems"]:
            item["tax"] = {"taxCollections": [{"model": "MARKETPLACE_FACILITATOR"}]}
        order = Order.model_validate(raw)
    totals = to_document(account(), order, None).totals  # its validators add up the lines and the order's own part
    assert totals.total == totals.parts_sum()
    if total is not None:
        assert totals.total + totals.difference == Decimal(total)
    if facilitator:
        assert (totals.tax, totals.tax_included) == (ZERO, ZERO)


def test_tax_on_top_counts_and_tax_inside_does_not() -> None:
    on_top = price(order_of(amazons(("ITEM", "10.00"), ("TAX", "1.90"), total="11.90"), marketplace_id=DE)).totals
    assert (on_top.tax, on_top.tax_included, on_top.total) == (Decimal("1.90"), ZERO, Decimal("11.90"))
    assert not on_top.prices_include_tax
    inside = price(order_of(amazons(("ITEM", "11.90"), ("TAX", "1.90"), total="11.90"), marketplace_id=DE)).totals
    assert (inside.tax, inside.tax_included, inside.total) == (ZERO, Decimal("1.90"), Decimal("11.90"))
    assert inside.prices_include_tax


@pytest.mark.parametrize(("total", "inside"), [("11.90", True), ("13.80", False)])
def test_the_grand_total_tells_where_no_item_does(total: str, inside: bool) -> None:
    item = amazons(("ITEM", "11.90"), ("TAX", "1.90"))
    totals = price(order_of(item, marketplace_id=US, proceeds=grand_total(total))).totals
    assert (totals.prices_include_tax, totals.difference) == (inside, ZERO)


@pytest.mark.parametrize(("marketplace_id", "inside"), [(DE, True), (US, False), ("INVENTED", False)])
def test_the_marketplace_tells_where_no_sum_does(marketplace_id: str, inside: bool) -> None:
    order = order_of(amazons(("ITEM", "11.90"), ("TAX", "1.90")), marketplace_id=marketplace_id)
    assert price(order).totals.prices_include_tax == inside


def test_what_no_line_has_belongs_to_the_order() -> None:
    item = amazons(("ITEM", "10.00"), total="10.00")
    proceeds = grand_total("15.50", tip("5.00"), tip("0.50", kind="INVENTED"), tip("9.00", "PENDING"))
    totals = to_document(account(), order_of(item, proceeds=proceeds), None).totals
    assert (totals.order_level, totals.other, totals.total, totals.difference) == (
        Decimal("5.50"),
        Decimal("5.50"),
        Decimal("15.50"),
        ZERO,
    )


def test_an_item_that_tells_its_total_alone() -> None:
    assert price(order_of(amazons(total="7.00"))).totals.item == Decimal("7.00")


def test_another_currency_stands_apart() -> None:
    order = order_of(amazons(("ITEM", "10.00")), amazons(("ITEM", "3.00"), currency="USD"))
    document = to_document(account(), order, None)
    assert (document.totals.currency, document.totals.total) == ("EUR", Decimal("10.00"))
    (apart,) = document.lines[1].amounts_in_other_currencies
    assert (apart.kind, apart.amount, apart.currency) == ("item", Decimal("3.00"), "USD")
    assert document.lines[1].amounts.item == 0


def test_yen_have_cents_with_us() -> None:
    totals = price(order_of(amazons(("ITEM", "5980"), currency="JPY"))).totals
    assert str(totals.total) == "5980.00"


def test_an_answer_without_money_changes_none() -> None:
    """Amazon may refuse a data set for a while: what it leaves out altogether is no news."""
    item = amazons(("ITEM", "10.00"), ("TAX", "1.00"), total="10.00")
    taxed = {"tax": {"taxCollections": [{"model": "MARKETPLACE_FACILITATOR"}]}}
    whole = order_of(item, proceeds=grand_total("10.00"), payment={"paymentExecutions": [{"paymentMethod": "Pix"}]})
    raw = whole.model_dump(by_alias=True)
    raw["orderItems"][0].update(taxed)
    known = to_document(account(), Order.model_validate(raw), None)
    assert known.totals.tax_collected_by_amazon == 1
    for lacking in (order_of(None), whole):
        later = to_document(account(), lacking, known)
        assert (later.totals, later.lines, later.payment_methods) == (known.totals, known.lines, ("Pix",))
