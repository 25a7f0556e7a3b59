"""searchOrders and getOrder 2026-01-01: what we ask, and what we make of the answer."""

from __future__ import annotations

import gc
import json
import logging
import traceback
import tracemalloc
import weakref
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from orderbridge.amazon import BadAnswer, NotFound, Order, get_order, search_orders
from orderbridge.amazon.orders import UnreadableOrder
from tests.unit.amazon.loopback import START, Loopback, Said, refused, said, then

PERSONAL = ("Grace", "grace@example.com", "1 Navy Yard", "Happy birthday")


def test_a_first_page_is_asked_in_amazons_form(amazon: Loopback) -> None:
    amazon.api = then(said({"orders": []}))
    search_orders(
        amazon.connection(),
        last_updated_after=datetime(2026, 11, 23, 10, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=1))),
        last_updated_before=datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
        marketplace_ids=("ATVPDKIKX0DER", "A1F83G8C2ARO7P"),
        fulfilled_by=("MERCHANT",),
        statuses=("UNSHIPPED", "SHIPPED"),
    )

    assert amazon.api_calls[0].query == {
        "lastUpdatedAfter": "2026-11-23T09:00:00Z",
        "lastUpdatedBefore": "2026-11-23T09:30:00Z",
        "marketplaceIds": "ATVPDKIKX0DER,A1F83G8C2ARO7P",
        "fulfilledBy": "MERCHANT",
        "fulfillmentStatuses": "UNSHIPPED,SHIPPED",
        "includedData": "BUYER,RECIPIENT,PROCEEDS,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,TAX,PAYMENT",
        "maxResultsPerPage": "100",
    }


def test_the_next_page_is_the_same_question_with_the_token_encoded_once(amazon: Loopback) -> None:
    token = "a+b/c==%2B é"
    answer = {"orders": [], "pagination": {"nextToken": token}, "createdBefore": "2026-11-23T09:00:00Z"}
    amazon.api = then(said(answer), said({"orders": []}))
    connection = amazon.connection()

    first = search_orders(connection, created_after=START, marketplace_ids=("ATVPDKIKX0DER",))
    last = search_orders(
        connection, created_after=START, marketplace_ids=("ATVPDKIKX0DER",), pagination_token=first.next_token
    )

    one, two = amazon.api_calls
    assert two.target == f"{one.target}&paginationToken=a%2Bb%2Fc%3D%3D%252B%20%C3%A9"
    assert two.query == one.query | {"paginationToken": token}
    assert (first.next_token, first.created_before, first.last_updated_before) == (token, START, None)
    assert last.next_token is None


@pytest.mark.parametrize("pagination", [None, {}, {"nextToken": None}, {"nextToken": ""}])
def test_the_last_page_has_no_token(amazon: Loopback, pagination: Any) -> None:
    amazon.api = then(said({"orders": [], "pagination": pagination, "lastUpdatedBefore": "2026-11-23T09:00:00Z"}))
    page = search_orders(amazon.connection(), last_updated_after=START)

    assert (page.next_token, page.last_updated_before) == (None, START)


def test_an_order_that_cannot_be_read_takes_no_other_with_it(amazon: Loopback, order: dict[str, Any]) -> None:
    wrong = order | {"orderId": "1", "createdTime": "Grace", "orderItems": [{"orderItemId": "7", "product": {}}]}
    amazon.api = then(said({"orders": [wrong, order, "Grace", order | {"orderId": {"Grace": 1}}]}))
    page = search_orders(amazon.connection(), last_updated_after=START)

    assert [read.order_id for read in page.orders()] == [order["orderId"]]
    unreadable = [one for one in page.read() if isinstance(one, UnreadableOrder)]
    assert [entry.order_id for entry in unreadable] == ["1", None, None]
    assert unreadable[0].error.startswith("createdTime: Input should be a valid datetime")
    assert "orderItems.0.quantityOrdered: Field required" in unreadable[0].error
    assert unreadable[2] == UnreadableOrder(None, "orderId: Input should be a valid string")
    assert not any(personal in entry.error for entry in unreadable for personal in PERSONAL)
    assert not any(personal in repr(page) for personal in PERSONAL)


def test_a_page_is_read_an_order_at_a_time(amazon: Loopback, order: dict[str, Any]) -> None:
    """A page that is read whole, by each thread that imports, is most of an importer's memory."""
    amazon.api = then(said({"orders": [order] * 3}))
    page = search_orders(amazon.connection(), last_updated_after=START)

    alive = [weakref.ref(one) for one in page.read()]
    gc.collect()
    assert [ref() for ref in alive] == [None] * 3


def test_a_page_in_hand_is_hardly_larger_than_what_came(amazon: Loopback, order: dict[str, Any]) -> None:
    """Read, be it as dicts alone, it is five times as large, and a process has many in hand."""
    amazon.api = then(said({"orders": [order] * 100}))
    tracemalloc.start()
    page = search_orders(amazon.connection(), last_updated_after=START)
    assert len(list(page.orders())) == 100

    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    del page
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert before - after < 1.5 * 100 * len(json.dumps(order))


def test_what_is_new_or_absent_or_null_is_no_trouble(amazon: Loopback, order: dict[str, Any]) -> None:
    order |= {
        "programs": None,
        "fulfillment": {"fulfillmentStatus": "BEAMED", "fulfilledBy": "ROBOT", "telepathy": True},
        "proceeds": {"grandTotal": {"amount": "19940", "currencyCode": "JPY"}},
        "createdTime": "2026-11-23T10:14:05.250+01:00",
        "moonPhase": "full",
    }
    amazon.api = then(said({"orders": [order]}))
    (read,) = search_orders(amazon.connection(), last_updated_after=START).orders()

    assert (read.programs, read.packages, read.recipient) == ((), (), None)
    assert read.fulfillment is not None
    assert (read.fulfillment.fulfillment_status, read.fulfillment.fulfilled_by) == ("BEAMED", "ROBOT")
    assert read.created_time == datetime(2026, 11, 23, 9, 14, 5, 250_000, tzinfo=UTC)
    assert read.created_time.tzinfo is UTC
    assert read.order_items[0].product.seller_sku is None


@pytest.mark.parametrize("amount", ['"19.90"', "19.90"])
def test_money_is_exact(amazon: Loopback, order: dict[str, Any], amount: str) -> None:
    order["proceeds"] = {"grandTotal": {"amount": "AMOUNT", "currencyCode": "USD"}}
    body = json.dumps({"order": order}).replace('"AMOUNT"', amount)
    amazon.api = then(Said(200, body.encode()))
    read = get_order(amazon.connection(), "1").order

    assert read.proceeds is not None
    assert read.proceeds.grand_total is not None
    assert str(read.proceeds.grand_total.amount) == "19.90"
    assert isinstance(read.proceeds.grand_total.amount, Decimal)


def test_personal_data_shows_in_no_repr_log_or_traceback(
    amazon: Loopback, order: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    order["recipient"] = {"deliveryAddress": {"name": "Grace Hopper", "addressLine1": "1 Navy Yard"}}
    order["orderItems"][0]["fulfillment"] = {"packing": {"giftOption": {"giftMessage": "Happy birthday"}}}
    amazon.api = then(said({"order": order}), said({"order": order | {"orderItems": "Grace"}}))

    answer = get_order(amazon.connection(), "1")
    with pytest.raises(BadAnswer, match="orderItems") as caught:
        get_order(amazon.connection(), "1")

    address = answer.order.recipient and answer.order.recipient.delivery_address
    assert address
    assert address.address_line1 == "1 Navy Yard"
    shown = repr(answer) + str(answer.order) + caplog.text + "".join(traceback.format_exception(caught.value))
    assert not any(personal in shown for personal in PERSONAL)
    with pytest.raises(ValidationError) as invalid:
        Order.model_validate(order | {"buyer": "Grace"})
    assert "Grace" not in str(invalid.value)
    assert caught.value.__context__ is None, "the parser's exception holds the values"


@pytest.mark.parametrize(
    "body", [b'{"orders": [', b"", b"null", b"[]", b"{}", b'{"orders": {}}', b"\xff", b"[" * 100_000]
)
def test_what_is_not_a_page_is_a_bad_answer(amazon: Loopback, body: bytes) -> None:
    amazon.api = then(Said(200, body, {"x-amzn-RequestId": "r-1"}))

    with pytest.raises(BadAnswer) as caught:
        search_orders(amazon.connection(), last_updated_after=START)
    assert (caught.value.status, caught.value.request_id, caught.value.__context__) == (200, "r-1", None)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, "exactly one"),
        ({"last_updated_after": START, "created_after": START}, "exactly one"),
        ({"last_updated_after": START, "created_before": START}, "same kind"),
        ({"created_after": START, "last_updated_before": START}, "same kind"),
        ({"created_after": START, "max_results": 0}, "max_results"),
        ({"created_after": START, "max_results": 101}, "max_results"),
        ({"created_after": START, "marketplace_ids": ("A",) * 51}, "marketplaces"),
        ({"created_after": START.replace(tzinfo=None)}, "time zone"),
    ],
)
def test_a_question_that_amazon_rules_out_is_not_asked(amazon: Loopback, wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        search_orders(amazon.connection(), **wrong)
    assert amazon.calls == []


def test_one_order_is_asked_by_its_id(amazon: Loopback, order: dict[str, Any]) -> None:
    amazon.api = then(said({"order": order}), refused(404, "NotFound", "no such order"))
    connection = amazon.connection()
    answer = get_order(connection, "114-3941689-8772232", included_data=("FULFILLMENT", "PACKAGES"))

    assert answer.order.order_id == "114-3941689-8772232"
    assert answer.answer.status == 200
    assert amazon.api_calls[0].target == (
        "/orders/2026-01-01/orders/114-3941689-8772232?includedData=FULFILLMENT%2CPACKAGES"
    )
    with pytest.raises(NotFound):
        get_order(connection, "114-0000000-0000000")
