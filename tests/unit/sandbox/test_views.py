"""What an order shows: `includedData`, the account's roles, the order's status."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.accounts import ADDRESS_ROLE, BASE_ROLE, Account
from sandbox.clock import ManualClock
from sandbox.placing import OrderWish
from sandbox.seller_central import SellerCentral
from sandbox.views import DATASETS

ALL = ",".join(DATASETS)
GIFT = [{"sku": "MUG-BLUE", "gift_message": "For you"}]
GERMANY = "A1PA6795UKMFR9"
TAX_ROLE = "Tax Invoicing (Restricted)"


def get(central: SellerCentral, order_id: str, account: Account, included: str = ALL) -> dict[str, Any]:
    order: dict[str, Any] = central.get_order(order_id, {"includedData": included}, account)["order"]
    return order


def test_without_included_data_there_is_no_status(central: SellerCentral, account: Account, place: Any) -> None:
    order = central.get_order(place(), {}, account)["order"]
    assert set(order) - {"programs"} == {"orderId", "createdTime", "lastUpdatedTime", "salesChannel", "orderItems"}
    assert all(set(item) == {"orderItemId", "quantityOrdered", "product"} for item in order["orderItems"])


@pytest.mark.parametrize(
    ("dataset", "order_field", "item_field"),
    [
        ("BUYER", "buyer", None),
        ("RECIPIENT", "recipient", None),
        ("PROCEEDS", "proceeds", "proceeds"),
        ("FULFILLMENT", "fulfillment", "fulfillment"),
        ("PACKAGES", "packages", None),
        ("PAYMENT", "payment", None),
    ],
)
def test_a_dataset_shows_only_when_asked_for(
    central: SellerCentral,
    account: Account,
    place: Any,
    confirmation: Any,
    dataset: str,
    order_field: str,
    item_field: str | None,
) -> None:
    order_id = place()
    central.confirm_shipment(order_id, confirmation(order_id), account)
    with_it = get(central, order_id, account, dataset)
    without = get(central, order_id, account, ",".join(name for name in DATASETS if name != dataset))
    assert order_field in with_it
    assert order_field not in without
    if item_field:
        assert item_field in with_it["orderItems"][0]
        assert item_field not in without["orderItems"][0]


@pytest.mark.parametrize(("dataset", "field"), [("PROMOTION", "promotion"), ("TAX", "tax")])
def test_what_only_some_items_have_shows_only_when_asked_for(
    central: SellerCentral, account: Account, dataset: str, field: str
) -> None:
    order_ids = central.place_orders(OrderWish(count=30))

    def show(included: str) -> list[bool]:
        orders = [get(central, order_id, account, included) for order_id in order_ids]
        return [field in item for order in orders for item in order["orderItems"]]

    have_it = show(ALL)
    assert True in have_it
    assert False in have_it
    assert show(dataset) == have_it
    assert True not in show(",".join(name for name in DATASETS if name != dataset))


def test_the_buyers_tax_registration_shows_only_when_asked_for(
    central: SellerCentral, account: Account, place: Any
) -> None:
    order_id = place(marketplace_id=GERMANY, programs=["AMAZON_BUSINESS"])
    (registration,) = get(central, order_id, account, "TAX")["tax"]["taxRegistrations"]
    assert registration["taxRegistrationNumber"].startswith("DE")
    assert "tax" not in get(central, order_id, account, ",".join(name for name in DATASETS if name != "TAX"))


def test_without_the_address_role_nobody_is_named(central: SellerCentral, place: Any) -> None:
    order_id = place(programs=["AMAZON_BUSINESS"], lines=GIFT)
    order = get(central, order_id, Account(account="main", roles=[BASE_ROLE]))
    assert "recipient" not in order
    assert "buyer" not in order
    assert order["orderItems"][0]["fulfillment"]["packing"] == {"giftOption": {"giftWrapLevel": "STANDARD"}}

    order = get(central, order_id, Account(account="main", roles=[BASE_ROLE, ADDRESS_ROLE]))
    assert order["recipient"]["deliveryAddress"]["phone"]
    assert order["buyer"]["buyerEmail"]
    assert order["buyer"]["buyerCompanyName"] == order["recipient"]["deliveryAddress"]["companyName"]
    assert order["orderItems"][0]["fulfillment"]["packing"]["giftOption"]["giftMessage"] == "For you"


def test_an_order_fulfilled_by_amazon_has_no_phone_e_mail_gift_or_ship_date(central: SellerCentral, place: Any) -> None:
    order_id = place(fulfilled_by="AMAZON", lines=GIFT)
    order = get(central, order_id, Account(account="main"))
    assert "buyer" not in order
    assert "phone" not in order["recipient"]["deliveryAddress"]
    assert "shipByWindow" not in order["fulfillment"]
    assert "packing" not in order["orderItems"][0]["fulfillment"]
    named = get(central, order_id, Account(account="main", roles=[TAX_ROLE]))
    assert list(named["buyer"]) == ["buyerName"]


def test_a_pending_order_has_neither_person_nor_price(central: SellerCentral, account: Account, place: Any) -> None:
    order_id = place(status="PENDING", lines=GIFT)
    order = get(central, order_id, account)
    assert order["fulfillment"]["fulfillmentStatus"] == "PENDING"
    assert {"recipient", "buyer", "proceeds", "payment", "tax"}.isdisjoint(order)
    item = order["orderItems"][0]
    assert "price" not in item["product"]
    assert {"proceeds", "promotion", "tax"}.isdisjoint(item)
    assert "packing" not in item["fulfillment"]

    central.change_order(order_id, lambda order, now: order.release(now))
    order = get(central, order_id, account)
    assert order["fulfillment"]["fulfillmentStatus"] == "UNSHIPPED"
    assert {"recipient", "buyer", "proceeds", "payment"} <= set(order)


def test_a_wish_to_cancel_and_a_cancellation(
    central: SellerCentral, account: Account, clock: ManualClock, place: Any
) -> None:
    order_id = place(lines=2)
    assert "cancellation" not in get(central, order_id, account)["orderItems"][0]
    clock.advance(60)
    central.change_order(order_id, lambda order, now: order.request_cancel("Found a better price", now))
    order = get(central, order_id, account)
    assert order["lastUpdatedTime"] == "2026-11-23T12:01:00Z"
    assert [item["cancellation"] for item in order["orderItems"]] == [
        {"cancellationRequest": {"requester": "BUYER", "cancelReason": "Found a better price"}}
    ] * 2
    central.change_order(order_id, lambda order, now: order.cancel("MERCHANT", "Buyer asked", now))
    order = get(central, order_id, account)
    assert order["fulfillment"]["fulfillmentStatus"] == "CANCELLED"
    assert order["orderItems"][0]["cancellation"]["cancellationExecution"]["cancelledBy"] == "MERCHANT"
    assert order["orderItems"][0]["fulfillment"] == {"quantityFulfilled": 0, "quantityUnfulfilled": 0}
    assert "recipient" not in order
    assert "cancellation" not in get(central, order_id, account, "FULFILLMENT")["orderItems"][0]


def test_the_phone_of_a_shipped_order_is_gone_after_its_latest_delivery_date(
    central: SellerCentral, account: Account, clock: ManualClock, place: Any, confirmation: Any
) -> None:
    order_id = place()
    central.confirm_shipment(order_id, confirmation(order_id), account)
    assert "phone" in get(central, order_id, account)["recipient"]["deliveryAddress"]
    clock.advance(15 * 86400)
    assert "phone" not in get(central, order_id, account)["recipient"]["deliveryAddress"]
