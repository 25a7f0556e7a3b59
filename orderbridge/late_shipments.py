"""Orders that await shipment and have a deadline: when it is time to warn, and what has shipped so far.

The importer plans a look (`shipment.check`), the shipper takes it and warns (`shipment.due-soon`), the command line
lists them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from orderbridge.database.models import OrderRow, PackageRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from schemas.base import Identifier, Model
from schemas.orders import OrderDocument, Quantity
from schemas.packages import PackageDifference
from schemas.shipments import LateReason, ShipmentCheck

TO_SHIP: Final = ("unshipped", "partially_shipped")
"""The statuses of orders whose shipment Amazon waits for."""
BEFORE_DEATH: Final = timedelta(days=3)
"""So long before its personal data dies the store is warned of an order that has not shipped."""


@dataclass(frozen=True)
class Deadline:
    """A moment by which an order should have shipped, and from when on it is warned of."""

    reason: LateReason
    at: datetime
    warn_at: datetime


class LineUnits(Model):
    """How much of a line there is, and has gone."""

    order_item_id: Identifier
    quantity: Quantity
    quantity_shipped: Quantity = 0
    quantity_cancelled: Quantity = 0


class OrderUnits(Model):
    """Of an order's document what tells how much is left: read in a tenth of the time of the whole."""

    lines: tuple[LineUnits, ...]
    package_differences: tuple[PackageDifference, ...] = ()


def awaits_shipment(order: OrderDocument | OrderRow) -> bool:
    """Whether it is the merchant's to ship, and not wholly shipped as far as Amazon has told."""
    return order.fulfilled_by == "merchant" and order.amazon_status in TO_SHIP


def deadlines(order: OrderDocument | OrderRow, dies_at: datetime | None, warning_hours: int) -> tuple[Deadline, ...]:
    """The order's deadlines, the first to be warned of first; none for one that awaits no shipment.

    `dies_at` is when its personal data dies, None where it has none. `warning_hours` is the account's setting.
    """
    if not awaits_shipment(order):
        return ()
    found = []
    if order.ship_by is not None:
        found.append(Deadline("ship_by_near", order.ship_by, order.ship_by - timedelta(hours=warning_hours)))
    if dies_at is not None:
        found.append(Deadline("personal_data_dies", dies_at, dies_at - BEFORE_DEATH))
    return tuple(sorted(found, key=lambda deadline: deadline.warn_at))


def dies_at(kept: PersonalDataRow | None) -> datetime | None:
    """When the order's personal data dies; None where there is none, or none any more."""
    return kept.dies_at if kept is not None and kept.seal is not None and kept.redacted_at is None else None


def plan_look(work: Work, order: OrderDocument, at: datetime) -> None:
    """Have the order looked at by the shipper at a moment; an earlier plan is replaced. The caller holds its lock."""
    check = ShipmentCheck(order_id=order.order_id, account_id=order.account_id)
    work.post(check, at=max(at, work.now), name=_name(order.order_id))


def forget_look(work: Work, order_id: str) -> None:
    """Take back what `plan_look` planned: there is nothing to warn of any more."""
    work.withdraw(_name(order_id))


def look_at_all(work: Work, account_id: str) -> None:
    """Have all orders of the account that await shipment looked at now: what decides about them has changed.

    These events have no name: writing thousands of names, past the orders' locks, would block importers crosswise.
    """
    awaiting = select(OrderRow.order_id).where(
        OrderRow.account_id == account_id, OrderRow.fulfilled_by == "merchant", OrderRow.amazon_status.in_(TO_SHIP)
    )
    ids = work.session.scalars(awaiting).all()
    work.post_all(ShipmentCheck(order_id=order_id, account_id=account_id) for order_id in ids)


def units(order: OrderDocument) -> int:
    """How many units are to be shipped in all."""
    return sum(line.quantity - line.quantity_cancelled for line in order.lines)


def units_left(order: OrderDocument | OrderUnits, packages: Iterable[PackageRow]) -> int:
    """How many units neither Amazon says are shipped, nor has confirmed to us.

    What it confirmed and does not have (`package_differences`) is not shipped.
    """
    lost = lost_packages(order)
    ours: dict[str, int] = {}
    for package in packages:
        if str(package.reference_id) not in lost:
            for item, quantity in confirmed_units(package).items():
                ours[item] = ours.get(item, 0) + quantity
    return sum(
        max(line.quantity - line.quantity_cancelled - max(line.quantity_shipped, ours.get(line.order_item_id, 0)), 0)
        for line in order.lines
    )


def lost_packages(order: OrderDocument | OrderUnits) -> set[str]:
    """The reference ids of packages that Amazon confirmed to us and does not have."""
    return {one.package_reference_id for one in order.package_differences if one.kind == "missing"}


def confirmed_units(package: PackageRow) -> dict[str, int]:
    """How many of each line Amazon has confirmed of the package; while a correction waits, the most of any revision."""
    content = json.loads(package.content)
    lines = content["lines"] if package.state == "confirmed" else content.get("taken", ())
    return {line["order_item_id"]: line["quantity"] for line in lines}


def _name(order_id: str) -> str:
    return f"shipment-check:{order_id}"
