"""What the store is told about its shipments."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from orderbridge.amazon import AmazonError
from orderbridge.bus.outcomes import Rejected
from orderbridge.database.models import PackageRow
from orderbridge.database.unit_of_work import Work
from schemas.base import Identifier
from schemas.shipments import AmazonRefusal, ConfirmedLine, ShipmentConfirmed, ShipmentHeld, ShipmentRejected
from services.shipper.content import Content
from services.shipper.resolve import whose

_NAME: TypeAdapter[str] = TypeAdapter(Identifier)
_SEND_AGAIN = "Mend it and send the event again with the same package_id."


def _about(row: PackageRow, content: Content) -> dict[str, Any]:
    return {
        "account_id": row.account_id,
        "order_id": row.order_id,
        "store_order_number": content.store_order_number,
        "package_id": content.package_id,
        "tracking_number": content.tracking_number,
        "caused_by": content.caused_by,
    }


def held(work: Work, row: PackageRow, content: Content, until: datetime) -> None:
    """Held until its ship date."""
    work.post(
        ShipmentHeld(
            **_about(row, content),
            until=until,
            reason="ship_date_ahead",
            why=f"Its ship date is {_words(content.ship_date)}; Amazon takes no future dates.",
        )
    )


def _words(said: date | None) -> str:
    return f"{said:%Y-%m-%d %H:%M:%S} UTC" if isinstance(said, datetime) else str(said)


def confirmed(work: Work, row: PackageRow, content: Content, ship_date: datetime) -> None:
    """Amazon took it."""
    work.post(
        ShipmentConfirmed(
            **_about(row, content),
            package_reference_id=str(row.reference_id),
            ship_date=ship_date,
            confirmed_at=work.now,
            lines=tuple(
                ConfirmedLine(order_item_id=line.order_item_id, quantity=line.quantity) for line in content.lines
            ),
        )
    )


def refused(work: Work, row: PackageRow, content: Content, error: AmazonError) -> None:
    """Amazon declined: its own words, and what to do."""
    work.post(
        ShipmentRejected(
            **_about(row, content),
            reason="amazon_refused",
            message=f"Amazon refused the shipment: {error.message}",
            what_to_do=_SEND_AGAIN,
            amazon=AmazonRefusal(status=error.status, code=error.code, message=error.message),
        )
    )


def declined(work: Work, row: PackageRow, content: Content, refusal: Rejected) -> None:
    """A rule came to forbid it while it waited."""
    work.post(
        ShipmentRejected(
            **_about(row, content), reason=refusal.reason, message=refusal.message, what_to_do=refusal.what_to_do
        )
    )


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
    return True
