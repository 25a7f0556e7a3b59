"""Shipments: what a store says, and what it is answered."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainSerializer, PlainValidator, TypeAdapter, WithJsonSchema, model_validator

from schemas.base import AccountKeyed, Identifier, Model, Moment, OpenChoice, OrderKeyed, ShortText, Text, Timestamp

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
OPEN_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""Until nobody knows when."""


def _date_or_moment(value: Any) -> date:
    if type(value) is date:
        return value
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
        return _MOMENT.validate_python(value)
    except ValueError:
        raise ValueError('expected a date such as "2026-11-24" or an RFC 3339 moment with its offset') from None


ShipDate = Annotated[
    date,
    PlainValidator(_date_or_moment),
    PlainSerializer(lambda value: value.isoformat().replace("+00:00", "Z"), return_type=str, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}),
]
"""A day in the account's time zone (`date`), or a moment (`datetime`, which is a `date` too)."""


class ShippedLine(Model):
    """How many of one line are in the package."""

    order_item_id: Identifier | None = None
    sku: ShortText | None = None
    quantity: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
    transparency_codes: tuple[ShortText, ...] = ()
    """The Transparency codes on these units, for products that Amazon's Transparency program covers."""

    @model_validator(mode="after")
    def _names_a_line(self) -> ShippedLine:
        if self.order_item_id is None and self.sku is None:
            raise ValueError("a line is named by `order_item_id` or by `sku`")
        return self


class OrderShipped(OrderKeyed):
    """The store says: shipped with tracking. (order, package) is the natural key of its effect.

    Without `package_id` the tracking number names the package; without `lines` everything that remains is in it;
    without `ship_date` it left now.
    """

    event_type: ClassVar[str] = "order.shipped"
    sent_by = ("store",)
    read_by = ("shipper",)
    account_id: Identifier | None = None
    store_order_number: Identifier | None = None
    package_id: Identifier | None = None
    carrier: ShortText
    shipping_method: ShortText | None = None
    tracking_number: ShortText | None = None
    """Amazon takes no package without one: an event that has none is refused with the reason `tracking_missing`."""
    ship_date: ShipDate | None = None
    lines: Annotated[tuple[ShippedLine, ...], Field(max_length=1000)] = ()
    ship_from_supply_source_id: Identifier | None = None
    """Amazon's id of the place it left, for accounts that have several (supply sources)."""

    def package_key(self) -> str:
        """The package's name within its order."""
        return self.package_id if self.package_id is not None else f"tracking:{self.tracking_number or ''}"


class ShipmentAnswer(OrderKeyed):
    """What every answer to an `order.shipped` repeats of it."""

    account_id: Identifier | None = None
    store_order_number: Text | None = None
    package_id: Text | None = None
    tracking_number: Text | None = None
    caused_by: Text
    """The store's event id; without one, `topic/partition/offset` of its event."""


class ShipmentHeld(ShipmentAnswer):
    """Not yet told Amazon: held until a moment, or until a person decides, and why."""

    event_type: ClassVar[str] = "shipment.held"
    sent_by = ("shipper",)
    read_by = ("store",)
    until: Moment
    """It goes by itself then; `OPEN_END` where somebody must first end what `reason` says."""
    reason: Text
    why: Text
    what_to_do: Text | None = None


class ConfirmedLine(Model):
    """A line as Amazon took it."""

    order_item_id: Identifier
    quantity: int


class ShipmentConfirmed(ShipmentAnswer):
    """Amazon took the confirmation."""

    event_type: ClassVar[str] = "shipment.confirmed"
    sent_by = ("shipper",)
    read_by = ("store",)
    package_reference_id: Text
    ship_date: Moment
    confirmed_at: Moment
    lines: tuple[ConfirmedLine, ...]


class AmazonRefusal(Model):
    """Amazon's own words."""

    status: int | None = None
    code: Text | None = None
    message: Text | None = None


class ShipmentRejected(ShipmentAnswer):
    """Amazon or a rule refused it: a stable reason code, what it means, what to do."""

    event_type: ClassVar[str] = "shipment.rejected"
    sent_by = ("shipper",)
    read_by = ("store", "reporter")
    reason: Text
    message: Text
    what_to_do: Text
    amazon: AmazonRefusal | None = None


class ShipmentWarned(ShipmentAnswer):
    """Something about the shipment that a person had better look at; it goes to Amazon all the same."""

    event_type: ClassVar[str] = "shipment.warned"
    sent_by = ("shipper",)
    read_by = ("store",)
    reason: Text
    message: Text
    what_to_do: Text


class ShipmentDue(AccountKeyed):
    """This account may make a call now: confirm its most urgent ready package.

    With an `order_id`: look at that order's packages again, since the order has changed or a person wants them sent.
    """

    event_type: ClassVar[str] = "shipment.due"
    sent_by = ("shipper", "importer", "console")
    read_by = ("shipper",)
    order_id: Identifier | None = None
    package_key: Text | None = None
    """One package of the order; none is all."""
    send_again: bool = False
    """Send what was refused, or is held because the buyer asked to cancel."""


LateReason = Annotated[Literal["ship_by_near", "personal_data_dies", "unknown"], OpenChoice()]
"""Which deadline is near:

- `ship_by_near`: the latest moment at which Amazon wants the order shipped, or it is over already;
- `personal_data_dies`: in three days the buyer's name and address are gone, and no label can be written any more.
"""


class ShipmentCheck(OrderKeyed):
    """Look whether this order has shipped: a deadline of its is near, or what decides about that has changed."""

    event_type: ClassVar[str] = "shipment.check"
    sent_by = ("importer", "shipper", "console")
    read_by = ("shipper",)
    account_id: Identifier


class ShipmentDueSoon(OrderKeyed):
    """An order has not shipped, not wholly, and a deadline is near. Said once per order and reason."""

    event_type: ClassVar[str] = "shipment.due-soon"
    sent_by = ("shipper",)
    read_by = ("store", "reporter")
    account_id: Identifier
    reason: LateReason = "unknown"
    why: Text
    """In plain words, with how its packages stand."""
    what_to_do: Text = ""
    deadline: Timestamp
