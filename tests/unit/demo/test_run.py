"""How far the demo says that an order has come."""

from __future__ import annotations

import pytest

from orderbridge.demo.run import order_state


@pytest.mark.parametrize(
    ("amazon_status", "shipments", "state"),
    [
        (None, [], "placed"),
        ("unshipped", [], "imported"),
        ("unshipped", ["unsent"], "shipped"),
        ("unshipped", ["sent"], "shipped"),
        ("unshipped", ["confirmed", "held"], "held"),
        ("unshipped", ["rejected"], "rejected"),
        ("partially_shipped", ["rejected", "confirmed"], "confirmed"),
        ("shipped", ["confirmed"], "at Amazon"),
        ("shipped", ["confirmed", "sent"], "shipped"),
    ],
)
def test_an_order_is_at_amazon_once_all_its_shipments_are_answered(
    amazon_status: str | None, shipments: list[str], state: str
) -> None:
    order = {"amazon_status": amazon_status} if amazon_status else None
    assert order_state(order, shipments) == state
