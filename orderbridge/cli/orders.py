"""Commands that look at orders and at their shipments."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer
from sqlalchemy import select

from orderbridge.cli.application import Json, app, fail, show, unit_of_work
from orderbridge.database.models import Attempt, OrderRow, PackageRow, PersonalDataRow
from schemas.orders import OrderDocument

orders_app = typer.Typer(no_args_is_help=True, help="Look at orders.")
app.add_typer(orders_app, name="orders")
shipments_app = typer.Typer(no_args_is_help=True, help="Look at shipments.")
app.add_typer(shipments_app, name="shipments")


@orders_app.command(name="show")
def show_order(
    order_id: Annotated[str, typer.Argument(help="Amazon's number, or ours.")], as_json: Json = False
) -> None:
    """One order: its state, its packages, its personal data's state, Amazon's calls. Never the personal data.

    Example: `orderbridge orders show 114-3941689-8772232`

    Next: `orderbridge import --order NUMBER` asks Amazon for it again.
    """
    with unit_of_work() as work:
        row = work.session.scalars(
            select(OrderRow).where((OrderRow.order_id == order_id) | (OrderRow.order_number == order_id))
        ).first()
        if row is None:
            fail(f"There is no order {order_id}. `orderbridge import --order {order_id}` fetches it.")
        document = OrderDocument.model_validate_json(row.document)
        packages = work.session.scalars(select(PackageRow).where(PackageRow.order_id == row.order_id)).all()
        kept = work.session.get(PersonalDataRow, row.order_id)
        calls = work.session.scalars(
            select(Attempt)
            .where(Attempt.account_id == row.account_id, Attempt.subject.startswith(row.order_id))
            .order_by(Attempt.started_at)
        ).all()
    facts: list[dict[str, Any]] = [
        {"about": "order", "what": row.order_number, "state": row.amazon_status, "at": row.placed_at},
        {"about": "total", "what": document.totals.currency, "state": str(document.totals.total), "at": None},
    ]
    if kept is not None:
        state = "redacted" if kept.redacted_at else "sealed, dies"
        facts.append({"about": "personal data", "what": None, "state": state, "at": kept.redacted_at or kept.dies_at})
    for package in packages:
        held = package.state == "waiting"
        facts.append(
            {
                "about": f"package {package.reference_id}",
                "what": package.package_key,
                "state": "held until" if held else package.state,
                "at": package.hold_until if held else package.confirmed_at,
            }
        )
    facts += [
        {"about": call.operation, "what": call.subject, "state": call.outcome or "cut off", "at": call.started_at}
        for call in calls
    ]
    show(facts, as_json, "")


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
