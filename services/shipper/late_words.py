"""Why an order has not shipped as far as Amazon is concerned, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from orderbridge.database.models import PackageRow
from orderbridge.late_shipments import units
from orderbridge.package_standing import Stand, Standing, standing
from schemas.orders import OrderDocument

_TO_DO: Final[dict[Stand, str]] = {
    "held": "If it has left already, send order.shipped again with the same package_id and that ship date.",
    "refused": "Mend what shipment.rejected says and send order.shipped again with the same package_id.",
    "paused": 'Switch on "Confirm shipments at Amazon" (confirm_shipments=true): it is held until then.',
    "buyer_asked_to_cancel": "Cancel the order, or send the package all the same: `orderbridge shipments retry`.",
    "failing": "It is tried again by itself. If Amazon has not taken it by then, confirm it in Seller Central.",
    "unanswered": "Amazon is asked again by itself. If it does not answer by then, look into Seller Central.",
    "queued": "Nothing: it is sent as soon as its turn comes.",
}
_TO_SHIP: Final = "Ship it and send order.shipped with its tracking number, or cancel it in Seller Central."
_REST_TO_SHIP: Final = "Ship the rest and send order.shipped with its tracking number."
_BUY_LABEL: Final = "Buy its label at Amazon: that confirms the shipment of a Ship+ order."


def why_not_shipped(
    order: OrderDocument, packages: Sequence[PackageRow], left: int, zone: ZoneInfo, now: datetime
) -> str:
    """How much has shipped, and how each package stands that Amazon does not have."""
    total = units(order)
    lost = [one.message for one in order.package_differences if one.kind == "missing"]
    stands = [(package, standing(package, now)) for package in packages]
    waiting = [_package_words(package, one, zone) for package, one in stands if one.stand != "confirmed"]
    if left < total:
        shipped = f"{total - left} of {total} units have shipped."
    else:
        shipped = "Nothing of it has shipped." if packages else "No shipment has been sent."
    return " ".join((shipped, *lost, *waiting))


def what_to_do(order: OrderDocument, packages: Sequence[PackageRow], now: datetime) -> str:
    """What a person can do about it: for the package that most needs one, else for the order."""
    if "FBM_SHIP_PLUS" in order.programs:
        return _BUY_LABEL
    stands = {standing(package, now).stand for package in packages}
    urgent: tuple[Stand, ...] = (
        "refused",
        "paused",
        "buyer_asked_to_cancel",
        "unanswered",
        "failing",
        "held",
        "queued",
    )
    lost = [one.what_to_do for one in order.package_differences if one.kind == "missing" and one.what_to_do]
    if lost:
        return lost[0]
    found = next((stand for stand in urgent if stand in stands), None)
    if found is not None:
        return _TO_DO[found]
    return _REST_TO_SHIP if packages or order.amazon_status == "partially_shipped" else _TO_SHIP


def _package_words(package: PackageRow, now_stands: Standing, zone: ZoneInfo) -> str:
    name = f"Package {package.reference_id}"
    at = f"{now_stands.at.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}" if now_stands.at is not None else ""
    return {
        "held": f"{name} is held until {at}.",
        "failing": f"{name} was sent {_times(now_stands.failures)} and Amazon has not taken it; next try at {at}.",
        "unanswered": f"{name} was sent, and Amazon has not answered yet.",
        "refused": f"{name} was refused.",
        "paused": f"{name} is held: confirming shipments is paused.",
        "buyer_asked_to_cancel": f"{name} is held, since the buyer has asked to cancel.",
        "queued": f"{name} is about to be sent.",
    }[now_stands.stand]


def _times(failures: int) -> str:
    return {1: "once", 2: "twice"}.get(failures, f"{failures} times")
