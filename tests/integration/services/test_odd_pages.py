"""Amazon shows odd orders, or too much at once: nothing stalls."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import pytest

from orderbridge.amazon import BadAnswer
from orderbridge.amazon import orders as amazon_orders
from schemas.imports import ImportFinished
from schemas.orders import OrderImported
from services.importer import search_run
from tests.parts.in_process import System


def told(system: System) -> list[str]:
    return sorted(event.order_id for event in system.events(OrderImported))


@pytest.mark.parametrize("spoil", ["amount", "year", "deadline"])
def test_an_order_with_an_odd_number_or_date_takes_no_other_with_it(
    system: System, monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    whole = amazon_orders.search_orders

    def spoilt(*arguments: Any, **options: Any) -> amazon_orders.OrdersPage:
        page = whole(*arguments, **options)
        orders = [pickle.loads(entry) for entry in page.entries]  # noqa: S301  (our own)
        for order in orders[:1]:
            if spoil == "amount":
                order["orderItems"][0]["proceeds"]["breakdowns"][0]["subtotal"]["amount"] = "1E+30"
            elif spoil == "year":
                order["createdTime"] = "9999-12-31T10:00:00Z"
            else:
                order["fulfillment"]["shipByWindow"] = {"latestDateTime": "0001-01-01T00:00:00Z"}
        return dataclasses.replace(page, entries=tuple(pickle.dumps(order) for order in orders))

    monkeypatch.setattr(search_run, "search_orders", spoilt)
    system.imported(count=3)
    assert len(told(system)) == 2
    run = system.events(ImportFinished)[-1]
    assert (run.counts.imported, run.counts.unreadable) == (2, 1)
    assert "cannot be stored" in run.problems[0]


def test_pages_too_large_for_us_are_asked_for_in_parts(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = amazon_orders.search_orders

    def too_large(connection: Any, **asked: Any) -> amazon_orders.OrdersPage:
        if asked["max_results"] > 30:
            raise BadAnswer("searchOrders", "more than 10 MiB", status=200)
        return whole(connection, **asked)

    monkeypatch.setattr(search_run, "search_orders", too_large)
    order_ids = system.place_orders(count=40)
    system.advance(180)
    system.import_now()
    system.advance(600)
    assert told(system) == sorted(order_ids)
