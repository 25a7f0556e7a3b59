"""Lines of a report put together into orders, in bounded memory."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbridge.amazon import ReportOrder, UnreadableLine, group_by_order, read_report
from orderbridge.amazon import report_orders as subject
from orderbridge.amazon.report_orders import merge
from tests.unit.amazon.test_all_orders_report import COLUMNS, ROW, report


def rows(*changes: dict[str, str]) -> list[dict[str, str]]:
    return [ROW | {name.replace("_", "-"): value for name, value in change.items()} for change in changes]


def grouped(*changes: dict[str, str]) -> list[ReportOrder | UnreadableLine]:
    return list(group_by_order(read_report(report(*rows(*changes)))))


def orders(*changes: dict[str, str]) -> list[ReportOrder]:
    return [found for found in grouped(*changes) if isinstance(found, ReportOrder)]


A, B = {"amazon_order_id": "A"}, {"amazon_order_id": "B"}


def test_consecutive_lines_are_one_order_and_a_late_one_a_further_part() -> None:
    found = orders(A, A | {"sku": "S2"}, B, A | {"sku": "S3", "quantity": "5"})

    assert [(order.order_id, order.numbers) for order in found] == [("A", (2, 3)), ("B", (4, 4)), ("A", (5, 5))]
    assert [[item.sku for item in order.items] for order in found] == [["PIPE-5", "S2"], ["PIPE-5"], ["S3"]]
    whole = merge(found[0], found[2])
    assert ([item.sku for item in whole.items], whole.quantity, whole.numbers) == (["PIPE-5", "S2", "S3"], 9, (2, 5))
    with pytest.raises(ValueError, match="two orders"):
        merge(found[0], found[1])


def test_lines_of_one_sku_are_summed() -> None:
    cancelled = {"item_status": "Cancelled", "quantity": "1", "item_price": "", "currency": "", "item_tax": "0.50"}
    (order,) = orders(A, A | {"quantity": "3", "item_price": "10.00", "promotion_ids": "SAVE-2,SAVE-3"}, A | cancelled)
    (item,) = order.items

    assert (item.quantity, item.cancelled_quantity, item.currency) == (6, 1, "USD")
    assert (item.amounts.item_price, item.amounts.item_tax) == (Decimal("49.90"), Decimal("6.7"))
    assert (item.amounts.gift_wrap_price, item.promotion_ids) == (None, ("SAVE-1", "SAVE-2", "SAVE-3"))


def test_currencies_are_never_summed() -> None:
    parts = orders(A, A | {"currency": "CAD"}, A | {"currency": "CAD"}, B, A | {"currency": "CAD"})

    assert [(item.currency, item.quantity) for item in parts[0].items] == [("USD", 2), ("CAD", 4)]
    assert [(item.currency, item.quantity) for item in merge(parts[0], parts[2]).items] == [("USD", 2), ("CAD", 6)]


def test_without_a_sku_the_asin_tells_items_apart() -> None:
    (order,) = orders(A | {"sku": ""}, A | {"sku": "", "asin": "B2"}, A | {"sku": ""})

    assert [(item.sku, item.asin, item.quantity) for item in order.items] == [(None, "B000000001", 4), (None, "B2", 2)]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("Shipped", "Shipped - Delivered to Buyer"), "SHIPPED"),
        (("Shipped", "Unshipped"), "PARTIALLY_SHIPPED"),
        (("Cancelled", "Shipped"), "SHIPPED"),
        (("Cancelled", "Canceled"), "CANCELLED"),
        (("Pending",), "PENDING"),
        (("Shipped", "Beamed"), "UNKNOWN"),
    ],
)
def test_an_order_has_the_status_of_all_its_lines(words: tuple[str, ...], status: str) -> None:
    whole, *rest = [part for word in words for part in orders(A | {"order_status": word})]
    for part in rest:
        whole = merge(whole, part)
    (order,) = orders(*(A | {"order_status": word} for word in words))

    assert (order.status, order.status_words) == (whole.status, whole.status_words) == (status, words)


def test_the_latest_change_counts_and_what_a_part_lacks_the_other_tells() -> None:
    late = "2026-11-25T00:00:00+00:00"
    (order,) = orders(A | {"last_updated_date": ""}, A | {"last_updated_date": late}, A)
    assert order.updated_at == datetime(2026, 11, 25, tzinfo=UTC)

    first, _, second = orders(A | {"last_updated_date": "", "ship_country": ""}, B, A | {"ship_country": "CA"})
    assert (first.updated_at, first.ship_country) == (None, None)
    assert merge(first, second).updated_at == second.updated_at
    assert merge(first, second).ship_country == "CA"


def test_an_unreadable_line_is_handed_on_and_its_neighbours_are_doubtful() -> None:
    found = grouped(
        A, A | {"quantity": "x"}, A, B, {"amazon_order_id": "C"}, A | {"quantity": "x"}, {"amazon_order_id": "D"}
    )

    assert [(order.order_id, order.may_lack_items) for order in found if isinstance(order, ReportOrder)] == [
        ("A", True),
        ("B", False),
        ("C", True),
        ("D", True),
    ]
    assert [line.number for line in found if isinstance(line, UnreadableLine)] == [3, 7]


def test_an_endless_order_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MOST_ITEMS_A_GROUP", 2)

    assert [len(order.items) for order in orders(*(A | {"sku": f"S{number}"} for number in range(5)))] == [2, 2, 1]


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "amazon-order-id": st.sampled_from(["A", "B", "C"]),
                "sku": st.sampled_from(["S1", "S2", ""]),
                "quantity": st.integers(0, 9).map(str),
                "currency": st.sampled_from(["USD", "CAD"]),
                "item-price": st.sampled_from(["", "0.10", "7.95"]),
            }
        ),
        max_size=12,
    )
)
def test_nothing_is_lost_or_doubled_in_whatever_order_lines_come(changes: list[dict[str, str]]) -> None:
    lines = ["\t".join(COLUMNS), *report(*(ROW | change for change in changes))[1:]]
    whole: dict[str, ReportOrder] = {}
    for part in group_by_order(read_report(lines)):
        assert isinstance(part, ReportOrder)
        whole[part.order_id] = merge(whole[part.order_id], part) if part.order_id in whole else part

    for order_id, order in whole.items():
        mine = [change for change in changes if change["amazon-order-id"] == order_id]
        assert order.quantity == sum(int(change["quantity"]) for change in mine)
        for currency in ("USD", "CAD"):
            told = sum(
                (Decimal(change["item-price"] or 0) for change in mine if change["currency"] == currency), Decimal()
            )
            assert (
                sum((item.amounts.item_price or 0 for item in order.items if item.currency == currency), Decimal())
                == told
            )
