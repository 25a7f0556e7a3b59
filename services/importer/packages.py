"""Amazon's own view of an order's packages, and where it is another than what Amazon confirmed to the shipper.

Amazon's reads lag behind its answers to `confirmShipment`, by minutes as a rule. So what it confirmed less than an hour
ago may still look otherwise: then the order is read again after that hour, and only what is still so is a difference.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from orderbridge.amazon.order_models import Order, OrderPackage
from orderbridge.database.models import PackageRow
from orderbridge.database.unit_of_work import Work
from schemas.imports import ImportDue
from schemas.orders import OrderDocument
from schemas.packages import AmazonPackage, AmazonPackageLine, PackageDifference
from services.importer.words import package_status_of

AMAZON_LAGS: Final = timedelta(hours=1)


def packages_of(order: Order, known: OrderDocument | None) -> tuple[AmazonPackage, ...]:
    """The order's packages as Amazon tells them.

    Amazon leaves the field out where it has none, and where the data set was refused. It has none only where it says
    that nothing has shipped; else what we know stays.
    """
    if order.packages:
        delivered = {one.package_reference_id: one.delivered_by for one in known.packages} if known is not None else {}
        return tuple(_package(told, order.last_updated_time, delivered) for told in order.packages)
    return () if known is None or _tells_packages(order) else known.packages


def compare(
    work: Work, order: Order, document: OrderDocument, known: OrderDocument | None
) -> tuple[OrderDocument, datetime | None]:
    """The document with how its packages differ from what Amazon confirmed to us.

    The second is when the order must be read again, because it is too soon to tell; None where that is settled.
    """
    if known is None or document.fulfilled_by == "amazon":
        return document, None  # the store has shipped nothing of it
    if not _tells_packages(order):
        return document.model_copy(update={"package_differences": known.package_differences}), None
    rows = work.session.scalars(
        select(PackageRow).where(PackageRow.order_id == document.order_id).execution_options(populate_existing=True)
    ).all()
    found, again_at = differences(document, known, rows, work.now)
    return document.model_copy(update={"package_differences": found}), again_at


def differences(
    document: OrderDocument, known: OrderDocument, rows: Sequence[PackageRow], now: datetime
) -> tuple[tuple[PackageDifference, ...], datetime | None]:
    """How the document's packages differ from `rows`, ours; and when it must be looked again, as in `compare`."""
    found = list(_not_ours(document, known, rows))
    too_soon: list[datetime] = []
    theirs = {package.package_reference_id: package for package in document.packages}
    for row in rows:
        difference = _difference(document, row, theirs.get(str(row.reference_id)))
        if difference is None or row.confirmed_at is None:
            continue
        if row.confirmed_at + AMAZON_LAGS > now:
            too_soon.append(row.confirmed_at + AMAZON_LAGS)
        else:
            found.append(difference)
    ordered = sorted(found, key=lambda one: (len(one.package_reference_id), one.package_reference_id))
    return tuple(ordered), max(too_soon, default=None)


def read_again(work: Work, document: OrderDocument, at: datetime) -> None:
    """Have the order read once more, when Amazon's view of its packages must have settled."""
    due = ImportDue(account_id=document.account_id, reason="order", order_id=document.order_id)
    work.post(due, at=at, name=f"packages-again:{document.order_id}")


def told_anew(document: OrderDocument, known: OrderDocument | None) -> tuple[str | None, str | None]:
    """What is new among the differences, for the run's log: a problem, and what is merely worth knowing."""
    before = known.package_differences if known is not None else ()
    new = [one for one in document.package_differences if one not in before]
    problems = [f"{one.message} {one.what_to_do}".strip() for one in new if one.kind != "not_ours"]
    notes = [one.message for one in new if one.kind == "not_ours"]
    return " ".join(problems) or None, " ".join(notes) or None


def _tells_packages(order: Order) -> bool:
    """Whether the answer says which packages there are; none are told where nothing has shipped."""
    if order.packages:
        return True
    quantities = [item.fulfillment.quantity_fulfilled if item.fulfillment else None for item in order.order_items]
    return bool(quantities) and all(quantity == 0 for quantity in quantities)


def _package(told: OrderPackage, told_at: datetime, delivered: Mapping[str, datetime | None]) -> AmazonPackage:
    """`delivered`: when Amazon first told of each package that it was delivered."""
    word = told.package_status.status if told.package_status else None
    status = package_status_of(word) if word is not None else None
    return AmazonPackage(
        package_reference_id=told.package_reference_id,
        carrier=told.carrier,
        tracking_number=told.tracking_number,
        ship_time=told.ship_time,
        status=status,
        status_word=word if status == "unknown" else None,
        delivered_by=(delivered.get(told.package_reference_id) or told_at) if status == "delivered" else None,
        lines=tuple(
            AmazonPackageLine(order_item_id=item.order_item_id, quantity=item.quantity) for item in told.package_items
        ),
    )


def _difference(document: OrderDocument, row: PackageRow, theirs: AmazonPackage | None) -> PackageDifference | None:
    """How Amazon has a package otherwise than it confirmed it.

    A correction that is on its way, or that was refused, says nothing of what Amazon ought to have.
    """
    if row.state != "confirmed" or row.unsure:
        return None
    ours = json.loads(row.content)
    if theirs is None:
        gone = " The order is cancelled." if document.amazon_status == "cancelled" else ""
        return _differs(
            "missing",
            row,
            ours,
            f"Amazon confirmed package {row.reference_id} ({ours['tracking_number']}) and does not have it.{gone}",
            "" if gone else "Look into Seller Central, and confirm the shipment there if it is not.",
        )
    if theirs.status == "cancelled":
        return _differs(
            "missing",
            row,
            ours,
            f"Amazon shows package {row.reference_id} ({ours['tracking_number']}) as cancelled.",
            "Look into Seller Central, and confirm the shipment there if it has left.",
        )
    if theirs.tracking_number is not None and _plain(theirs.tracking_number) != _plain(ours["tracking_number"]):
        return _differs(
            "tracking_number",
            row,
            ours,
            f"Amazon has the tracking number {theirs.tracking_number} for package {row.reference_id}, not "
            f"{ours['tracking_number']}.",
            "Somebody changed it at Amazon. If that is wrong, correct it in Seller Central.",
        )
    said, has = _quantities(ours["lines"]), _quantities(line.model_dump() for line in theirs.lines)
    if has and said != has:
        return _differs(
            "quantities",
            row,
            ours,
            f"Amazon has {_listed(document, has)} in package {row.reference_id}, not {_listed(document, said)}.",
            "Somebody changed it at Amazon. If that is wrong, correct it in Seller Central.",
        )
    return None


def _differs(kind: Any, row: PackageRow, ours: dict[str, Any], message: str, what_to_do: str) -> PackageDifference:
    return PackageDifference(
        kind=kind,
        package_reference_id=str(row.reference_id),
        package_id=ours.get("package_id"),
        message=message,
        what_to_do=what_to_do,
    )


def _not_ours(document: OrderDocument, known: OrderDocument, rows: Sequence[PackageRow]) -> Iterable[PackageDifference]:
    """Packages that were confirmed past us while the order was here. What it came with is its history."""
    if not known.packages and any(line.quantity_shipped for line in known.lines):
        return
    noted = {one.package_reference_id for one in known.package_differences if one.kind == "not_ours"}
    came_with = {one.package_reference_id for one in known.packages} - noted
    ours = {str(row.reference_id) for row in rows}
    for package in document.packages:
        if package.package_reference_id not in ours | came_with:
            how = " ".join(filter(None, (package.carrier, package.tracking_number)))
            yield PackageDifference(
                kind="not_ours",
                package_reference_id=package.package_reference_id,
                message=f"Package {package.package_reference_id} ({how}) was confirmed at Amazon itself, not through "
                "the store.",
            )


def _plain(number: str) -> str:
    """Amazon may write a number without the blanks and hyphens that a store puts into it."""
    return "".join(filter(str.isalnum, number)).upper()


def _quantities(lines: Iterable[dict[str, Any]]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for line in lines:
        counted[line["order_item_id"]] += line["quantity"]
    return counted


def _listed(document: OrderDocument, quantities: Counter[str]) -> str:
    names = {line.order_item_id: line.sku or line.order_item_id for line in document.lines}
    return ", ".join(f"{quantity} of {names.get(item, item)}" for item, quantity in sorted(quantities.items()))
