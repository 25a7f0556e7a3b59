"""Orders that are placed: varied, the same for the same seed, with sums that add up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sandbox.accounts import Account
from sandbox.clock import ManualClock
from sandbox.database import Database
from sandbox.errors import Impossible
from sandbox.marketplaces import MARKETPLACES
from sandbox.orders import Order
from sandbox.placing import OrderWish
from sandbox.seller_central import SellerCentral


def placed(clock: ManualClock, seed: int = 1, **wish: Any) -> list[Order]:
    database = Database()
    central = SellerCentral(database, clock, seed=seed)
    central.save_account(Account(account="everywhere", marketplaces=list(MARKETPLACES)))
    central.place_orders(OrderWish(account="everywhere", **wish))
    orders = list(database.orders())
    database.close()
    return orders


def test_the_same_seed_places_the_same_orders(clock: ManualClock) -> None:
    first, again, other = (placed(clock, seed, count=5) for seed in (7, 7, 8))
    assert first == again
    assert [order.facts["orderItems"] for order in first] != [order.facts["orderItems"] for order in other]


def test_orders_are_varied(clock: ManualClock) -> None:
    orders = placed(clock, count=400)
    assert len({order.order_id for order in orders}) == 400
    items = [item for order in orders for item in order.facts["orderItems"]]
    assert len({item["orderItemId"] for item in items}) == len(items)
    assert {item["quantityOrdered"] for item in items} == {1, 2, 3}
    assert {len(order.facts["orderItems"]) for order in orders} == {1, 2, 3}
    assert {program for order in orders for program in order.facts["programs"]} == {
        "PRIME",
        "AMAZON_BUSINESS",
        "PREMIUM",
    }
    assert {order.facts["fulfillment"]["fulfillmentServiceLevel"] for order in orders} == {
        "STANDARD",
        "FREE_ECONOMY",
        "EXPEDITED",
        "SECOND_DAY",
        "NEXT_DAY",
    }
    kinds = {part["type"] for order in orders for part in order.facts["proceeds"]["breakdowns"]}
    assert kinds == {"ITEM", "SHIPPING", "GIFT_WRAP", "TAX", "DISCOUNT"}
    assert {"tax" in item for item in items} == {True, False}
    assert len({order.facts["buyer"]["buyerName"] for order in orders}) > 30


@pytest.mark.parametrize("marketplace_id", MARKETPLACES)
def test_sums_add_up_and_tax_that_amazon_collects_is_no_part_of_them(clock: ManualClock, marketplace_id: str) -> None:
    marketplace = MARKETPLACES[marketplace_id]
    by_amazon = added_by_seller = 0
    for order in placed(clock, count=100, marketplace_id=marketplace_id):
        total = Decimal(0)
        for item in order.facts["orderItems"]:
            amounts = {part["type"]: Decimal(part["subtotal"]["amount"]) for part in item["proceeds"]["breakdowns"]}
            price = Decimal(item["product"]["price"]["unitPrice"]["amount"])
            assert amounts["ITEM"] == price * item["quantityOrdered"]
            for part in item["proceeds"]["breakdowns"]:
                assert part["subtotal"]["currencyCode"] == marketplace.currency
                if details := part.get("detailedBreakdowns"):
                    assert sum(Decimal(detail["value"]["amount"]) for detail in details) == amounts[part["type"]]
            tax = amounts.get("TAX", Decimal(0))
            by_amazon += "tax" in item
            added_by_seller += bool(tax) and "tax" not in item
            expected = sum(amounts.get(kind, Decimal(0)) for kind in ("ITEM", "SHIPPING", "GIFT_WRAP"))
            expected += (Decimal(0) if "tax" in item else tax) - amounts.get("DISCOUNT", Decimal(0))
            assert Decimal(item["proceeds"]["proceedsTotal"]["amount"]) == expected
            total += expected
        assert Decimal(order.facts["proceeds"]["grandTotal"]["amount"]) == total
        exponent = total.as_tuple().exponent
        assert isinstance(exponent, int)
        assert -exponent == (0 if marketplace.currency == "JPY" else 2)
        assert order.facts["recipient"]["deliveryAddress"]["countryCode"] == marketplace.country
    assert bool(by_amazon) == (marketplace.country in ("US", "CA"))
    assert bool(added_by_seller) == (marketplace.country == "CA")


def test_lines_as_wished(clock: ManualClock) -> None:
    (order,) = placed(
        clock,
        lines=[
            {"sku": "OWN-1", "asin": "B0OWN00001", "title": "Own", "quantity": 4, "unit_price": "2.5"},
            {"sku": "MUG-RED"},
        ],
    )
    own, mug = order.facts["orderItems"]
    assert own["product"]["sellerSku"] == "OWN-1"
    assert own["product"]["title"] == "Own"
    assert own["proceeds"]["breakdowns"][0]["subtotal"] == {"amount": "10.00", "currencyCode": "USD"}
    assert mug["product"]["title"] == "Stoneware Mug, 350 ml, Red"
    assert len(placed(clock, lines=5)[0].facts["orderItems"]) == 5


@pytest.mark.parametrize(
    "wish",
    [
        {"account": "nobody"},
        {"marketplace_id": "A1VC38T7YXB528"},
        {"created_at": "2026-11-23T12:00:01Z"},
    ],
)
def test_an_impossible_wish_places_nothing(central: SellerCentral, place: Any, wish: dict[str, Any]) -> None:
    with pytest.raises(Impossible):
        place(**wish)
    assert central.books()["orders"] == {}


def test_what_may_happen_to_an_order_depends_on_its_status(central: SellerCentral, place: Any) -> None:
    unshipped, pending, amazon = place(), place(status="PENDING"), place(fulfilled_by="AMAZON")
    for order_id, change in (
        (unshipped, Order.release),
        (unshipped, Order.ship_by_amazon),
        (pending, lambda order, now: order.request_cancel("mistake", now)),
    ):
        with pytest.raises(Impossible) as caught:
            central.change_order(order_id, change)
        assert caught.value.status == 409
    central.change_order(amazon, Order.ship_by_amazon)
    with pytest.raises(Impossible):
        central.change_order(amazon, lambda order, now: order.cancel("BUYER", "mistake", now))
    with pytest.raises(Impossible) as caught:
        central.change_order("114-0000000-0000000", Order.release)
    assert caught.value.status == 404
