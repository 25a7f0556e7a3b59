"""What a package holds, as the store last said it, and as Amazon will be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from pydantic.dataclasses import dataclass

from orderbridge.amazon import Package, PackageLine
from orderbridge.carriers import find_carrier
from orderbridge.database.models import PackageRow
from schemas.base import Model
from schemas.orders import OrderDocument
from schemas.shipments import AmazonRefusal, ShipDate

_PARCEL = frozenset(
    {
        "store_order_number",
        "package_id",
        "carrier",
        "shipping_method",
        "tracking_number",
        "ship_date",
        "lines",
        "ship_from_supply_source_id",
    }
)


@dataclass(frozen=True)
class ContentLine:
    """So many units of one order item."""

    order_item_id: str
    quantity: int
    transparency_codes: tuple[str, ...] = ()


class Refusal(Model):
    """Why a package was refused, as the store was told."""

    reason: str
    message: str
    what_to_do: str
    amazon: AmazonRefusal | None = None


class Content(Model):
    """A package, in the store's words, with its lines resolved. Lies in `packages.content`."""

    caused_by: str
    """The newest event that said it."""
    heard: tuple[str, ...] = ()
    """The latest events that this package was made of, corrections and all, each by its source and id."""
    repeated_by: tuple[str, ...] = ()
    """Other events that said the same of it before: they are answered with it."""
    superseded: tuple[str, ...] = ()
    """Events that said what was being sent when this was said: unanswered until that call's outcome is known."""
    store_order_number: str | None = None
    package_id: str | None = None
    carrier: str
    shipping_method: str | None = None
    tracking_number: str
    ship_date: ShipDate | None = None
    first_said_at: datetime
    """When the store said it: the ship date, where it gave none."""
    lines: tuple[ContentLine, ...]
    taken: tuple[ContentLine, ...] = ()
    """The most of each line that Amazon has taken of this package so far, in this revision or an earlier one."""
    maybe_taken: bool = False
    """The outcome of a call was never known, and Amazon did not show the package when it was asked: its reads lag."""
    ship_from_supply_source_id: str | None = None
    waits: int = 0
    """How often it was tried again because another package of the order may hold its units at Amazon."""
    told: tuple[str, ...] = ()
    """Why it is held, or what was warned of, as far as the store has been told it of this revision."""
    refusal: Refusal | None = None
    despite_cancel_request: bool = False
    """A person wants it sent although the buyer has asked to cancel."""
    ship_date_at_most: datetime | None = None
    """Amazon's own time, less a minute, once it has refused the ship date."""

    @property
    def callers(self) -> tuple[str, ...]:
        """The events that said what stands here, in their order."""
        return (*self.repeated_by, self.caused_by)

    def said_ship_date(self) -> date:
        """The store's ship date; the moment of its event where it gave none."""
        return self.ship_date if self.ship_date is not None else self.first_said_at

    def same_parcel(self, other: Content) -> bool:
        """Whether Amazon would be told the same."""
        ours, theirs = (one.model_dump(include=set(_PARCEL)) for one in (self, other))
        return ours == theirs

    def with_told(self, what: str) -> Content:
        """The same after the store was told this of it."""
        return self.changed(told=(*self.told, what))

    def with_taken(self, lines: tuple[ContentLine, ...]) -> Content:
        """The same after Amazon took these lines.

        Never less than before: Amazon's count of what has shipped, which we know from the last import, may be older.
        """
        most: dict[str, int] = {}
        for line in (*self.taken, *lines):
            most[line.order_item_id] = max(line.quantity, most.get(line.order_item_id, 0))
        return self.changed(taken=tuple(ContentLine(item, count) for item, count in most.items()))

    def changed(self, **values: Any) -> Content:
        """The same with some values changed."""
        return self.model_copy(update=values)

    def for_amazon(
        self, reference_id: int, ship_date: datetime, carrier_mapping: Mapping[str, str], marketplace_id: str
    ) -> Package:
        """The package as `confirmShipment` takes it. `carrier_mapping` is the account's setting of that name."""
        carrier = find_carrier(
            self.carrier, self.tracking_number, mapping=carrier_mapping, marketplace_id=marketplace_id
        )
        return Package(
            package_reference_id=reference_id,
            carrier_code=carrier.code,
            carrier_name=carrier.name,
            shipping_method=self.shipping_method,
            tracking_number=self.tracking_number,
            ship_date=ship_date,
            lines=tuple(PackageLine(line.order_item_id, line.quantity, line.transparency_codes) for line in self.lines),
            ship_from_supply_source_id=self.ship_from_supply_source_id,
        )


def lines_elsewhere(others: Iterable[PackageRow], order: OrderDocument) -> list[ContentLine]:
    """What an order's other packages hold: of a refused one only what Amazon has taken."""
    return [line for one in others for line in _held(one, order)]


def _held(row: PackageRow, order: OrderDocument) -> tuple[ContentLine, ...]:
    return taken_of(row, order) if row.state == "rejected" else content_of(row.content).lines


def taken_of(row: PackageRow, order: OrderDocument) -> tuple[ContentLine, ...]:
    """The most of each line that Amazon has taken of a package, or may have: its count of what has shipped has it then.

    Until the outcome of a call is known, that is also what the order shows of the package, which may have been
    corrected since, and what was to be sent, unless Amazon was asked since then.
    """
    content = content_of(row.content)
    if not (row.unsure or content.maybe_taken):
        return content.taken
    ours = (one for one in order.packages if one.package_reference_id == str(row.reference_id))
    shown = tuple(ContentLine(line.order_item_id, line.quantity) for one in ours for line in one.lines)
    return content.with_taken((*(content.lines if row.unsure else ()), *shown)).taken


def may_be_at_amazon(row: PackageRow) -> bool:
    """Whether Amazon has the package under its number, or may have."""
    content = content_of(row.content)
    return row.unsure or content.maybe_taken or bool(content.taken)


def content_of(text: str) -> Content:
    """What `packages.content` holds."""
    return Content.model_validate_json(text)


def as_text(content: Content) -> str:
    """What `packages.content` is to hold."""
    return content.model_dump_json(exclude_none=True)
