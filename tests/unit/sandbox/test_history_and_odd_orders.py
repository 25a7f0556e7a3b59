"""Orders from the past, hidden ones and odd ones."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sandbox.accounts import ADDRESS_ROLE, BASE_ROLE, Account
from sandbox.clock import ManualClock
from sandbox.errors import Impossible
from sandbox.marketplaces import MARKETPLACES
from sandbox.odd import ODD
from sandbox.placing import OrderWish
from sandbox.seller_central import SellerCentral
from sandbox.views import DATASETS

ALL = {"includedData": ",".join(DATASETS)}
SINCE = {"lastUpdatedAfter": "2026-01-01T00:00:00Z", "includedData": "FULFILLMENT"}


@pytest.fixture
def everywhere(central: SellerCentral) -> Account:
    account = Account(account="everywhere", marketplaces=list(MARKETPLACES))
    central.save_account(account)
    return account


@pytest.mark.parametrize(
    ("status", "updated"),
    [
        ("unshipped", ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z"]),
        ("cancelled", ["2026-11-01T01:00:00Z", "2026-11-02T01:00:00Z", "2026-11-03T01:00:00Z"]),
        ("shipped", ["2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z", "2026-11-04T00:00:00Z"]),
    ],
)
def test_history_is_spread_evenly_and_there_at_once(
    central: SellerCentral, account: Account, status: str, updated: list[str]
) -> None:
    wish = {"count": 3, "created_at": "2026-11-01T00:00:00Z", "spread_over_seconds": 2 * 86400, "history": True}
    order_ids = central.place_orders(OrderWish.model_validate(wish | {"status": status}))
    orders = central.search_orders(SINCE, account)["orders"]
    assert [order["orderId"] for order in orders] == order_ids
    assert [order["createdTime"][:10] for order in orders] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    assert [order["lastUpdatedTime"] for order in orders] == updated
    assert {order["fulfillment"]["fulfillmentStatus"] for order in orders} == {status.upper()}


def test_without_history_they_are_news(central: SellerCentral, account: Account, clock: ManualClock) -> None:
    central.place_orders(OrderWish.model_validate({"created_at": "2026-11-01T00:00:00Z", "status": "shipped"}))
    assert central.search_orders(SINCE, account)["orders"] == []
    clock.advance(120)
    (order,) = central.search_orders(SINCE, account)["orders"]
    assert order["lastUpdatedTime"] == "2026-11-23T12:00:00Z"
    assert central.get_order(order["orderId"], ALL, account)["order"]["packages"][0]["trackingNumber"]


def test_the_last_of_a_spread_may_not_lie_in_the_future(central: SellerCentral) -> None:
    with pytest.raises(Impossible):
        central.place_orders(
            OrderWish.model_validate({"count": 2, "created_at": "2026-11-23T00:00:00Z", "spread_over_seconds": 86400})
        )


def test_a_hidden_order_is_not_found_by_searches(
    central: SellerCentral, account: Account, clock: ManualClock, place: Any
) -> None:
    hidden, seen = place(hidden=True), place()
    clock.advance(120)

    def found() -> set[str]:
        return {order["orderId"] for order in central.search_orders(SINCE, account)["orders"]}

    assert found() == {seen}
    assert central.get_order(hidden, {}, account)["order"]["orderId"] == hidden
    central.hide_order(hidden, hidden=False)
    central.hide_order(seen, hidden=True)
    assert found() == {hidden}
    with pytest.raises(Impossible):
        central.hide_order("114-0000000-0000000", hidden=True)


def test_a_grand_total_that_is_no_sum(central: SellerCentral, account: Account, place: Any) -> None:
    order = central.get_order(place(grand_total_off_by="-1.25"), ALL, account)["order"]
    items = sum(Decimal(item["proceeds"]["proceedsTotal"]["amount"]) for item in order["orderItems"])
    assert Decimal(order["proceeds"]["grandTotal"]["amount"]) == items - Decimal("1.25")


def odd(central: SellerCentral, everywhere: Account, name: str, **wish: Any) -> dict[str, Any]:
    (order_id,) = central.place_orders(OrderWish(odd=name, account="everywhere", programs=[], lines=1, **wish))
    order: dict[str, Any] = central.get_order(order_id, ALL, everywhere)["order"]
    return order


@pytest.mark.parametrize("name", ODD)
def test_every_odd_order_is_found_and_listed(central: SellerCentral, everywhere: Account, name: str) -> None:
    order = odd(central, everywhere, name)
    assert order["orderId"] in central.books()["orders"]
    if "proceeds" in order:
        items = sum(Decimal(item["proceeds"]["proceedsTotal"]["amount"]) for item in order["orderItems"])
        assert Decimal(order["proceeds"]["grandTotal"]["amount"]) == items


def test_what_is_odd_about_them(central: SellerCentral, everywhere: Account) -> None:
    orders = {name: odd(central, everywhere, name) for name in ODD}
    items = {name: order["orderItems"][0] for name, order in orders.items()}
    status = {name: order["fulfillment"]["fulfillmentStatus"] for name, order in orders.items()}
    assert "sellerSku" not in items["no_sku"]["product"]
    assert orders["non_amazon"]["salesChannel"] == {"channelName": "NON_AMAZON"}
    for name in ("replacement", "exchange"):
        (associated,) = orders[name]["associatedOrders"]
        assert associated["associationType"] == f"{name.upper()}_ORIGINAL_ID"
    assert Decimal(orders["replacement"]["proceeds"]["grandTotal"]["amount"]) == 0
    assert orders["business"]["buyer"]["buyerPurchaseOrderNumber"]
    assert orders["unknown_program"]["programs"] == ["MOON_DELIVERY"]
    assert status["unknown_status"] == "AWAITING_DRONE"
    assert status["preorder"] == "PENDING_AVAILABILITY"
    assert status["pending_with_price"] == status["pending"] == "PENDING"
    assert "proceeds" in orders["pending_with_price"]
    assert "proceeds" not in orders["pending"]
    assert status["cancelled_while_pending"] == "CANCELLED"
    assert "proceeds" not in orders["cancelled_while_pending"]
    assert status["partially_shipped"] == "PARTIALLY_SHIPPED"
    assert items["partially_shipped"]["fulfillment"]["quantityFulfilled"] == 1
    assert items["partially_shipped"]["fulfillment"]["quantityUnfulfilled"] >= 1
    assert set(orders["fba"]["recipient"]["deliveryAddress"]) == {"name", "city", "countryCode"}
    assert items["facilitator_tax"]["tax"]["taxCollections"]
    assert "." not in orders["yen"]["proceeds"]["grandTotal"]["amount"]
    assert items["customised"]["product"]["customization"]["customizedUrl"].startswith("https://")
    assert items["gift"]["fulfillment"]["packing"]["giftOption"]["giftWrapLevel"] == "Premium Red Ribbon"
    kinds = {part["type"]: part for part in items["discount"]["proceeds"]["breakdowns"]}
    assert [detail["subtype"] for detail in kinds["DISCOUNT"]["detailedBreakdowns"]] == ["ITEM", "SHIPPING"]
    assert "COD_FEE" in {part["type"] for part in items["cod_fee"]["proceeds"]["breakdowns"]}
    assert "recipient" not in orders["no_address"]
    assert "name" not in orders["no_name"]["recipient"]["deliveryAddress"]


def test_a_customisation_is_personal(central: SellerCentral, everywhere: Account) -> None:
    (order_id,) = central.place_orders(OrderWish(odd="customised", account="everywhere"))
    plain = everywhere.model_copy(update={"roles": [BASE_ROLE]})
    assert ADDRESS_ROLE not in plain.roles
    assert "customization" not in central.get_order(order_id, ALL, plain)["order"]["orderItems"][0]["product"]
