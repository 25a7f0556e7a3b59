"""`orderbridge orders late`: what has not shipped and should have, or soon should."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from orderbridge.cli.application import Json, console, show, unit_of_work
from orderbridge.cli.orders import orders_app
from orderbridge.late_shipments import units
from orderbridge.orders import late as late_rule
from orderbridge.orders.late import Late, packages_in_short, when_due
from orderbridge.package_standing import standing


@orders_app.command(name="late")
def late_orders(
    within: Annotated[
        int | None,
        typer.Option(min=0, help="Hours until the ship-by; without it each account's late_warning_hours."),
    ] = None,
    account: Annotated[str | None, typer.Option(help="Only this account's.")] = None,
    as_json: Json = False,
) -> None:
    """Orders of the merchant's that have not shipped and whose ship-by is over or near, the most urgent first.

    So are those whose personal data dies within three days. Times are in the account's time zone.

    Example: `orderbridge orders late --within 24`

    Next: `orderbridge orders show NUMBER` has one order's packages and why some were refused.
    """
    with unit_of_work() as work:
        found = late_rule.late_orders(work, account, within=within)
        now = work.now
        rows = [_facts(late, now) if as_json else _cells(late, now) for late in found]
    show(rows, as_json, "No order is late or soon will be.", whole=("order", "ship by"))
    if rows and not as_json:
        zones = {late.order.account_id: late.account.zone.key for late in found}
        told = ", ".join(f"{name} in {zone}" for name, zone in sorted(zones.items()))
        console.print(f"\nTimes of {told}.", markup=False, highlight=False, soft_wrap=True)


def _facts(late: Late, now: datetime) -> dict[str, Any]:
    """For scripts."""
    dies = next((one.at for one in late.near if one.reason == "personal_data_dies"), None)
    return {
        "order_id": late.order.order_id,
        "order_number": late.order.store.order_number,
        "account_id": late.order.account_id,
        "reasons": [one.reason for one in late.near],
        "ship_by": late.order.ship_by,
        "personal_data_dies_at": dies,
        "units": units(late.order),
        "units_left": late.left,
        "packages": [
            {
                "package_key": package.package_key,
                "package_reference_id": str(package.reference_id),
                "stands": standing(package, now).stand,
                "at": standing(package, now).at,
            }
            for package in late.packages
        ],
    }


def _cells(late: Late, now: datetime) -> dict[str, Any]:
    """For people: on the lines of a terminal of 80 columns."""
    zone = late.account.zone
    return {
        "order": late.order.store.order_number,
        "ship by": _local(late.order.ship_by, zone) if late.order.ship_by else "none",
        "due": "\n".join(when_due(one, now) for one in late.near),
        "packages": "\n".join(packages_in_short(late, now)) or "none",
        "account": late.order.account_id,
    }


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%m-%d %H:%M}"
