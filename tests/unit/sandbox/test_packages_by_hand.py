"""What a seller does to packages in Seller Central, past whoever confirmed them."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from sandbox.accounts import Account
from sandbox.errors import Impossible
from sandbox.seller_central import SellerCentral
from tests.unit.sandbox.conftest import Confirmation, Place

LINES = [{"sku": "MUG-BLUE", "quantity": 2}, {"sku": "TEAPOT-1L", "quantity": 1}]


@pytest.fixture
def shipped(central: SellerCentral, place: Place, confirmation: Confirmation, account: Account) -> str:
    """An order that is wholly in package 1."""
    order_id = place(lines=LINES)
    central.confirm_shipment(order_id, confirmation(order_id), account)
    return order_id


def seen(central: SellerCentral, order_id: str, account: Account) -> dict[str, Any]:
    order: dict[str, Any] = central.get_order(order_id, {"includedData": "FULFILLMENT,PACKAGES"}, account)["order"]
    return order


def test_a_package_is_edited(central: SellerCentral, url: str, shipped: str, account: Account) -> None:
    before = seen(central, shipped, account)
    mug = before["orderItems"][0]["orderItemId"]
    path = f"{url}/_sandbox/orders/{shipped}/packages/1"
    answer = requests.post(path, json={"tracking_number": "OTHER", "quantities": {mug: 1}}, timeout=5)
    assert answer.json() == {"order_id": shipped, "status": "PARTIALLY_SHIPPED"}
    (package,) = seen(central, shipped, account)["packages"]
    assert package["trackingNumber"] == "OTHER"
    assert package["packageItems"] == [{"orderItemId": mug, "quantity": 1}]
    assert central.books()["orders"][shipped]["packages"]["1"]["calls"] == 1


def test_a_package_is_deleted(central: SellerCentral, url: str, shipped: str, account: Account) -> None:
    answer = requests.delete(f"{url}/_sandbox/orders/{shipped}/packages/1", timeout=5)
    assert answer.json() == {"order_id": shipped, "status": "UNSHIPPED"}
    assert "packages" not in seen(central, shipped, account)


def test_only_the_number(central: SellerCentral, shipped: str, account: Account) -> None:
    before = seen(central, shipped, account)["packages"][0]["packageItems"]
    central.change_order(shipped, lambda order, now: order.change_package("1", "OTHER", {}, now))
    after = seen(central, shipped, account)
    assert after["packages"][0]["packageItems"] == before
    assert after["fulfillment"]["fulfillmentStatus"] == "SHIPPED"


@pytest.mark.parametrize(("reference_id", "quantities"), [("2", {}), ("1", {"NO-SUCH-ITEM": 1}), ("1", {"mug": 3})])
def test_what_cannot_be(
    central: SellerCentral, shipped: str, account: Account, reference_id: str, quantities: dict[str, int]
) -> None:
    mug = seen(central, shipped, account)["orderItems"][0]["orderItemId"]
    wish = {mug if item == "mug" else item: count for item, count in quantities.items()}
    with pytest.raises(Impossible):
        central.change_order(shipped, lambda order, now: order.change_package(reference_id, None, wish, now))


def test_an_edit_is_no_wish_of_the_buyers(central: SellerCentral, shipped: str) -> None:
    told: list[str] = []
    central._tell = lambda order, change_type: told.append(change_type)  # type: ignore[method-assign]  # listens in
    central.change_order(shipped, lambda order, now: order.change_package("1", "OTHER", {}, now))
    assert told == []
    central.change_order(shipped, lambda order, now: order.delete_package("1", now))
    central.change_order(shipped, lambda order, now: order.request_cancel("mistake", now))
    assert told == ["OrderStatusChange", "BuyerRequestedChange"]
