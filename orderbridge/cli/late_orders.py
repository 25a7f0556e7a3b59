"""`orderbridge orders late`: what has not shipped and should have, or soon should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import or_, select

from orderbridge.accounts import ConnectedAccount, read_account
from orderbridge.accounts.setting_types import LATE_WARNING_HOURS
from orderbridge.cli.application import Json, console, show, unit_of_work
from orderbridge.cli.orders import orders_app
from orderbridge.database.models import Account, OrderRow, PackageRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.late_shipments import (
    BEFORE_DEATH,
    TO_SHIP,
    Deadline,
    deadlines,
    dies_at,
    lost_packages,
    units,
    units_left,
)
from orderbridge.package_standing import Stand, standing
from schemas.orders import OrderDocument

_AT_ONCE = 500
_IN_SHORT: dict[Stand, str] = {
    "confirmed": "confirmed",
    "refused": "refused",
    "paused": "held: paused",
    "buyer_asked_to_cancel": "held: buyer wants to cancel",
    "unanswered": "no answer yet",
    "failing": "trying again",
    "held": "held until",
    "queued": "about to be sent",
}


@dataclass(frozen=True)
class _Late:
    """An order that is late or soon will be, with the deadlines that are over or near."""

    order: OrderDocument
    account: ConnectedAccount
    near: tuple[Deadline, ...]
    left: int
    packages: Sequence[PackageRow]

    @property
    def most_urgent(self) -> datetime:
        return min(deadline.at for deadline in self.near)


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
        found = sorted(_late(work, within, account), key=lambda late: late.most_urgent)
        now = work.now
        rows = [_facts(late, now) if as_json else _cells(late, now) for late in found]
    show(rows, as_json, "No order is late or soon will be.", whole=("order", "ship by"))
    if rows and not as_json:
        zones = {late.order.account_id: late.account.zone.key for late in found}
        told = ", ".join(f"{name} in {zone}" for name, zone in sorted(zones.items()))
        console.print(f"\nTimes of {told}.", markup=False, highlight=False, soft_wrap=True)


def _late(work: Work, within: int | None, account_id: str | None) -> list[_Late]:
    accounts = {row.account_id: read_account(row) for row in work.session.scalars(select(Account))}
    farthest = timedelta(hours=within if within is not None else LATE_WARNING_HOURS[1])
    awaiting = (
        select(OrderRow.account_id, OrderRow.document, PersonalDataRow)
        .outerjoin(PersonalDataRow, PersonalDataRow.order_id == OrderRow.order_id)
        .where(
            OrderRow.fulfilled_by == "merchant",
            OrderRow.amazon_status.in_(TO_SHIP),
            or_(OrderRow.ship_by <= work.now + farthest, PersonalDataRow.dies_at <= work.now + BEFORE_DEATH),
        )
        .order_by(OrderRow.ship_by)
    )
    if account_id is not None:
        awaiting = awaiting.where(OrderRow.account_id == account_id)
    found = []
    for owner, document, kept in work.session.execute(awaiting):
        if owner not in accounts:
            continue
        order = OrderDocument.model_validate_json(document)
        hours = within if within is not None else accounts[owner].settings.late_warning_hours
        near = tuple(one for one in deadlines(order, dies_at(kept), hours) if one.warn_at <= work.now)
        if near:
            found.append((accounts[owner], order, near))
    packages = _packages(work, [order.order_id for _, order, _ in found])
    late = []
    for owner_account, order, near in found:
        own = packages.get(order.order_id, [])
        left = units_left(order, own)
        if left:
            late.append(_Late(order, owner_account, near, left, own))
    return late


def _packages(work: Work, order_ids: list[str]) -> dict[str, list[PackageRow]]:
    """The orders' packages, some hundreds of orders a statement."""
    packages: dict[str, list[PackageRow]] = {}
    for first in range(0, len(order_ids), _AT_ONCE):
        some = select(PackageRow).where(PackageRow.order_id.in_(order_ids[first : first + _AT_ONCE]))
        for row in work.session.scalars(some.order_by(PackageRow.order_id, PackageRow.reference_id)):
            packages.setdefault(row.order_id, []).append(row)
    return packages


def _facts(late: _Late, now: datetime) -> dict[str, Any]:
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


def _cells(late: _Late, now: datetime) -> dict[str, Any]:
    """For people: on the lines of a terminal of 80 columns."""
    zone = late.account.zone
    return {
        "order": late.order.store.order_number,
        "ship by": _local(late.order.ship_by, zone) if late.order.ship_by else "none",
        "due": "\n".join(_due(one, now) for one in late.near),
        "packages": _packages_in_short(late, now),
        "account": late.order.account_id,
    }


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%m-%d %H:%M}"


def _due(deadline: Deadline, now: datetime) -> str:
    if deadline.reason == "personal_data_dies":
        return f"data dies in {_span(deadline.at - now)}"
    return f"in {_span(deadline.at - now)}" if deadline.at > now else f"{_span(now - deadline.at)} ago"


def _span(span: timedelta) -> str:
    """So much time, in its largest units."""
    minutes = max(int(span.total_seconds()), 0) // 60
    hours, days = minutes // 60, minutes // 1440
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60:02} m" if hours else f"{minutes} m"


def _packages_in_short(late: _Late, now: datetime) -> str:
    words = []
    lost = lost_packages(late.order)
    for package in late.packages:
        stands = standing(package, now)
        is_lost = str(package.reference_id) in lost
        if stands.stand == "confirmed" and not is_lost:
            continue  # its units are counted above
        short = _IN_SHORT[stands.stand]
        if stands.at is not None and stands.stand in ("held", "failing"):
            short = f"{short} {_local(stands.at, late.account.zone)}"
        words.append("Amazon lost it" if is_lost else short)
    total = units(late.order)
    if late.left < total:
        words.insert(0, f"{total - late.left} of {total} shipped")
    return "\n".join(words) or "none"
