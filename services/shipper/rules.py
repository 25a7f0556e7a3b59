"""The rules before the call, as pure functions: what is in the package, and when it may be told Amazon.

Each refusal has a stable code, what it means, and what to do. docs/your-store.md lists them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from orderbridge.accounts import ConnectedAccount
from orderbridge.bus.outcomes import Rejected
from schemas.orders import Line, OrderDocument
from schemas.packages import AmazonPackage
from schemas.shipments import OrderShipped, ShippedLine
from services.shipper.content import ContentLine

_AMAZON_CARRIES = frozenset({"AMAZON_EASY_SHIP", "DELIVERY_BY_AMAZON"})
"""Programs whose labels come from Amazon, which then confirms the shipment itself."""
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode's general categories of control, format, unassigned, private and surrogate characters, and line breaks."""
_FARTHEST = timedelta(days=365)
_AMAZONS_CLOCK = timedelta(minutes=1)
"""What is sent lies this far in the past: Amazon's clock may be behind ours, and it takes no future date."""


def check_account(account: ConnectedAccount | None) -> ConnectedAccount:
    """The account, if Amazon can be told anything for it. Raises Rejected."""
    if account is None or not account.connected:
        raise Rejected(
            "account_not_connected", "The order's account is not connected.", "Connect it and send it again."
        )
    return account


def check_event(event: OrderShipped) -> None:
    """Raises Rejected for an event that cannot be told Amazon whatever the order is."""
    for field in ("package_id", "carrier", "shipping_method", "tracking_number", "ship_from_supply_source_id"):
        _check_text(field, getattr(event, field))
    if not (event.tracking_number or "").strip():
        raise Rejected(
            "tracking_missing",
            "Amazon takes no shipment without a tracking number, in any marketplace.",
            "Send the event again with its tracking_number.",
        )


def _check_text(field: str, text: str | None) -> None:
    """What is copied from a label's page brings along characters that nobody sees, and Amazon refuses or prints."""
    for character in text or "":
        if unicodedata.category(character) in _UNSEEN:
            raise Rejected(
                "invalid",
                f"order.shipped: {field}: holds U+{ord(character):04X}, a character that cannot be seen.",
                f"Enter the {field} anew, without it, and send the event again.",
            )
    if text is not None and field != "tracking_number" and not text.strip():
        raise Rejected("invalid", f"order.shipped: {field}: is blank.", f"Fill in {field}, and send the event again.")


def check_order(order: OrderDocument) -> None:
    """Raises Rejected for an order whose shipments are not the seller's to confirm."""
    if order.fulfilled_by == "amazon":
        raise Rejected(
            "fulfilled_by_amazon",
            "Amazon ships this order itself (FBA).",
            "Nothing: leave it to Amazon, and don't send order.shipped for it.",
        )
    if "FBM_SHIP_PLUS" in order.programs:
        raise Rejected(
            "ship_plus",
            "This is a Ship+ order: Amazon confirms it when you buy its label.",
            "Nothing: buy the label at Amazon, and don't send order.shipped for it.",
        )
    if carried := _AMAZON_CARRIES.intersection(order.programs):
        raise Rejected(
            "amazon_carries",
            f"Amazon's own carrier collects this order's parcels ({', '.join(sorted(carried))}); Amazon confirms them.",
            "Nothing: hand the parcel to Amazon's carrier, and don't send order.shipped for it.",
        )
    if order.amazon_status == "cancelled":
        raise Rejected(
            "order_cancelled", "The order was cancelled at Amazon.", "Stop the parcel if you can; don't ship it."
        )
    if order.amazon_status in ("pending", "pending_availability"):
        raise Rejected(
            "order_pending",
            "Amazon has not released the order for shipment yet.",
            "Wait until order.updated says unshipped, then send the event again.",
        )


def check_elsewhere(tracking_number: str, order: OrderDocument, ours: Collection[str]) -> None:
    """Raises Rejected for a parcel that Amazon has already, and not from us (`ours`: our reference ids)."""
    number = _plain(tracking_number)
    for package in order.packages:
        if package.package_reference_id not in ours and _plain(package.tracking_number or "") == number:
            raise Rejected(
                "confirmed_elsewhere",
                "Amazon has this parcel already: its label was bought at Amazon (Buy Shipping), or it was confirmed in "
                "Seller Central.",
                "Nothing: it is confirmed.",
            )


def _plain(tracking_number: str) -> str:
    return "".join(tracking_number.split()).upper()


def next_reference_id(order: OrderDocument, ours: Iterable[int]) -> int:
    """A number that no package of the order has, neither one of ours nor one confirmed past us."""
    theirs = (int(package.package_reference_id) for package in order.packages if _is_number(package))
    return max(*ours, *theirs, 0, 0) + 1


def _is_number(package: AmazonPackage) -> bool:
    """Amazon's ids are decimal numbers, of few digits where a client of its API gave them."""
    return re.fullmatch(r"[0-9]{1,9}", package.package_reference_id) is not None


def package_lines(
    event: OrderShipped, order: OrderDocument, others: Iterable[ContentLine], taken: Iterable[ContentLine]
) -> tuple[ContentLine, ...]:
    """What is in the package, by order item: what the store names, or all that remains.

    `others` is what our other packages of the order hold, `taken` what Amazon took of all of ours, this one's too.
    Raises Rejected for a line that is unknown, or more than was ordered.
    """
    left = remaining(order, list(others), list(taken))
    if not event.lines:
        everything = tuple(ContentLine(item, quantity) for item, quantity in left.items() if quantity > 0)
        if not everything:
            raise Rejected(
                "nothing_left",
                "Everything in this order has been shipped already.",
                "To correct a package, send its package_id.",
            )
        return everything
    named: dict[str, ContentLine] = {}
    for shipped in event.lines:
        line = _line(order, shipped)
        before = named.get(line.order_item_id)
        quantity = shipped.quantity + (before.quantity if before else 0)
        codes = (*(before.transparency_codes if before else ()), *shipped.transparency_codes)
        _check_quantity(line, quantity, left)
        named[line.order_item_id] = ContentLine(line.order_item_id, quantity, codes)
    return tuple(named.values())


def check_lines(lines: Iterable[ContentLine], order: OrderDocument, left: Mapping[str, int]) -> None:
    """Raises Rejected if what a package holds is more than is `left` of the order by now."""
    by_item = {line.order_item_id: line for line in order.lines}
    for held in lines:
        if (line := by_item.get(held.order_item_id)) is not None:
            _check_quantity(line, held.quantity, left)


def _check_quantity(line: Line, quantity: int, left: Mapping[str, int]) -> None:
    if quantity > left[line.order_item_id]:
        raise Rejected(
            "more_than_ordered",
            f"The package holds {quantity} of {line.sku or line.order_item_id}; "
            f"{line.quantity} were ordered and {left[line.order_item_id]} are left to ship.",
            "Correct the quantity, or the package_id if this corrects an earlier package, and send it again.",
        )


def remaining(order: OrderDocument, others: list[ContentLine], taken: list[ContentLine]) -> dict[str, int]:
    """How many units of each line a package may hold, by order item."""
    left = {}
    for line in order.lines:
        elsewhere = sum(other.quantity for other in others if other.order_item_id == line.order_item_id)
        ours = sum(part.quantity for part in taken if part.order_item_id == line.order_item_id)
        by_hand = max(line.quantity_shipped - ours, 0)  # confirmed in Seller Central, not by us
        left[line.order_item_id] = max(line.quantity - line.quantity_cancelled - elsewhere - by_hand, 0)
    return left


def _line(order: OrderDocument, shipped: ShippedLine) -> Line:
    if shipped.order_item_id is not None:
        matches = [line for line in order.lines if line.order_item_id == shipped.order_item_id]
    else:
        matches = [line for line in order.lines if line.sku == shipped.sku]
    if len(matches) > 1:
        raise Rejected(
            "ambiguous_line",
            f"{len(matches)} lines of the order have this SKU.",
            "Name the line by its order_item_id.",
        )
    if not matches:
        known = ", ".join(line.sku or line.order_item_id for line in order.lines)
        raise Rejected(
            "unknown_line",
            f"The order has no line {shipped.order_item_id or shipped.sku}; it has {known}.",
            "Correct the line's order_item_id or sku and send the event again.",
        )
    return matches[0]


@dataclass(frozen=True)
class ShipDate:
    """When the shipment may be told Amazon, and the moment that is told as its ship date."""

    not_before: datetime
    stated: datetime


def plan_ship_date(said: date | None, zone: ZoneInfo, placed_at: datetime, now: datetime) -> ShipDate:
    """A date is a day in the account's zone: ahead it waits for its beginning, past it is its end; none is now.

    What is told of a day lies within it: it waits a minute more, so that a minute ago is that day already.
    Amazon takes no future dates (the manual: the update is not sent "until the scheduled date itself"), and none
    before the purchase. Raises Rejected for a day before the purchase or more than a year ahead.
    """
    earliest = placed_at
    if said is None:
        begins = ends = not_before = now
    elif isinstance(said, datetime):
        begins = ends = not_before = said
    else:
        begins = datetime.combine(said, time.min, zone)
        ends = datetime.combine(said, time.max, zone).replace(microsecond=0)
        not_before = begins + _AMAZONS_CLOCK
        earliest = max(placed_at, begins)  # `now` may be Amazon's, which we know to the second
    if ends < placed_at - _AMAZONS_CLOCK:
        raise Rejected(
            "ship_date_before_purchase",
            f"The ship date {said} lies before the purchase ({placed_at:%Y-%m-%d %H:%M} UTC).",
            "Correct the ship_date and send the event again.",
        )
    if begins > now + _FARTHEST:
        raise Rejected(
            "ship_date_too_far",
            f"The ship date {said} is more than a year ahead.",
            "Correct the ship_date and send the event again.",
        )
    stated = max(earliest, min(ends, now - _AMAZONS_CLOCK))
    return ShipDate(not_before=not_before.astimezone(UTC), stated=stated.astimezone(UTC))
