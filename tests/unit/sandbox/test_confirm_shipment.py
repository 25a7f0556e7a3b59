"""What confirmShipment refuses, and what an accepted confirmation does."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.accounts import DEFAULT_ACCOUNT, Account
from sandbox.clock import ManualClock, SystemClock
from sandbox.database import Database
from sandbox.errors import AmazonError
from sandbox.orders import Order
from sandbox.placing import OrderWish
from sandbox.seller_central import SellerCentral

TWO_LINES = [{"sku": "MUG-BLUE", "quantity": 2}, {"sku": "TEAPOT-1L", "quantity": 1}]


def refused(central: SellerCentral, account: Account, order_id: str, body: Any) -> AmazonError:
    """The refusal of this body; the order must be as it was, and the refusal must stand in the books."""
    before = central.books()
    with pytest.raises(AmazonError) as caught:
        central.confirm_shipment(order_id, body, account)
    after = central.books()
    if order_id in after["orders"]:
        entry = after["orders"][order_id]["refused"].pop()
        assert after == before
    else:
        entry = after["unknown_orders"].pop()
    assert (entry["code"], entry["message"], entry["body"]) == (caught.value.code, caught.value.message, body)
    return caught.value


def status_of(central: SellerCentral, account: Account, order_id: str) -> str:
    order = central.get_order(order_id, {"includedData": "FULFILLMENT"}, account)["order"]
    return str(order["fulfillment"]["fulfillmentStatus"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"packageReferenceId": 1}, "invalid type [packageDetail.packageReferenceId]"),
        ({"packageReferenceId": None}, "PackageReferenceId: is invalid, must be a positive numeric value."),
        ({"packageReferenceId": ""}, "PackageReferenceId: is invalid, must be a positive numeric value."),
        ({"packageReferenceId": "0"}, "PackageReferenceId: is invalid, must be a positive numeric value."),
        ({"packageReferenceId": "-1"}, "PackageReferenceId: is invalid, must be a positive numeric value."),
        ({"packageReferenceId": "P1"}, "PackageReferenceId: is invalid, must be a positive numeric value."),
        ({"packageReferenceId": "1.5"}, "PackageReferenceId: is invalid, must be a positive numeric value."),
        ({"packageReferenceId": "٣"}, "PackageReferenceId: is invalid, must be a positive numeric value."),
        ({"shipDate": None}, "ShipDate: is missing or invalid."),
        ({"shipDate": "2026-11-23T12:00:00+00:00"}, "must be formatted by ISO 8601 standards"),
        ({"shipDate": "2026-11-23T12:00:00"}, "must be formatted by ISO 8601 standards"),
        ({"shipDate": "2026-11-23"}, "must be formatted by ISO 8601 standards"),
        ({"shipDate": "02/21/2022"}, "must be formatted by ISO 8601 standards"),
        ({"shipDate": "2026-02-30T12:00:00Z"}, "must be formatted by ISO 8601 standards"),
        ({"shipDate": "2026-11-23T12:00:01Z"}, "ShipDate: is invalid, must not be in the future."),
        ({"shipDate": "2026-11-23T11:59:59Z"}, "must not be before the purchase date"),
        ({"carrierCode": None}, "CarrierCode: is missing or invalid."),
        ({"carrierCode": " "}, "CarrierCode: is missing or invalid."),
        ({"carrierCode": "Other"}, "CarrierName: is missing or invalid."),
        ({"trackingNumber": None}, "TrackingNumber: is missing or invalid."),
        ({"trackingNumber": 17}, "TrackingNumber: is missing or invalid."),
        ({"shippingMethod": 3}, "ShippingMethod: is missing or invalid."),
        ({"orderItems": None}, "OrderItemId is invalid, please obtain the value"),
        ({"orderItems": []}, "OrderItemId is invalid, please obtain the value"),
        ({"orderItems": {"orderItemId": "1", "quantity": 1}}, "OrderItemId is invalid, please obtain the value"),
        ({"orderItems": [{"orderItemId": "99", "quantity": 1}]}, "OrderItemId is invalid, please obtain the value"),
        ({"orderItems": ["99"]}, "OrderItemId is invalid, please obtain the value"),
        ({"orderItems": [{"orderItemId": ["99"], "quantity": 1}]}, "OrderItemId is invalid"),
    ],
)
def test_a_wrong_field_is_refused(
    central: SellerCentral, account: Account, place: Any, confirmation: Any, changes: dict[str, Any], words: str
) -> None:
    order_id = place()
    error = refused(central, account, order_id, confirmation(order_id, **changes))
    assert (error.status, error.code) == (400, "InvalidInput")
    assert words in error.message


@pytest.mark.parametrize("quantity", [0, -1, "1", 1.0, True, None])
def test_a_quantity_is_a_positive_integer(
    central: SellerCentral, account: Account, place: Any, confirmation: Any, quantity: Any
) -> None:
    order_id = place()
    body = confirmation(order_id)
    body["packageDetail"]["orderItems"][0]["quantity"] = quantity
    assert "Quantity: is invalid" in refused(central, account, order_id, body).message


@pytest.mark.parametrize("body", [None, [], "text", {}, {"packageDetail": []}, {"marketplaceId": "ATVPDKIKX0DER"}])
def test_a_body_of_another_shape_is_refused(central: SellerCentral, account: Account, place: Any, body: Any) -> None:
    assert refused(central, account, place(), body).status == 400


def test_an_order_is_confirmed_in_its_marketplace_only(
    central: SellerCentral, account: Account, place: Any, confirmation: Any
) -> None:
    order_id = place()
    body = confirmation(order_id) | {"marketplaceId": "A1PA6795UKMFR9"}
    assert "MarketplaceId is invalid" in refused(central, account, order_id, body).message


def test_cash_on_delivery_is_japanese(central: SellerCentral, account: Account, place: Any, confirmation: Any) -> None:
    order_id = place()
    body = confirmation(order_id) | {"codCollectionMethod": "DirectPayment"}
    assert "CodCollectionMethod" in refused(central, account, order_id, body).message


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"fulfilled_by": "AMAZON"}, "fulfilled by Amazon"),
        ({"programs": ["FBM_SHIP_PLUS"]}, "Ship+"),
        ({"status": "PENDING"}, "it is pending"),
    ],
)
def test_some_orders_are_not_the_sellers_to_confirm(
    central: SellerCentral, account: Account, place: Any, confirmation: Any, wish: dict[str, Any], words: str
) -> None:
    order_id = place(**wish)
    error = refused(central, account, order_id, confirmation(order_id))
    assert error.status == 400
    assert words in error.message


def test_a_cancelled_order_is_refused(central: SellerCentral, account: Account, place: Any, confirmation: Any) -> None:
    order_id = place()
    central.change_order(order_id, lambda order, now: order.cancel("BUYER", "mistake", now))
    assert "it is cancelled" in refused(central, account, order_id, confirmation(order_id)).message


def test_an_unknown_order_and_one_of_another_seller_are_not_found(
    central: SellerCentral, account: Account, place: Any, confirmation: Any
) -> None:
    body = confirmation(place())
    assert refused(central, account, "114-0000000-0000000", body).status == 404
    central.save_account(Account(account="other"))
    foreign = place(account="other")
    assert refused(central, account, foreign, body).status == 404


def test_an_order_id_has_its_form(central: SellerCentral, account: Account, place: Any, confirmation: Any) -> None:
    error = refused(central, account, "AMZ-114-0000000-0000000", confirmation(place()))
    assert (error.status, error.code) == (400, "InvalidInput")


def test_a_confirmation_ships_the_order(
    central: SellerCentral, account: Account, clock: ManualClock, place: Any, confirmation: Any
) -> None:
    order_id = place(lines=TWO_LINES)
    clock.advance(3600)
    body = confirmation(order_id, carrierCode="Other", carrierName="Bike Courier")
    central.confirm_shipment(order_id, body, account)
    order = central.get_order(order_id, {"includedData": "FULFILLMENT,PACKAGES"}, account)["order"]
    assert order["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
    assert order["lastUpdatedTime"] == "2026-11-23T13:00:00Z"
    assert order["createdTime"] == "2026-11-23T12:00:00Z"
    assert [item["fulfillment"]["quantityUnfulfilled"] for item in order["orderItems"]] == [0, 0]
    assert order["packages"] == [
        {
            "packageReferenceId": "1",
            "createdTime": "2026-11-23T13:00:00Z",
            "packageStatus": {"status": "SHIPPED"},
            "carrier": "Bike Courier",
            "shipTime": "2026-11-23T13:00:00Z",
            "shippingService": "Ground",
            "trackingNumber": "1Z999AA10123456784",
            "packageItems": body["packageDetail"]["orderItems"],
        }
    ]


def test_two_packages_ship_an_order_in_parts(
    central: SellerCentral, account: Account, place: Any, confirmation: Any
) -> None:
    order_id = place(lines=TWO_LINES)
    mugs, teapot = confirmation(order_id)["packageDetail"]["orderItems"]
    central.confirm_shipment(order_id, confirmation(order_id, orderItems=[mugs]), account)
    assert status_of(central, account, order_id) == "PARTIALLY_SHIPPED"
    central.confirm_shipment(order_id, confirmation(order_id, packageReferenceId="2", orderItems=[teapot]), account)
    assert status_of(central, account, order_id) == "SHIPPED"
    assert sorted(central.books()["orders"][order_id]["packages"]) == ["1", "2"]


def test_no_more_ships_than_was_ordered_over_all_packages(
    central: SellerCentral, account: Account, place: Any, confirmation: Any
) -> None:
    order_id = place(lines=TWO_LINES)
    mug = confirmation(order_id)["packageDetail"]["orderItems"][0]["orderItemId"]
    one, three = ([{"orderItemId": mug, "quantity": quantity}] for quantity in (1, 3))
    assert (
        "more than was ordered" in refused(central, account, order_id, confirmation(order_id, orderItems=three)).message
    )
    twice_in_one = confirmation(order_id, orderItems=[{"orderItemId": mug, "quantity": 2}, *one])
    assert "more than was ordered" in refused(central, account, order_id, twice_in_one).message
    for reference_id in ("1", "2"):
        body = confirmation(order_id, packageReferenceId=reference_id, orderItems=one)
        central.confirm_shipment(order_id, body, account)
    third = confirmation(order_id, packageReferenceId="3", orderItems=one)
    assert "more than was ordered" in refused(central, account, order_id, third).message


def test_a_new_package_on_a_shipped_order_is_refused(
    central: SellerCentral, account: Account, place: Any, confirmation: Any
) -> None:
    order_id = place()
    central.confirm_shipment(order_id, confirmation(order_id), account)
    error = refused(central, account, order_id, confirmation(order_id, packageReferenceId="2"))
    assert error.status == 400
    assert "order already fulfilled" in error.message
    assert "PackageToUpdateNotFound" in error.message


def test_the_same_reference_edits_the_package(
    central: SellerCentral, account: Account, clock: ManualClock, place: Any, confirmation: Any
) -> None:
    order_id = place(lines=TWO_LINES)
    whole = confirmation(order_id)
    central.confirm_shipment(order_id, whole, account)
    clock.advance(10)
    central.confirm_shipment(order_id, whole, account)
    package = central.books()["orders"][order_id]["packages"]["1"]
    assert (package["calls"], package["identical"]) == (2, 1)
    assert package["received_at"] == ["2026-11-23T12:00:00.000000+00:00", "2026-11-23T12:00:10.000000+00:00"]
    order = central.get_order(order_id, {}, account)["order"]
    assert order["lastUpdatedTime"] == "2026-11-23T12:00:00Z"  # nothing changed

    clock.advance(10)
    less = confirmation(order_id, trackingNumber="1Z2", orderItems=whole["packageDetail"]["orderItems"][:1])
    central.confirm_shipment(order_id, less, account)
    package = central.books()["orders"][order_id]["packages"]["1"]
    assert (package["calls"], package["identical"]) == (3, 1)
    assert package["content"] == less["packageDetail"]
    assert status_of(central, account, order_id) == "PARTIALLY_SHIPPED"
    order = central.get_order(order_id, {}, account)["order"]
    assert order["lastUpdatedTime"] == "2026-11-23T12:00:20Z"


def test_an_order_of_the_past_ships_after_its_purchase(
    central: SellerCentral, account: Account, clock: ManualClock, place: Any, confirmation: Any
) -> None:
    bought = clock.now() - timedelta(days=29)
    order_id = place(created_at=bought)
    central.confirm_shipment(order_id, confirmation(order_id, shipDate="2026-10-25T12:00:00.000Z"), account)
    assert status_of(central, account, order_id) == "SHIPPED"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150)
@given(
    field=st.sampled_from(
        ["packageReferenceId", "carrierCode", "carrierName", "trackingNumber", "shipDate", "orderItems"]
    ),
    value=JSON,
)
def test_any_json_is_taken_or_refused(field: str, value: Any) -> None:
    """No body, however odd, brings an error other than Amazon's."""
    database = Database()
    central = SellerCentral(database, SystemClock())
    order_id = central.place_orders(OrderWish(lines=1))[0]
    order = central.books()["orders"][order_id]
    line = order["lines"][0]
    detail = {
        "packageReferenceId": "1",
        "carrierCode": "UPS",
        "trackingNumber": "1Z",
        "shipDate": order["created_at"].replace(".000000+00:00", "Z"),
        "orderItems": [{"orderItemId": line["order_item_id"], "quantity": 1}],
        field: value,
    }
    body = {"marketplaceId": order["marketplace_id"], "packageDetail": detail}
    with suppress(AmazonError):
        central.confirm_shipment(order_id, body, DEFAULT_ACCOUNT)
    book = central.books()["orders"][order_id]
    assert len(book["packages"]) + len(book["refused"]) == 1
    database.close()


def test_amazon_ships_its_own(central: SellerCentral, account: Account, place: Any) -> None:
    order_id = place(fulfilled_by="AMAZON")
    central.change_order(order_id, Order.ship_by_amazon)
    assert status_of(central, account, order_id) == "SHIPPED"
