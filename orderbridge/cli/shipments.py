"""Commands that look at packages, and have those sent again that were refused or are held."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from sqlalchemy import select

from orderbridge.cli.application import Json, app, done, fail, show, unit_of_work
from orderbridge.cli.order_numbers import find_order, not_here
from orderbridge.database.models import PackageRow
from orderbridge.database.unit_of_work import Work
from orderbridge.orders.shipments import State, package_name, refusal_of, send_again, to_send_again
from orderbridge.plural import number_of

shipments_app = typer.Typer(no_args_is_help=True, help="Look at shipments, and send refused ones again.")
app.add_typer(shipments_app, name="shipments")

Account = Annotated[str | None, typer.Option(help="Only this account's.")]


@shipments_app.command(name="list")
def list_shipments(
    state: Annotated[State | None, typer.Option(help="Only these.")] = None,
    account: Account = None,
    as_json: Json = False,
) -> None:
    """The latest packages and what became of them, at most 100.

    waiting: it has its turn, or its ship date lies ahead. held: until somebody ends the reason. rejected: refused.

    Example: `orderbridge shipments list --state rejected`

    Next: `orderbridge orders show ORDER` has one order's packages and the calls about them.
    """
    with unit_of_work() as work:
        rows = _packages(work, account, state, limit=100)
    show([_row(row) for row in rows], as_json, "No shipments.")


@shipments_app.command()
def retry(
    order: Annotated[str | None, typer.Argument(help="The order's number: Amazon's, ours, or the store's own.")] = None,
    package: Annotated[str | None, typer.Option(help="One package of it, as `shipments list` names it.")] = None,
    account: Annotated[str | None, typer.Option(help="All refused and held packages of this account.")] = None,
    as_json: Json = False,
) -> None:
    """Send packages to Amazon again that it refused, once the cause is mended; or that are held for the buyer's wish.

    Nothing is doubled: a package keeps its number at Amazon. While confirming is paused they go on being held.

    Examples: `orderbridge shipments retry 114-3941689-8772232`, `orderbridge shipments retry --account main`

    Next: `orderbridge shipments list` shows what became of them.
    """
    if (order is None) == (account is None):
        raise typer.BadParameter("name an order, or an --account for all of its refused and held packages")
    if package is not None and order is None:
        raise typer.BadParameter("--package needs an order")
    with unit_of_work() as work:
        rows = _of_order(work, order, package) if order is not None else to_send_again(work, account)
        send_again(work, rows)
    if not rows:
        fail("Nothing is refused or held there. `orderbridge shipments list` shows the state of all.")
    names = [f"{row.order_id} {row.package_key}" for row in rows]
    done(f"{number_of(len(rows), 'package')} to be sent again.", as_json, packages=names)


def _of_order(work: Work, order: str, package: str | None) -> list[PackageRow]:
    found = find_order(work, order)
    if found is None:
        fail(not_here(order))
    rows = [
        row
        for row in to_send_again(work, order_id=found.order_id)
        if package in (None, row.package_key, package_name(row))
    ]
    if package is not None and not rows:
        fail(f"{order} has no package {package} that is refused or held. `orderbridge orders show {order}` has them.")
    return rows


def _packages(work: Work, account: str | None, state: State | None, *, limit: int) -> list[PackageRow]:
    statement = select(PackageRow).order_by(PackageRow.rank.desc()).limit(limit)
    if state is not None:
        statement = statement.where(PackageRow.state == state)
    if account is not None:
        statement = statement.where(PackageRow.account_id == account)
    return list(work.session.scalars(statement))


def _row(row: PackageRow) -> dict[str, Any]:
    return {
        "order_id": row.order_id,
        "package": package_name(row),
        "state": row.state,
        "why": row.held_for or (refusal_of(row) or {}).get("reason"),
        "until": row.hold_until if row.state == "waiting" else None,
        "confirmed_at": row.confirmed_at,
        "failures": row.failures,
    }
