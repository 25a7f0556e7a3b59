"""The packages that stores shipped, as people look for them, and those sent again that were refused or are held."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import InstrumentedAttribute

from orderbridge.database.models import OPEN_PACKAGES, PackageRow
from orderbridge.database.unit_of_work import Work
from orderbridge.orders.keyset import above, below
from schemas.shipments import ShipmentDue

State = Literal["waiting", "held", "confirmed", "rejected"]
TO_SEND_AGAIN: Final = ("rejected", "held")
Place = tuple[datetime | None, str, str]
"""Where a page ends: the moment it is ordered by, the order and the package."""
_ID = (PackageRow.order_id, PackageRow.package_key)


def refusal_of(package: PackageRow) -> dict[str, Any] | None:
    """Why a package was refused (`reason`, `message`, `what_to_do`), if it was."""
    refusal: dict[str, Any] | None = json.loads(package.content).get("refusal")
    return refusal or None


def package_name(package: PackageRow) -> str:
    """As its store calls it, else its tracking number."""
    return package.package_key.removeprefix("tracking:")


def to_send_again(work: Work, account_id: str | None = None, order_id: str | None = None) -> list[PackageRow]:
    """The refused and held packages of an account, or of an order, the most urgent first."""
    statement = select(PackageRow).where(PackageRow.state.in_(TO_SEND_AGAIN))
    if account_id is not None:
        statement = statement.where(PackageRow.account_id == account_id)
    if order_id is not None:
        statement = statement.where(PackageRow.order_id == order_id)
    return list(work.session.scalars(statement.order_by(PackageRow.ship_by, PackageRow.order_id)))


def send_again(work: Work, packages: Sequence[PackageRow]) -> None:
    """Have the shipper send these again. Nothing is doubled: a package keeps its number at Amazon."""
    for row in packages:
        work.post(
            ShipmentDue(account_id=row.account_id, order_id=row.order_id, package_key=row.package_key, send_again=True)
        )


def unconfirmed(
    work: Work, state: State | None, account_id: str | None, limit: int, after: Place | None = None
) -> list[PackageRow]:
    """Packages that Amazon has not taken, the latest in the day first; those without a ship-by come last.

    A place's moment is the ship-by. `state` None is all of waiting, held and rejected.
    """
    wanted = select(PackageRow).where(OPEN_PACKAGES if state is None else PackageRow.state == state)
    dated = _of(wanted.where(PackageRow.ship_by.is_not(None)), account_id)
    dateless = _of(wanted.where(PackageRow.ship_by.is_(None)), account_id)
    found: list[PackageRow] = []
    if after is None or after[0] is not None:
        if after is not None:
            dated = dated.where(above((PackageRow.ship_by, *_ID), after))
        found += work.session.scalars(dated.order_by(PackageRow.ship_by, *_ID).limit(limit))
    elif after is not None:
        dateless = dateless.where(above(_ID, after[1:]))
    if len(found) < limit:
        found += work.session.scalars(dateless.order_by(*_ID).limit(limit - len(found)))
    return found


def confirmed(work: Work, account_id: str | None, limit: int, after: Place | None = None) -> list[PackageRow]:
    """Packages that Amazon has taken, the last first. A place's moment is that of the confirmation."""
    statement = _of(select(PackageRow).where(_unindexed(PackageRow.state) == "confirmed"), account_id)
    statement = statement.where(PackageRow.confirmed_at.is_not(None))
    if after is not None:
        statement = statement.where(below((PackageRow.confirmed_at, *_ID), after))
    newest_first = [column.desc() for column in (PackageRow.confirmed_at, *_ID)]
    return list(work.session.scalars(statement.order_by(*newest_first).limit(limit)))


def _of(statement: Select[PackageRow], account_id: str | None) -> Select[PackageRow]:
    return statement if account_id is None else statement.where(_unindexed(PackageRow.account_id) == account_id)


def _unindexed(column: InstrumentedAttribute[str]) -> ColumnElement[str]:
    """The column as no index has it: a page is read along the index of its order, not gathered by another and sorted.

    Without statistics SQLite takes any equality for a rare one.
    """
    return column.concat("")
