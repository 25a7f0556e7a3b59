"""An order as the store keeps it, in one document: what it was told, the packages it sent, the queue that follows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel

from orderbridge.store import Received
from schemas.orders import Line, OrderEvent
from schemas.shipments import OrderShipped, ShipmentAnswer, ShipmentDueSoon

QUEUES = {"New": "1", "Unpaid": "9", "Processing": "2", "Partial": "3", "Shipped": "4", "Cancel": "5", "Hold": "6"}
"""The store's order queues with their ids (the manual's), in the order in which they are shown."""
OWN = "(this shop)"
"""Stands where Amazon's orders have their account."""
_AWAITS_SHIPMENT = ("unshipped", "partially_shipped", "pending", "pending_availability", "unknown")
_RANK = {"warned": 0, "held": 1}


class Shipment(BaseModel):
    """A package as it was said in one `order.shipped`, and how that was answered."""

    event_id: str
    order_id: str
    package_id: str | None = None
    tracking_number: str | None = None
    said_at: datetime
    said: OrderShipped | None = None  # None where somebody typed it into Kafka by hand: that is answered, too
    sent: bool = True
    told: dict[str, dict[str, Any]] = {}  # the answers by their event ids

    @classmethod
    def of(cls, event_id: str, event: OrderShipped | ShipmentAnswer, moment: datetime) -> Self:
        """As we say it now, or as an answer speaks of it."""
        named = cls(event_id=event_id, order_id=event.order_id, said_at=moment)
        named.package_id, named.tracking_number = event.package_id, event.tracking_number
        if isinstance(event, OrderShipped):
            named.said, named.sent = event, False
        return named

    @property
    def name(self) -> str:
        """What names the package: said again under this name, it is corrected."""
        return self.package_id or self.tracking_number or self.event_id

    @property
    def answers(self) -> list[dict[str, Any]]:
        """In their order, which topics do not have among each other: "held" may be read after what followed it."""
        return sorted(self.told.values(), key=lambda one: (_RANK.get(one["state"], 2), one["said_at"]))

    @property
    def state(self) -> str:
        """unsent | sent | held | confirmed | rejected. A warning is no answer, only something to look at."""
        latest = self.answers[-1]["state"] if self.told else "warned"
        return latest if latest != "warned" else "sent" if self.sent or self.told else "unsent"

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What we said is in it; nothing is all that remained of the order."""
        return self.said.model_dump(mode="json", exclude_none=True)["lines"] if self.said else []

    def units(self, line: Line) -> int:
        """How many of an order's line are in it: as Amazon took it, else as we said it."""
        parts = self.answers[-1]["lines"] if self.state == "confirmed" else self.lines
        if not parts:
            return line.quantity - line.quantity_cancelled
        of_line = (part for part in parts if part.get("order_item_id", line.order_item_id) == line.order_item_id)
        return sum(part["quantity"] for part in of_line if part.get("sku", line.sku) == line.sku)


class Order(BaseModel):
    """An order's document. It begins with whatever is read first, even if that is an answer."""

    order_id: str
    latest: OrderEvent | None = None
    shipments: dict[str, Shipment] = {}
    late: dict[str, dict[str, Any]] = {}  # the deadlines that the bridge has warned of, by their reasons
    received: dict[str, str] = {}  # the type of each event that came, by its id
    taken: dict[str, int] = {}  # units of the stock by SKU (stock.py)
    alerted_at: datetime | None = None  # when the store's own order alert went out

    @property
    def event(self) -> OrderEvent:
        """The order as it was last told; the books hand out no order of which only an answer has come."""
        return self.latest  # type: ignore[return-value]  # see above

    @property
    def awaits_shipment(self) -> bool:
        """Whether it is ours to ship, and to tell Amazon of."""
        event = self.event
        return event.account_id != OWN and event.fulfilled_by != "amazon" and event.amazon_status in _AWAITS_SHIPMENT

    def take(self, received: Received) -> None:
        """Take an event in. The same event again, or an older one, changes nothing."""
        event, moment = received.event, received.time
        self.received[received.event_id] = event.event_type
        if isinstance(event, OrderEvent):
            # Amazon forbids alerts for its orders; an order that is sent again was alerted of when it came.
            if self.latest is None and not event.store.suppress_order_alerts and not event.replay:
                self.alerted_at = moment
            if self.latest is None or event.sequence > self.latest.sequence:
                self.latest = event
        elif isinstance(event, ShipmentAnswer):
            answer = {"state": event.event_type.removeprefix("shipment."), "said_at": moment.isoformat()}
            shipment = self.shipments.setdefault(event.caused_by, Shipment.of(event.caused_by, event, moment))
            shipment.told[received.event_id] = {**answer, **event.model_dump(mode="json")}
        elif isinstance(event, ShipmentDueSoon):
            self.late[event.reason] = event.model_dump(mode="json")

    def packages(self) -> list[Shipment]:
        """The shipments, each package as it was last said: a correction takes the place of what it corrects."""
        return _packages(self.shipments.values())

    def shipped(self, line: Line) -> int:
        """Units of a line that have left: as Amazon counts them, or as we were told that it took them."""
        confirmed = _packages(one for one in self.shipments.values() if one.state == "confirmed")
        return max(sum(package.units(line) for package in confirmed), line.quantity_shipped)

    def left(self, line: Line) -> int:
        """Units of a line that are in no package yet."""
        packed = sum(package.units(line) for package in self._standing())
        return max(line.quantity - line.quantity_cancelled - max(packed, line.quantity_shipped), 0)

    def queue(self) -> str:
        """The store's queue: the one that came with the order; while it awaits shipment, what we do about it."""
        packages, lines = self._standing(), self.event.lines
        if not self.awaits_shipment:
            return self.event.store.status.name
        if self.event.cancel_requested is not None and not packages:
            return "Hold"
        if any(package.state != "confirmed" for package in packages):
            return "Processing"
        ordered = sum(line.quantity - line.quantity_cancelled for line in lines)
        left = sum(max(line.quantity - line.quantity_cancelled - self.shipped(line), 0) for line in lines)
        if left == ordered:
            return self.event.store.status.name
        return "Partial" if left else "Shipped"

    def _standing(self) -> list[Shipment]:
        return _packages(one for one in self.shipments.values() if one.state != "rejected")


def _packages(shipments: Iterable[Shipment]) -> list[Shipment]:
    return list({shipment.name: shipment for shipment in shipments}.values())
