"""What the store is told about its shipments."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from orderbridge.bus.outcomes import Rejected
from orderbridge.database.models import PackageRow
from orderbridge.database.unit_of_work import Work
from orderbridge.telemetry import SHIPMENTS_REJECTED
from schemas.base import Identifier
from schemas.shipments import OPEN_END, ConfirmedLine, ShipmentConfirmed, ShipmentHeld, ShipmentRejected, ShipmentWarned
from services.shipper.content import Content, Refusal, as_text
from services.shipper.resolve import whose

_NAME: TypeAdapter[str] = TypeAdapter(Identifier)
SUPERSEDED = Refusal(
    reason="superseded",
    message="Another event of yours, which counts as the newer one, says what is in this package.",
    what_to_do="Nothing: the newer event has an answer of its own.",
)


def _about(row: PackageRow, content: Content, caused_by: str) -> dict[str, Any]:
    return {
        "account_id": row.account_id,
        "order_id": row.order_id,
        "store_order_number": content.store_order_number,
        "package_id": content.package_id,
        "tracking_number": content.tracking_number,
        "caused_by": caused_by,
    }


def held(
    work: Work,
    row: PackageRow,
    content: Content,
    reason: str,
    why: str,
    *,
    until: datetime = OPEN_END,
    what_to_do: str | None = None,
) -> None:
    """Held until a moment, or until somebody ends the reason; told once for each reason."""
    if f"held:{reason}" in content.told:
        return
    about = _about(row, content, content.caused_by)
    work.post(ShipmentHeld(**about, until=until, reason=reason, why=why, what_to_do=what_to_do))
    row.content = as_text(content.with_told(f"held:{reason}"))


def warned(work: Work, row: PackageRow, content: Content, reason: str, message: str, what_to_do: str) -> None:
    """Something a person had better look at; told once for each reason."""
    if f"warned:{reason}" in content.told:
        return
    about = _about(row, content, content.caused_by)
    work.post(ShipmentWarned(**about, reason=reason, message=message, what_to_do=what_to_do))
    row.content = as_text(content.with_told(f"warned:{reason}"))


def confirmed(
    work: Work, row: PackageRow, content: Content, ship_date: datetime, callers: Iterable[str] | None = None
) -> None:
    """Amazon took it: told to all `callers`, those of the content unless others are named."""
    lines = tuple(ConfirmedLine(order_item_id=line.order_item_id, quantity=line.quantity) for line in content.lines)
    for caused_by in content.callers if callers is None else callers:
        work.post(
            ShipmentConfirmed(
                **_about(row, content, caused_by),
                package_reference_id=str(row.reference_id),
                ship_date=ship_date,
                confirmed_at=row.confirmed_at or work.now,
                lines=lines,
            )
        )


def refused(work: Work, row: PackageRow, content: Content, refusal: Refusal) -> None:
    """It will not be sent: the package's state, and the store's answer."""
    row.state = "rejected"
    row.held_for = None
    row.content = as_text(content.changed(refusal=refusal, superseded=()))
    SHIPMENTS_REJECTED.inc()
    for caused_by in content.callers:
        work.post(ShipmentRejected(**_about(row, content, caused_by), **dict(refusal)))
    superseded(work, row, content, content.superseded, said=False)


def superseded(work: Work, row: PackageRow, content: Content, callers: Iterable[str], *, said: bool = True) -> None:
    """Nothing became of these events, which `said` this content or an earlier one: a newer one took their place."""
    for caused_by in callers:
        about = _about(row, content, caused_by) | ({} if said else {"tracking_number": None})
        work.post(ShipmentRejected(**about, **dict(SUPERSEDED)))


def as_refusal(rejected: Rejected) -> Refusal:
    """A rule's refusal, to be kept and told."""
    return Refusal(reason=rejected.reason, message=rejected.message, what_to_do=rejected.what_to_do)


def _can_be_told(text: str) -> bool:
    return len(text) <= 100 and text.isprintable()


def rejected(body: dict[str, Any], refusal: Rejected, work: Work) -> bool:
    """Answer the sender of a bad `order.shipped` from its raw body; False if it names no order of Amazon's."""
    name = body.get("order_id")
    try:
        name = _NAME.validate_python(name)
    except ValidationError:
        return False
    order_id = whose(name, work)
    if order_id is None:
        return False
    fields = ("account_id", "store_order_number", "package_id", "tracking_number")
    given = {field: body.get(field) for field in fields}
    told = {field: text for field, text in given.items() if isinstance(text, str) and _can_be_told(text)}
    why = {"reason": refusal.reason, "message": refusal.message, "what_to_do": refusal.what_to_do}
    try:
        answer = ShipmentRejected.model_validate(
            {**told, **why, "order_id": order_id, "caused_by": work.cause.event_id}
        )
    except ValidationError:
        return False
    work.post(answer)
    if refusal.reason != SUPERSEDED.reason:
        SHIPMENTS_REJECTED.inc()
    return True
