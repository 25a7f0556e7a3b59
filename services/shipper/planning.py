"""When a package is looked at again: a dated event of its own, beside the account's slots."""

from __future__ import annotations

from datetime import datetime

from orderbridge.database.models import PackageRow
from orderbridge.database.unit_of_work import Work
from schemas.shipments import ShipmentDue


def name_of(row: PackageRow) -> str:
    """The name of the package's dated event."""
    return f"shipment:{row.order_id}:{row.package_key}"


def look_again(work: Work, row: PackageRow, at: datetime) -> None:
    """Have the package looked at again at a moment; an earlier plan for it is replaced."""
    work.post(ShipmentDue(account_id=row.account_id), at=at, name=name_of(row))
