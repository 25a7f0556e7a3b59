"""The stock by SKU: each order takes what it should once, and gives back what it should not have.

An order is settled by the difference between what it should have taken and what it has, so an event that comes again,
late or out of order moves nothing twice. What is sent again after a loss (`replay`) is taken without being moved: the
goods left the shelf when the order first came. Who lost the stock as well counts the shelf.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from datetime import UTC, datetime

from services.storefront.orders import Order


def settle(connection: sqlite3.Connection, order: Order, *, replay: bool) -> None:
    """Have the order take what it should; with `replay` it is only written down as taken before."""
    wanted = _wanted(order)
    for sku in sorted({*order.taken, *wanted}):
        units = wanted[sku] - order.taken.get(sku, 0)
        if units or sku not in order.taken:  # a first row, though nothing is moved, has the product listed
            moved, why = 0 if replay else -units, "put back" if units < 0 else "taken"
            row = (datetime.now(UTC).isoformat(), sku, order.order_id, moved, why)
            connection.execute("INSERT INTO movements VALUES (?, ?, ?, ?, ?)", row)
        order.taken[sku] = wanted[sku]


def _wanted(order: Order) -> Counter[str]:
    """What the order should have taken, by its own rule (`store.inventory`)."""
    rule = order.event.store.inventory
    at_once = rule == "deduct_on_import" and order.event.amazon_status != "cancelled"
    wanted: Counter[str] = Counter()
    for line in order.event.lines:
        if line.sku is not None and rule in ("deduct_on_import", "deduct_when_shipped"):
            wanted[line.sku] += line.quantity - line.quantity_cancelled if at_once else order.shipped(line)
    return wanted
