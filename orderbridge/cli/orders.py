"""Commands that look at orders and at their shipments."""

from __future__ import annotations

from typing import Annotated

import typer

from orderbridge.cli.application import Json, app, fail, print_json, show, unit_of_work
from orderbridge.cli.order_facts import order_facts, order_rows
from orderbridge.cli.order_numbers import find_order, not_here

orders_app = typer.Typer(no_args_is_help=True, help="Look at orders.")
app.add_typer(orders_app, name="orders")


@orders_app.command(name="show")
def show_order(
    number: Annotated[str, typer.Argument(help="Amazon's number, ours, or the store's own.")], as_json: Json = False
) -> None:
    """One order: its lines, packages and refusals, its personal data's state, Amazon's calls. Never the personal data.

    Example: `orderbridge orders show 114-3941689-8772232`

    Next: `orderbridge import --order NUMBER` asks Amazon for it again.
    """
    with unit_of_work() as work:
        row = find_order(work, number)
        if row is None:
            fail(not_here(number))
        facts = order_facts(work, row)
    if as_json:
        print_json(facts)
    else:
        show(order_rows(facts), False, "")
