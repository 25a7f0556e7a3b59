"""`orderbridge orders list`: the latest orders, and how they stand."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orderbridge.accounts.facts import country
from orderbridge.cli.application import Json, print_json, show, unit_of_work
from orderbridge.cli.orders import orders_app
from orderbridge.orders.search import OrderFilter, how_far_shipped, newest, of_any_status
from schemas.orders import OrderDocument


@orders_app.command(name="list")
def list_orders(
    account: Annotated[str | None, typer.Option(help="Only this account's.")] = None,
    status: Annotated[
        str | None, typer.Option(help="Only these: a queue of the store's (New) or Amazon's status (unshipped).")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """The latest orders, the newest first: the store's queue, the total, and whether they are shipped.

    Example: `orderbridge orders list --status New --limit 50`

    Next: `orderbridge orders show NUMBER` has all of one order.
    """
    with unit_of_work() as work:
        if status is None:
            found = [order for _, order in newest(work, OrderFilter(account_id=account), limit)]
        else:
            found = of_any_status(work, account, status, limit)
    orders = [_facts(order) for order in found]
    if as_json:
        print_json(orders)
        return
    several = len({one["account_id"] for one in orders}) > 1
    show([_row(one, several) for one in orders], False, "No orders. `orderbridge import` asks Amazon for some.")


def _facts(order: OrderDocument) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "order_number": order.store.order_number,
        "account_id": order.account_id,
        "marketplace_id": order.marketplace_id,
        "placed_at": order.placed_at,
        "status": order.store.status.name,
        "amazon_status": order.amazon_status,
        "fulfilled_by": order.fulfilled_by,
        "total": str(order.totals.total),
        "currency": order.totals.currency,
        "shipped": how_far_shipped(order),
        "ship_by": order.ship_by,
    }


def _row(order: dict[str, Any], with_account: bool) -> dict[str, Any]:
    """On one line of a terminal."""
    return {
        "order": order["order_id"],
        **({"account": order["account_id"]} if with_account else {}),
        "in": country(order["marketplace_id"] or ""),
        "placed": f"{order['placed_at']:%Y-%m-%d}",
        "status": order["status"],
        "total": f"{order['total']} {order['currency'] or ''}".strip(),
        "shipped": order["shipped"],
    }
