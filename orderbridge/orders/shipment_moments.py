"""What a store said of an order's packages, and what it was answered, in plain words for a timeline."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from orderbridge.database.models import PackageRow
from orderbridge.plural import number_of
from schemas.base import Event
from schemas.shipments import (
    OPEN_END,
    ShipmentAnswer,
    ShipmentConfirmed,
    ShipmentDueSoon,
    ShipmentHeld,
    ShipmentRejected,
    ShipmentWarned,
)

_KINDS: Final[dict[str, type[Event]]] = {
    kind.event_type: kind
    for kind in (ShipmentConfirmed, ShipmentDueSoon, ShipmentHeld, ShipmentRejected, ShipmentWarned)
}
TOPICS: Final = tuple(_KINDS)


@dataclass(frozen=True)
class Said:
    """What was said, and what to do about it."""

    what: str
    more: str = ""
    to_do: str = ""
    tone: Literal["", "good", "warn", "bad"] = ""


@dataclass(frozen=True)
class Heard(Said):
    """What a store said, and when."""

    at: datetime = OPEN_END


def told(topic: str, body: str) -> Said:
    """What the store was answered by an event of one of TOPICS."""
    event = _KINDS[topic].model_validate_json(body)
    match event:
        case ShipmentConfirmed():
            units = number_of(sum(line.quantity for line in event.lines), "unit")
            more = f"{_package(event)}, {units}, as package {event.package_reference_id}."
            return Said("Amazon took the shipment", more, tone="good")
        case ShipmentHeld():
            until = "until somebody ends that" if event.until == OPEN_END else f"until {event.until:%Y-%m-%d %H:%M} UTC"
            return Said(f"Shipment held {until}", f"{_package(event)}: {event.why}", event.what_to_do or "", "warn")
        case ShipmentRejected():
            amazon = f" Amazon: {event.amazon.message}" if event.amazon and event.amazon.message else ""
            more = f"{_package(event)}: {event.message}{amazon}"
            return Said(f"Shipment refused ({event.reason})", more, event.what_to_do, "bad")
        case ShipmentWarned():
            return Said("Look at the shipment", f"{_package(event)}: {event.message}", event.what_to_do, "warn")
        case ShipmentDueSoon():
            return Said(f"Late soon: due {event.deadline:%Y-%m-%d %H:%M} UTC", event.why, event.what_to_do, "warn")
    raise ValueError(f"{topic} tells a store nothing of a shipment")


def heard(packages: Iterable[PackageRow]) -> Iterator[Heard]:
    """What the store said it has shipped: as it stands now, when it was first said."""
    for package in packages:
        content = json.loads(package.content)
        how = " ".join(filter(None, (content.get("carrier"), content.get("tracking_number"))))
        units = number_of(sum(line["quantity"] for line in content.get("lines", ())), "unit")
        said_at = datetime.fromisoformat(content["first_said_at"])
        yield Heard("The store said: shipped", f"{how}, {units} ({package.package_key})", at=said_at)


def _package(answer: ShipmentAnswer) -> str:
    return answer.package_id or answer.tracking_number or "A package"
