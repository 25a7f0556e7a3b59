"""How much of a line has shipped, is cancelled and is left, whatever an answer of Amazon's leaves out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orderbridge.amazon import Order
from schemas.orders import Line, OrderDocument
from services.importer.mapping import to_document
from tests.unit.importer.conftest import account

BY_US: dict[str, Any] = {"cancellationExecution": {"cancelledBy": "MERCHANT", "cancelReason": "NO_INVENTORY"}}


def order(status: str | None = "UNSHIPPED", *, ordered: int = 3, **item: Any) -> Order:
    """An order of one line; `item` has more of it, by Amazon's names."""
    return Order.model_validate(
        {
            "orderId": "114-1234567-1234567",
            "createdTime": "2026-11-24T09:00:00Z",
            "lastUpdatedTime": "2026-11-24T09:00:00Z",
            "salesChannel": {"channelName": "AMAZON", "marketplaceId": "ATVPDKIKX0DER"},
            "fulfillment": {"fulfillmentStatus": status, "fulfilledBy": "MERCHANT"} if status else None,
            "orderItems": [{"orderItemId": "1", "quantityOrdered": ordered, "product": {}, **item}],
        }
    )


def amounts(fulfilled: int | None = None, unfulfilled: int | None = None) -> dict[str, int]:
    told = {"quantityFulfilled": fulfilled, "quantityUnfulfilled": unfulfilled}
    return {name: quantity for name, quantity in told.items() if quantity is not None}


def line(told: Order, known: OrderDocument | None = None, left_out: tuple[str, ...] = ()) -> Line:
    return to_document(account(), told, known, left_out).lines[0]


@pytest.mark.parametrize(
    ("fulfillment", "cancelled"),
    [
        (amounts(0, 2), 1),
        (amounts(1, 1), 1),
        (amounts(0, 0), 3),
        (amounts(1, 0), 2),
        (amounts(0, 3), 0),
        (amounts(1, 5), 0),
        (amounts(1), 2),
        ({}, 3),
    ],
)
def test_what_remains_to_be_shipped_is_not_cancelled(fulfillment: dict[str, int], cancelled: int) -> None:
    """`quantityUnfulfilled`: "units of this item that remain to be processed and shipped"."""
    assert line(order(cancellation=BY_US, fulfillment=fulfillment)).quantity_cancelled == cancelled
    assert line(order(fulfillment=fulfillment)).quantity_cancelled == 0


@pytest.mark.parametrize("unfulfilled", [0, 2, None])
def test_nothing_is_left_of_a_cancelled_order(unfulfilled: int | None) -> None:
    assert line(order("CANCELLED", fulfillment=amounts(1, unfulfilled))).quantity_cancelled == 2


def test_an_answer_without_quantities_changes_none() -> None:
    known = to_document(account(), order(cancellation=BY_US, fulfillment=amounts(1, 1)), None)
    for less in (order(None, cancellation=BY_US), order(cancellation=BY_US, fulfillment={})):
        now = line(less, known)
        assert (now.quantity_shipped, now.quantity_cancelled, now.cancelled_by) == (1, 1, "merchant")
    shipped = to_document(account(), order("CANCELLED", fulfillment=amounts(1, 0)), None)
    now = line(order(None), shipped)
    assert (now.quantity_shipped, now.quantity_cancelled) == (1, 2)


@pytest.mark.parametrize("left_out", [(), ("CANCELLATION",)])
def test_no_more_has_gone_than_was_ordered(left_out: tuple[str, ...]) -> None:
    known = to_document(account(), order(cancellation=BY_US, fulfillment=amounts(0, 1)), None)
    assert known.lines[0].quantity_cancelled == 2
    now = line(order(fulfillment=amounts(2, 1), cancellation=None if left_out else BY_US), known, left_out)
    assert now.quantity_shipped + now.quantity_cancelled <= now.quantity


def test_promotions_stay_while_amazon_refuses_them() -> None:
    promoted = order(promotion={"breakdowns": [{"promotionId": "SAVE3"}]})
    known = to_document(account(), promoted, None)
    assert line(order(), known, ("PROMOTION",)).promotion_ids == ("SAVE3",)
    assert line(order(), known).promotion_ids == ()


@pytest.mark.parametrize(
    ("amount", "told"),
    [("3.333333", "3.3333"), ("0.00005", "0.0000"), ("0.00015", "0.0002"), ("9.99", "9.99"), ("1E+1", "10")],
)
def test_a_unit_price_of_many_decimals_is_rounded(amount: str, told: str) -> None:
    """An event carries four; the sums are Amazon's own, and are not computed from it."""
    price = {"unitPrice": {"amount": amount, "currencyCode": "USD"}}
    found = line(order(product={"price": price})).unit_price
    assert found is not None
    assert found.amount == Decimal(told)


def test_a_unit_price_beyond_all_reason_is_a_clear_error() -> None:
    price = {"unitPrice": {"amount": "1" * 40 + ".123456", "currencyCode": "USD"}}
    with pytest.raises(ValueError, match="decimal string"):
        line(order(product={"price": price}))
