"""What `orderbridge orders show` has to say of an order: a row for each fact."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from orderbridge.database.models import (
    Attempt,
    OrderRow,
    OutboxRow,
    PackageRow,
    PersonalDataRow,
    StoreOrderNumber,
)
from orderbridge.database.unit_of_work import Work
from schemas.orders import Line, OrderDocument
from schemas.packages import AmazonPackage, PackageDifference
from schemas.shipments import ShipmentRejected

_MOST_REFUSALS = 5


def order_facts(work: Work, row: OrderRow) -> list[dict[str, Any]]:
    """The order, its lines, its personal data's state, its packages and why some were refused, the calls to Amazon.

    Packages are the store's, then those that Amazon has, and where these differ from what it confirmed.
    """
    document = OrderDocument.model_validate_json(row.document)
    facts = [
        _fact("order", row.order_number, row.amazon_status, row.placed_at),
        *(_fact("the store's number", number) for number in _store_numbers(work, row.order_id)),
        _fact("total", document.totals.currency, str(document.totals.total)),
        _fact("queue", document.store.status.name),
        *map(_line, document.lines),
    ]
    kept = work.session.get(PersonalDataRow, row.order_id)
    if kept is not None:
        state = "redacted" if kept.redacted_at else "sealed, dies"
        facts.append(_fact("personal data", None, state, kept.redacted_at or kept.dies_at))
    packages = select(PackageRow).where(PackageRow.order_id == row.order_id).order_by(PackageRow.reference_id)
    facts += map(_package, work.session.scalars(packages))
    facts += map(_at_amazon, document.packages)
    facts += map(_difference, document.package_differences)
    facts += map(_refusal, _refusals(work, row.order_id))
    calls = (
        select(Attempt)
        .where(Attempt.account_id == row.account_id, Attempt.subject.startswith(row.order_id))
        .order_by(Attempt.started_at)
    )
    facts += [
        _fact(call.operation, call.subject, call.outcome or "cut off", call.started_at)
        for call in work.session.scalars(calls)
    ]
    return facts


def _fact(about: str, what: str | None, state: str | None = None, at: Any = None) -> dict[str, Any]:
    return {"about": about, "what": what, "state": state, "at": at}


def _store_numbers(work: Work, order_id: str) -> list[str]:
    statement = select(StoreOrderNumber.store_order_number).where(StoreOrderNumber.order_id == order_id)
    return list(work.session.scalars(statement.order_by(StoreOrderNumber.store_order_number)))


def _line(line: Line) -> dict[str, Any]:
    name = line.sku or line.asin or f"item {line.order_item_id}"
    shipped = f"{line.quantity_shipped} of {line.quantity} shipped"
    cancelled = f", {line.quantity_cancelled} cancelled" if line.quantity_cancelled else ""
    return _fact("line", f"{line.quantity} of {name}", shipped + cancelled)


def _package(package: PackageRow) -> dict[str, Any]:
    said = json.loads(package.content)
    how = " ".join(filter(None, (said.get("carrier"), said.get("tracking_number"))))
    units = sum(line["quantity"] for line in said.get("lines", ()))
    state, at = package.state, package.confirmed_at
    if package.state == "waiting":
        state, at = "next try" if package.failures else "held until", package.hold_until
    elif package.state == "held":
        state = f"held: {package.held_for}"
    elif package.state == "rejected":
        state = f"refused: {refusal_reason(package)}"
    return _fact(f"package {package.reference_id}", f"{how}, {units} units ({package.package_key})", state, at)


def refusal_reason(package: PackageRow) -> str | None:
    """The code of why a package was refused, if it was."""
    refusal: dict[str, Any] = json.loads(package.content).get("refusal") or {}
    return refusal.get("reason")


def _at_amazon(package: AmazonPackage) -> dict[str, Any]:
    how = " ".join(filter(None, (package.carrier, package.tracking_number)))
    units = sum(line.quantity for line in package.lines)
    status = package.status_word or package.status or "shipped"
    about = f"Amazon has package {package.package_reference_id}"
    return _fact(about, f"{how}, {units} units", status.replace("_", " "), package.ship_time)


def _difference(difference: PackageDifference) -> dict[str, Any]:
    about = "confirmed at Amazon" if difference.kind == "not_ours" else "difference"
    return _fact(about, f"{difference.message} {difference.what_to_do}".strip(), difference.kind)


def _refusals(work: Work, order_id: str) -> list[tuple[OutboxRow, ShipmentRejected]]:
    """The latest refusals that the store was told: they lie in the outbox for thirty days."""
    statement = (
        select(OutboxRow)
        .where(OutboxRow.topic == ShipmentRejected.event_type, OutboxRow.key == order_id)
        .order_by(OutboxRow.position.desc())
        .limit(_MOST_REFUSALS)
    )
    rows = reversed(work.session.scalars(statement).all())
    return [(row, ShipmentRejected.model_validate_json(row.body)) for row in rows]


def _refusal(told: tuple[OutboxRow, ShipmentRejected]) -> dict[str, Any]:
    row, refusal = told
    package = refusal.package_id or refusal.tracking_number or "a package"
    return _fact("refused", f"{package}: {refusal.message} {refusal.what_to_do}", refusal.reason, row.posted_at)
