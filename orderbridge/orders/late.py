"""Orders of the merchant's that have not shipped and should have, or soon should: for those who look at them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, select

from orderbridge.accounts import ConnectedAccount, read_account
from orderbridge.database.models import Account, OrderRow, PackageRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.late_shipments import (
    BEFORE_DEATH,
    TO_SHIP,
    Deadline,
    OrderUnits,
    deadlines,
    dies_at,
    lost_packages,
    units,
    units_left,
)
from orderbridge.package_standing import Stand, standing
from schemas.orders import OrderDocument

_AT_ONCE = 500
_LOOKED_AT = 10
"""So many times as many orders as are wanted."""
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
    """The late orders, the most urgent first, and no more than `most`.

    `within` are the hours until the ship-by; None is each account's `late_warning_hours`. With `most` no more than ten
    times as many orders are looked at by each of their deadlines: what has shipped since the last import may be many.
    """
    accounts = {row.account_id: read_account(row) for row in work.session.scalars(select(Account))}
    hours = [account.settings.late_warning_hours for account in accounts.values()] if within is None else [within]
    farthest = timedelta(hours=max(hours, default=0))
    found: dict[str, Late] = {}
    for road in _awaiting(work, account_id, farthest):
        of_this_road = 0
        for ids in _read(work, road, min(most or _AT_ONCE, _AT_ONCE), most and most * _LOOKED_AT):
            late = _late_of(work, ids, accounts, within)
            found |= {one.order.order_id: one for one in late}
            of_this_road += len(late)
            if most is not None and of_this_road >= most:
                break
    return sorted(found.values(), key=lambda one: one.most_urgent)[:most]


def _late_of(
    work: Work, order_ids: Sequence[str], accounts: Mapping[str, ConnectedAccount], within: int | None
) -> list[Late]:
    """Those of the orders that are late: one whose packages Amazon has, and has not shown yet, is not.

    The others, which may be many, are not read whole.
    """
    rows = (
        select(OrderRow, PersonalDataRow)
        .outerjoin(PersonalDataRow, PersonalDataRow.order_id == OrderRow.order_id)
        .where(OrderRow.order_id.in_(order_ids))
    )
    packages = _packages(work, order_ids)
    late = []
    for row, kept in work.session.execute(rows):
        if row.account_id not in accounts:
            continue
        account = accounts[row.account_id]
        hours = within if within is not None else account.settings.late_warning_hours
        near = tuple(one for one in deadlines(row, dies_at(kept), hours) if one.warn_at <= work.now)
        own = packages.get(row.order_id, [])
        left = units_left(OrderUnits.model_validate_json(row.document), own) if near else 0
        if left:
            late.append(Late(OrderDocument.model_validate_json(row.document), account, near, left, own))
    return late


def _awaiting(work: Work, account_id: str | None, farthest: timedelta) -> Iterator[Select[str]]:
    """The orders with a deadline so near, the nearest first. By two indexes: an OR would use neither."""
    awaits = (OrderRow.fulfilled_by == "merchant", OrderRow.amazon_status.in_(TO_SHIP))
    own = () if account_id is None else (OrderRow.account_id == account_id,)
    yield (
        select(OrderRow.order_id)
        .where(*awaits, *own, OrderRow.ship_by <= work.now + farthest)
        .order_by(OrderRow.ship_by, OrderRow.order_id)
    )
    yield (
        select(OrderRow.order_id)
        .join(PersonalDataRow, PersonalDataRow.order_id == OrderRow.order_id)
        .where(*awaits, *own, PersonalDataRow.redacted_at.is_(None), PersonalDataRow.dies_at <= work.now + BEFORE_DEATH)
        .order_by(PersonalDataRow.dies_at, OrderRow.order_id)
    )


def _read(work: Work, road: Select[str], size: int, most: int | None) -> Iterator[Sequence[str]]:
    """What the statement finds, so many at a time, and more with each: databases bound the parameters of one."""
    first = 0
    while most is None or first < most:
        size = min(size, _AT_ONCE, _AT_ONCE if most is None else most - first)
        ids = work.session.scalars(road.offset(first).limit(size)).all()
        if ids:
            yield ids
        if len(ids) < size:
            return
        first += size
        size *= 2


def _packages(work: Work, order_ids: Sequence[str]) -> dict[str, list[PackageRow]]:
    packages: dict[str, list[PackageRow]] = {}
    rows = select(PackageRow).where(PackageRow.order_id.in_(order_ids))
    for row in work.session.scalars(rows.order_by(PackageRow.order_id, PackageRow.reference_id)):
        packages.setdefault(row.order_id, []).append(row)
    return packages


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
