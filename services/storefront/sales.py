"""The sales report: what was sold by currency and day."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from schemas.orders import OrderEvent

Days = dict[date, list[Decimal]]  # the totals of the orders by the day (UTC) on which they were placed


def sales_of(orders: Iterable[OrderEvent], excluded: Collection[str]) -> tuple[dict[str, Days], int]:
    """The days by currency, and how many orders of accounts that are `excluded` were left out, whenever they came.

    Orders that are cancelled do not count, nor those that have no price yet.
    """
    sold: dict[str, Days] = {}
    left_out = 0
    for order in orders:
        if order.account_id in excluded:
            left_out += 1
        elif order.amazon_status != "cancelled" and order.totals.currency is not None:
            sold.setdefault(order.totals.currency, {}).setdefault(order.placed_at.date(), []).append(order.totals.total)
    return dict(sorted(sold.items())), left_out


def sums(*days: list[Decimal]) -> dict[str, Any]:
    """How many orders there were on these days, and their sum."""
    totals = [total for day in days for total in day]
    return {"orders": len(totals), "total": sum(totals, Decimal("0.00"))}


def last_month(days: Days) -> dict[date, dict[str, Any]]:
    """The sums by day of the month that ends with the last sale; a day without any stands there too."""
    first, last = max(min(days), max(days) - timedelta(days=30)), max(days)
    span = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return {day: sums(days.get(day, [])) for day in span}
