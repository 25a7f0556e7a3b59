"""Orders of the merchant's that have not shipped and should have, or soon should: for those who look at them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from orderbridge.accounts import ConnectedAccount, read_account
from orderbridge.accounts.setting_types import LATE_WARNING_HOURS
from orderbridge.database.models import Account, OrderRow, PackageRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.late_shipments import (
    BEFORE_DEATH,
    TO_SHIP,
    Deadline,
    deadlines,
    dies_at,
    lost_packages,
    units,
    units_left,
)
from orderbridge.package_standing import Stand, standing
from schemas.orders import OrderDocument

_AT_ONCE = 500
_IN_SHORT: dict[Stand, str] = {
    "confirmed": "confirmed",
    "refused": "refused",
    "paused": "held: paused",
    "buyer_asked_to_cancel": "held: buyer wants to cancel",
    "unanswered": "no answer yet",
    "failing": "trying again",
    "held": "held until",
    "queued": "about to be sent",
}


@dataclass(frozen=True)
class Late:
    """An order that is late or soon will be, with the deadlines that are over or near."""

    order: OrderDocument
    account: ConnectedAccount
    near: tuple[Deadline, ...]
    left: int
    """Units that have not shipped."""
    packages: Sequence[PackageRow]

    @property
    def most_urgent(self) -> datetime:
        """The first of its deadlines."""
        return min(deadline.at for deadline in self.near)


def late_orders(
    work: Work, account_id: str | None = None, *, within: int | None = None, most: int | None = None
) -> list[Late]:
    """The late orders, the most urgent first.

    `within` are the hours until the ship-by; None is each account's `late_warning_hours`. With `most` no more orders
    than that are looked at, those with the earliest deadlines.
    """
    accounts = {row.account_id: read_account(row) for row in work.session.scalars(select(Account))}
    farthest = timedelta(hours=within if within is not None else LATE_WARNING_HOURS[1])
    found = []
    for row, kept in _awaiting(work, account_id, farthest, most):
        if row.account_id not in accounts:
            continue
        account = accounts[row.account_id]
        order = OrderDocument.model_validate_json(row.document)
        hours = within if within is not None else account.settings.late_warning_hours
        near = tuple(one for one in deadlines(order, dies_at(kept), hours) if one.warn_at <= work.now)
        if near:
            found.append((account, order, near))
    packages = _packages(work, [order.order_id for _, order, _ in found])
    late = []
    for account, order, near in found:
        own = packages.get(order.order_id, [])
        left = units_left(order, own)
        if left:
            late.append(Late(order, account, near, left, own))
    return sorted(late, key=lambda one: one.most_urgent)


def _awaiting(
    work: Work, account_id: str | None, farthest: timedelta, most: int | None
) -> list[tuple[OrderRow, PersonalDataRow | None]]:
    """The orders with a deadline so near, each with its personal data. By two indexes: an OR would use neither."""
    awaits = (OrderRow.fulfilled_by == "merchant", OrderRow.amazon_status.in_(TO_SHIP))
    own = () if account_id is None else (OrderRow.account_id == account_id,)
    by_ship_by = (
        select(OrderRow.order_id)
        .where(*awaits, *own, OrderRow.ship_by <= work.now + farthest)
        .order_by(OrderRow.ship_by)
        .limit(most)
    )
    by_death = (
        select(OrderRow.order_id)
        .join(PersonalDataRow, PersonalDataRow.order_id == OrderRow.order_id)
        .where(*awaits, *own, PersonalDataRow.redacted_at.is_(None), PersonalDataRow.dies_at <= work.now + BEFORE_DEATH)
        .order_by(PersonalDataRow.dies_at)
        .limit(most)
    )
    ids = list(dict.fromkeys([*work.session.scalars(by_ship_by), *work.session.scalars(by_death)]))
    found: list[tuple[OrderRow, PersonalDataRow | None]] = []
    for some in _batches(ids):
        rows = (
            select(OrderRow, PersonalDataRow)
            .outerjoin(PersonalDataRow, PersonalDataRow.order_id == OrderRow.order_id)
            .where(OrderRow.order_id.in_(some))
        )
        found += [(row, kept) for row, kept in work.session.execute(rows)]
    return found


def _packages(work: Work, order_ids: list[str]) -> dict[str, list[PackageRow]]:
    packages: dict[str, list[PackageRow]] = {}
    for some in _batches(order_ids):
        rows = select(PackageRow).where(PackageRow.order_id.in_(some))
        for row in work.session.scalars(rows.order_by(PackageRow.order_id, PackageRow.reference_id)):
            packages.setdefault(row.order_id, []).append(row)
    return packages


def _batches(ids: list[str]) -> Iterable[list[str]]:
    """Some hundreds a statement: databases bound the parameters of one."""
    return (ids[first : first + _AT_ONCE] for first in range(0, len(ids), _AT_ONCE))


def when_due(deadline: Deadline, now: datetime) -> str:
    """How far away a deadline is, such as `in 3 h 20 m` or `2 d 1 h ago`."""
    if deadline.reason == "personal_data_dies":
        return f"data dies in {_span(deadline.at - now)}"
    return f"in {_span(deadline.at - now)}" if deadline.at > now else f"{_span(now - deadline.at)} ago"


def packages_in_short(late: Late, now: datetime) -> list[str]:
    """Why it is late as far as packages say: how much has shipped, and how each stands that Amazon does not have."""
    words = []
    lost = lost_packages(late.order)
    for package in late.packages:
        stands = standing(package, now)
        is_lost = str(package.reference_id) in lost
        if stands.stand == "confirmed" and not is_lost:
            continue  # its units are counted below
        short = _IN_SHORT[stands.stand]
        if stands.at is not None and stands.stand in ("held", "failing"):
            short = f"{short} {stands.at.astimezone(late.account.zone):%m-%d %H:%M}"
        words.append("Amazon lost it" if is_lost else short)
    total = units(late.order)
    if late.left < total:
        words.insert(0, f"{total - late.left} of {total} shipped")
    return words


def _span(span: timedelta) -> str:
    """So much time, in its largest units."""
    minutes = max(int(span.total_seconds()), 0) // 60
    hours, days = minutes // 60, minutes // 1440
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60:02} m" if hours else f"{minutes} m"
