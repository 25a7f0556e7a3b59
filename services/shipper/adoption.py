"""After a restore: which of the store's packages each of Amazon's is, as pure functions.

A number that Amazon has is never given to another package. What the store was told (`shipment.confirmed`) names the
package of a number; else its tracking number does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orderbridge.amazon.order_models import Order, OrderPackage
from orderbridge.database.unit_of_work import Cause
from schemas.shipments import OrderShipped, ShipmentConfirmed
from services.shipper.content import Content, ContentLine

_LARGEST = 2**31 - 1
"""Of the column that holds the numbers; ours count up from 1 and never come there."""


@dataclass(frozen=True)
class Said:
    """An `order.shipped`, and where it stands among its like."""

    event: OrderShipped
    cause: Cause


@dataclass(frozen=True)
class Parcel:
    """A package as Amazon has it, or as the store was told that Amazon took it."""

    reference_id: int
    tracking_number: str
    lines: tuple[ContentLine, ...]
    carrier: str = ""
    shipped_at: datetime | None = None
    seen: bool = True
    """Whether Amazon shows it. Its answer may be some minutes behind what it took."""

    @property
    def quantities(self) -> Counter[str]:
        """How many of each order item."""
        return _sums((line.order_item_id, line.quantity) for line in self.lines)


@dataclass(frozen=True)
class OrderToRead:
    """What the topics say about an order's shipments since the dump."""

    order_id: str
    account_ids: tuple[str, ...]
    """The accounts whose order it is or may be."""
    said: tuple[Said, ...] = ()
    """In the order in which they count."""
    told: tuple[ShipmentConfirmed, ...] = ()
    answered: frozenset[str] = frozenset()
    """The ids of the events whose answers are on the topics."""


@dataclass(frozen=True)
class Adopted:
    """A parcel that the database does not know, and the package it is taken for."""

    parcel: Parcel
    package_key: str
    said: Said | None = None
    """The first event that says just what Amazon has. None: any event about this package counts again, and its number
    stays."""
    answered_before: tuple[str, ...] = ()
    """The ids of older events about the package that have their answers: they are not answered once more."""


def parcels(order: Order, told: Iterable[ShipmentConfirmed]) -> dict[int, Parcel]:
    """The order's packages by number: those that Amazon shows, and those that it took and does not show yet."""
    unseen = {}
    for confirmed in told:
        number = int(confirmed.package_reference_id)
        lines = tuple(ContentLine(line.order_item_id, line.quantity) for line in confirmed.lines)
        shipped_at = confirmed.ship_date
        unseen[number] = Parcel(number, confirmed.tracking_number or "", lines, shipped_at=shipped_at, seen=False)
    seen = {parcel.reference_id: parcel for package in order.packages if (parcel := _parcel(package))}
    return dict(sorted((unseen | seen).items()))


def adopt(
    order: Order, found: Mapping[int, Parcel], to_read: OrderToRead, known: Mapping[str, int]
) -> tuple[Adopted, ...]:
    """The parcels that no package of the database has the number of. `known` is those packages' numbers by key."""
    skus = [(item.product.seller_sku, item.order_item_id) for item in order.order_items]
    named = {int(one.package_reference_id): _key(one.package_id, one.tracking_number) for one in to_read.told}
    taken = {*known, *(key for number, key in named.items() if number in found)}
    adopted = []
    for number, parcel in found.items():
        if number in known.values():
            continue
        key = named.get(number)
        if key is None or key in known:  # the latter: it was given another number since the restore
            key = _by_tracking(parcel, to_read.said, taken, skus)
        taken.add(key)
        about = [one for one in to_read.said if one.event.package_key() == key]
        exact = next((one for one in about if _says(one.event, parcel, skus)), None)
        before = [one.cause.event_id for one in about[: about.index(exact)]] if exact is not None else []
        silent = tuple(event_id for event_id in before if event_id in to_read.answered)
        adopted.append(Adopted(parcel, key, exact, silent if parcel.seen else ()))
    return tuple(adopted)


def content_taken_over(adopted: Adopted, now: datetime, placed_at: datetime) -> Content:
    """The package's content: in the words of the event that says it, else in Amazon's."""
    parcel, said = adopted.parcel, adopted.said
    if said is None:
        return Content(
            caused_by="orderbridge recover",
            carrier=parcel.carrier or "Other",
            tracking_number=parcel.tracking_number,
            first_said_at=parcel.shipped_at or now,
            lines=parcel.lines,
            taken=parcel.lines,
        )
    event, cause = said.event, said.cause
    return Content(
        caused_by=cause.event_id,
        repeated_by=adopted.answered_before,
        store_order_number=event.store_order_number,
        package_id=event.package_id,
        carrier=event.carrier,
        shipping_method=event.shipping_method,
        tracking_number=event.tracking_number or "",
        ship_date=event.ship_date,
        first_said_at=min(max(cause.first_seen, placed_at), now),
        lines=parcel.lines,
        taken=parcel.lines if parcel.seen else (),
        ship_from_supply_source_id=event.ship_from_supply_source_id,
    )


def is_as_told(content: Content, parcel: Parcel) -> bool:
    """Whether Amazon has the package as we would send it."""
    ours = _sums((line.order_item_id, line.quantity) for line in content.lines)
    return content.tracking_number == parcel.tracking_number and ours == parcel.quantities


def _parcel(package: OrderPackage) -> Parcel | None:
    """None for a number that none of ours can meet."""
    number = package.package_reference_id
    if not (number.isascii() and number.isdecimal()) or not 0 < int(number) <= _LARGEST:
        return None
    cancelled = package.package_status is not None and package.package_status.status == "CANCELLED"
    items = () if cancelled else package.package_items
    return Parcel(
        int(number),
        package.tracking_number or "",
        tuple(ContentLine(item.order_item_id, item.quantity, item.transparency_codes) for item in items),
        carrier=package.carrier or "",
        shipped_at=package.ship_time,
    )


def _key(package_id: str | None, tracking_number: str | None) -> str:
    return package_id if package_id is not None else f"tracking:{tracking_number}"


def _by_tracking(parcel: Parcel, said: Sequence[Said], taken: set[str], skus: Sequence[tuple[str | None, str]]) -> str:
    """The package that the store gave this tracking number, best with these lines; else a name that blocks the number.

    Packages under one tracking number got their numbers in the order in which the store spoke of them.
    """
    events = [one.event for one in said if (one.event.tracking_number or "") == parcel.tracking_number]
    free = [event for event in events if event.package_key() not in taken]
    best = next((event for event in free if _says(event, parcel, skus)), next(iter(free), None))
    if best is not None:
        return best.package_key()
    # An older event that comes again without a package_id finds it under this name.
    key = f"tracking:{parcel.tracking_number}"
    return key if parcel.tracking_number and key not in taken else f"amazon:{parcel.reference_id}"


def _says(event: OrderShipped, parcel: Parcel, skus: Sequence[tuple[str | None, str]]) -> bool:
    """Whether the event says just what Amazon has. One without lines says "what remained", whatever that was."""
    if (event.tracking_number or "") != parcel.tracking_number:
        return False
    if not event.lines:
        return True
    wanted: list[tuple[str, int]] = []
    for line in event.lines:
        items = [line.order_item_id] if line.order_item_id else [item for sku, item in skus if sku == line.sku]
        if len(items) != 1 or items[0] is None:
            return False
        wanted.append((items[0], line.quantity))
    return _sums(wanted) == parcel.quantities


def _sums(quantities: Iterable[tuple[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for order_item_id, quantity in quantities:
        total[order_item_id] += quantity
    return total
