"""The sales report, and the order alerts: the shop's own go out, those for Amazon's orders do not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from services.storefront.sales import last_month, sums
from tests.parts.contract import EXAMPLES
from tests.parts.storefront import ORDER, Scribe

STORE = EXAMPLES["order.imported"]["store"]


def report(scribe: Scribe) -> Any:
    sold, left_out = scribe.books.sales()
    return {currency: sums(*days.values()) for currency, days in sold.items()}, left_out


def test_an_account_is_left_out_also_for_orders_already_there_and_the_shops_own_stay_in(scribe: Scribe) -> None:
    scribe.read("order.imported")
    scribe.read("order.imported", order_id="2")
    scribe.read("order.imported", order_id="3", amazon_status="cancelled")
    scribe.read("order.imported", order_id="4", account_id="other")
    scribe.books.place_own_order()
    assert report(scribe) == ({"USD": {"orders": 4, "total": Decimal("94.89")}}, 0)
    scribe.read("account.settings", account_id="main", exclude_from_sales_reports=True)
    assert report(scribe) == ({"USD": {"orders": 2, "total": Decimal("44.95")}}, 3)
    scribe.read("account.settings", account_id="other", exclude_from_sales_reports=True)
    assert report(scribe) == ({"USD": {"orders": 1, "total": Decimal("19.98")}}, 4)
    scribe.read("account.settings", account_id="main", exclude_from_sales_reports=False)
    assert report(scribe)[1] == 1


def test_a_month_has_its_days_without_a_gap(scribe: Scribe) -> None:
    scribe.read("order.imported", placed_at="2026-09-30T10:00:00Z")
    scribe.read("order.imported", order_id="2", placed_at="2026-11-21T23:59:59Z")
    scribe.read("order.imported", order_id="3", placed_at="2026-11-23T00:00:00Z")
    days = last_month(scribe.books.sales()[0]["USD"])
    assert (min(days), max(days), len(days)) == (date(2026, 10, 24), date(2026, 11, 23), 31)
    assert [sum_["orders"] for sum_ in list(days.values())[-3:]] == [1, 0, 1]


def test_no_alert_goes_out_for_an_order_of_amazons_and_one_for_the_shops_own(scribe: Scribe) -> None:
    scribe.read("order.imported")
    scribe.read("order.updated", sequence=2**50)
    assert [one.alerted_at for one in scribe.books.orders()] == [None]
    before = scribe.stock()["MUG-BLUE"]
    number = scribe.books.place_own_order()
    assert [one.order_id for one in scribe.books.orders() if one.alerted_at] == [number]
    assert scribe.books.order(number).queue() == "New"
    assert scribe.stock()["MUG-BLUE"] == before - 2
    assert scribe.books.accounts().keys() == {"main"}, "nobody's options are published for the shop itself"


def test_the_bridge_decides_and_a_replay_alerts_nobody(scribe: Scribe) -> None:
    alerting = {**STORE, "suppress_order_alerts": False}
    scribe.read("order.imported", store=alerting, replay=True)
    assert scribe.books.order(ORDER).alerted_at is None
    scribe.read("order.imported", store=alerting, order_id="2")
    alerted_at = scribe.books.order("2").alerted_at
    assert alerted_at is not None
    scribe.read(
        "order.updated", **{**EXAMPLES["order.imported"], "store": alerting, "order_id": "2", "sequence": 2**50}
    )
    assert scribe.books.order("2").alerted_at == alerted_at, "one for an order"
