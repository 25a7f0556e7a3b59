"""What `orderbridge orders show` has to say of an order: its facts for scripts, and a row for each for people."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from orderbridge.database.models import (
    OrderRow,
    OutboxRow,
    PackageRow,
    PersonalDataRow,
    StoreOrderNumber,
)
from orderbridge.database.unit_of_work import Work
from orderbridge.orders.timeline import latest_calls
from orderbridge.plural import number_of
from schemas.orders import OrderDocument
from schemas.shipments import ShipmentRejected

_MOST_REFUSALS = 5
_MOST_CALLS = 1000


def order_facts(work: Work, row: OrderRow) -> dict[str, Any]:
    """The order as the store has it, and beside it its packages, refusals, personal data's state and Amazon's calls.

    Of personal data it has the state alone: the document holds none.
    """
    numbers = select(StoreOrderNumber.store_order_number).where(StoreOrderNumber.order_id == row.order_id)
    kept = work.session.get(PersonalDataRow, row.order_id)
    of_order = select(PackageRow).where(PackageRow.order_id == row.order_id).order_by(PackageRow.reference_id)
    packages = work.session.scalars(of_order).all()
    return {
        **OrderDocument.model_validate_json(row.document).redacted().model_dump(mode="json"),
        "sequence": row.sequence,
        "store_order_numbers": sorted(work.session.scalars(numbers)),
        "personal_data": kept
        and {"state": "redacted" if kept.redacted_at else "sealed", "at": kept.redacted_at or kept.dies_at},
        "shipments": [_package(package) for package in packages],
        "refusals": _refusals(work, row.order_id),
        "amazon_calls": [
            {
                "operation": call.operation,
                "subject": call.subject,
                "outcome": call.outcome or "cut off",
                "at": call.started_at,
            }
            for call in latest_calls(work, row, packages, _MOST_CALLS)
        ],
    }


def order_rows(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The facts as rows of a table."""
    personal = facts["personal_data"]
    return [
        _row("order", facts["store"]["order_number"], facts["amazon_status"], facts["placed_at"]),
        *(_row("the store's number", number) for number in facts["store_order_numbers"]),
        _row("total", facts["totals"]["currency"], facts["totals"]["total"]),
        _row("queue", facts["store"]["status"]["name"]),
        *map(_line_row, facts["lines"]),
        *([_row("personal data", None, _DIES.get(personal["state"], "redacted"), personal["at"])] if personal else []),
        *map(_package_row, facts["shipments"]),
        *map(_at_amazon_row, facts["packages"]),
        *map(_difference_row, facts["package_differences"]),
        *(
            _row(
                "refused",
                f"{one['package_id'] or one['tracking_number'] or 'a package'}: {one['message']} {one['what_to_do']}",
                one["reason"],
                one["at"],
            )
            for one in facts["refusals"]
        ),
        *(_row(call["operation"], call["subject"], call["outcome"], call["at"]) for call in facts["amazon_calls"]),
    ]


_DIES = {"sealed": "sealed, dies"}


def _row(about: str, what: str | None, state: str | None = None, at: Any = None) -> dict[str, Any]:
    return {"about": about, "what": what, "state": state, "at": at}


def _line_row(line: dict[str, Any]) -> dict[str, Any]:
    name = line["sku"] or line["asin"] or f"item {line['order_item_id']}"
    shipped = f"{line['quantity_shipped']} of {line['quantity']} shipped"
    cancelled = f", {line['quantity_cancelled']} cancelled" if line["quantity_cancelled"] else ""
    return _row("line", f"{line['quantity']} of {name}", shipped + cancelled)


def _package(package: PackageRow) -> dict[str, Any]:
    columns = ("package_key", "reference_id", "state", "held_for", "hold_until", "confirmed_at", "failures")
    return {**{name: getattr(package, name) for name in columns}, "content": json.loads(package.content)}


def _package_row(package: dict[str, Any]) -> dict[str, Any]:
    said = package["content"]
    how = " ".join(filter(None, (said.get("carrier"), said.get("tracking_number"))))
    units = number_of(sum(line["quantity"] for line in said.get("lines", ())), "unit")
    state, at = package["state"], package["confirmed_at"]
    if state == "waiting":
        state, at = "next try" if package["failures"] else "held until", package["hold_until"]
    elif state == "held":
        state = f"held: {package['held_for']}"
    elif state == "rejected":
        state = f"refused: {(said.get('refusal') or {}).get('reason', 'see below')}"
    return _row(f"package {package['reference_id']}", f"{how}, {units} ({package['package_key']})", state, at)


def _at_amazon_row(package: dict[str, Any]) -> dict[str, Any]:
    how = " ".join(filter(None, (package["carrier"], package["tracking_number"])))
    units = number_of(sum(line["quantity"] for line in package["lines"]), "unit")
    status = package["status_word"] or package["status"] or "shipped"
    about = f"Amazon has package {package['package_reference_id']}"
    return _row(about, f"{how}, {units}", status.replace("_", " "), package["ship_time"])


def _difference_row(difference: dict[str, Any]) -> dict[str, Any]:
    about = "confirmed at Amazon" if difference["kind"] == "not_ours" else "difference"
    return _row(about, f"{difference['message']} {difference['what_to_do']}".strip(), difference["kind"])


def _refusals(work: Work, order_id: str) -> list[dict[str, Any]]:
    """The latest refusals that the store was told: they lie in the outbox for thirty days."""
    statement = (
        select(OutboxRow)
        .where(OutboxRow.topic == ShipmentRejected.event_type, OutboxRow.key == order_id)
        .order_by(OutboxRow.position.desc())
        .limit(_MOST_REFUSALS)
    )
    told = [(row, ShipmentRejected.model_validate_json(row.body)) for row in work.session.scalars(statement)]
    names = ("package_id", "tracking_number", "reason", "message", "what_to_do")
    return [{**{name: getattr(one, name) for name in names}, "at": row.posted_at} for row, one in reversed(told)]
