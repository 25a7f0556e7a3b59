"""Commands that look at orders and at their shipments."""

from __future__ import annotations

import re
from typing import Annotated

import typer
from sqlalchemy import or_, select

from orderbridge.cli.application import Json, app, fail, show, unit_of_work
from orderbridge.cli.order_facts import order_facts
from orderbridge.database.models import OrderRow, StoreOrderNumber
from orderbridge.database.unit_of_work import Work

orders_app = typer.Typer(no_args_is_help=True, help="Look at orders.")
app.add_typer(orders_app, name="orders")

_AMAZON_NUMBER = re.compile(r"(?<!\d)\d{3}-\d{7}-\d{7}(?!\d)")


@orders_app.command(name="show")
def show_order(
    number: Annotated[str, typer.Argument(help="Amazon's number, ours, or the store's own.")], as_json: Json = False
) -> None:
    """One order: its lines, packages and refusals, its personal data's state, Amazon's calls. Never the personal data.

    Example: `orderbridge orders show 114-3941689-8772232`

    Next: `orderbridge import --order NUMBER` asks Amazon for it again.
    """
    with unit_of_work() as work:
        rows = find_orders(work, number)
        if not rows:
            fail(not_found(number))
        if len(rows) > 1:
            several = ", ".join(row.order_id for row in rows)
            fail(f"The store has used {number} for several orders: {several}. Show one by Amazon's number.")
        facts = order_facts(work, rows[0])
    show(facts, as_json, "")


def find_orders(work: Work, number: str) -> list[OrderRow]:
    """The orders that go by this number, with Amazon, with us or with the store."""
    ours = or_(OrderRow.order_id == number, OrderRow.order_number == number)
    found = list(work.session.scalars(select(OrderRow).where(ours)))
    if found:
        return found
    named = select(StoreOrderNumber.order_id).where(StoreOrderNumber.store_order_number == number)
    return list(work.session.scalars(select(OrderRow).where(OrderRow.order_id.in_(named)).order_by(OrderRow.order_id)))


def not_found(number: str) -> str:
    """What to say where there is none."""
    amazons = _AMAZON_NUMBER.search(number)
    if amazons is None:
        return (
            f"No order goes by {number}, with Amazon, with us or with the store, and it cannot be one of Amazon's "
            "numbers: those are 3, 7 and 7 digits, like 114-3941689-8772232."
        )
    return f"There is no order {number}. `orderbridge import --order {amazons[0]}` fetches it."
