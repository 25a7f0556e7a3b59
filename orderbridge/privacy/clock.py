"""When an order's personal data must be gone: one rule, from the order, its account's settings and its packages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from orderbridge.accounts.settings import AccountSettings
from orderbridge.database.models import PackageRow
from orderbridge.database.unit_of_work import Work
from schemas.orders import OrderDocument


def dies_by(order: OrderDocument, settings: AccountSettings, confirmed: Sequence[datetime] = ()) -> datetime:
    """The moment by which the order's personal data must be gone, UTC. A key of the ring dies at it or shortly before.

    `confirmed` is when Amazon took each package that the bridge confirmed to it.

    Sources. The manual counts 30 days from the day the order was placed. Amazon's Data Protection Policy says: "no
    longer than 30 days after order delivery". A parcel is delivered after it has left, so 30 days from its shipment are
    within the policy. The day of a delivery Amazon does not tell: it was delivered when Amazon first says so, and else
    counts as delivered by the end of its delivery window. What has no such window, and what is never delivered, goes by
    the day it was placed.
    """
    return _counted_from(order, settings, confirmed) + timedelta(days=settings.personal_data_days)


def dies_by_now(work: Work, order: OrderDocument, settings: AccountSettings) -> datetime:
    """The same, with the packages that the database knows. It is asked for them only where they may decide."""
    confirmed: Sequence[datetime] = ()
    if settings.personal_data_clock == "shipped" and order.amazon_status == "shipped" and not _shipments(order):
        statement = select(PackageRow.confirmed_at).where(
            PackageRow.order_id == order.order_id, PackageRow.state == "confirmed", PackageRow.confirmed_at.is_not(None)
        )
        confirmed = [moment for moment in work.session.scalars(statement) if moment is not None]
    return dies_by(order, settings, confirmed)


def _counted_from(order: OrderDocument, settings: AccountSettings, confirmed: Sequence[datetime]) -> datetime:
    if settings.personal_data_clock == "placed" or order.amazon_status == "cancelled":
        return order.placed_at
    if settings.personal_data_clock == "shipped" and order.amazon_status == "shipped":
        shipped = max(_shipments(order) or confirmed, default=None)
        if shipped is not None:
            return min([shipped, *_latest(order)])
    if order.deliver_by is None:
        return order.placed_at
    return min(_latest(order))


def _latest(order: OrderDocument) -> list[datetime]:
    """What no clock counts from a later moment than: a day of shipment may be told late, or corrected."""
    return [moment for moment in (order.deliver_by, _delivered(order)) if moment is not None]


def _shipments(order: OrderDocument) -> list[datetime]:
    """When each package left, as Amazon has it."""
    return [one.ship_time for one in order.packages if one.ship_time is not None and one.status != "cancelled"]


def _delivered(order: OrderDocument) -> datetime | None:
    """When the last package was delivered, at the latest; None while one is on its way."""
    if order.amazon_status != "shipped":
        return None
    delivered = [one.delivered_by for one in order.packages if one.status != "cancelled"]
    return max((one for one in delivered if one is not None), default=None) if all(delivered) else None
