"""Commands that look at orders and at their shipments."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from sqlalchemy import select

from orderbridge.cli.application import Json, app, fail, print_json, show, unit_of_work
from orderbridge.cli.order_facts import order_facts, order_rows
from orderbridge.cli.order_numbers import amazons_number, find_order, no_such_number
from orderbridge.database.models import PackageRow

orders_app = typer.Typer(no_args_is_help=True, help="Look at orders.")
app.add_typer(orders_app, name="orders")
shipments_app = typer.Typer(no_args_is_help=True, help="Look at shipments.")
app.add_typer(shipments_app, name="shipments")


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
            amazons = amazons_number(number)
            fail(
                f"There is no order {number}. `orderbridge import --order {amazons}` fetches it."
                if amazons is not None
                else no_such_number(number)
            )
        facts = order_facts(work, row)
    if as_json:
        print_json(facts)
    else:
        show(order_rows(facts), False, "")


@shipments_app.command(name="list")
def list_shipments(
    state: Annotated[Literal["waiting", "confirmed", "rejected"] | None, typer.Option(help="Only these.")] = None,
    as_json: Json = False,
) -> None:
    """The latest packages and what became of them, at most 100.

    Example: `orderbridge shipments list --state rejected`

    Next: `orderbridge orders show ORDER` has one order's packages and the calls about them.
    """
    statement = select(PackageRow).order_by(PackageRow.rank.desc()).limit(100)
    if state:
        statement = statement.where(PackageRow.state == state)
    with unit_of_work() as work:
        rows = work.session.scalars(statement).all()
    columns = ("order_id", "package_key", "state", "hold_until", "confirmed_at", "failures")
    show([{name: getattr(row, name) for name in columns} for row in rows], as_json, "No shipments.")
