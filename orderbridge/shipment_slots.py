"""The slots in which an account's packages are sent to Amazon: one at most is planned for each account."""

from __future__ import annotations

from datetime import datetime

from orderbridge.database.unit_of_work import Work
from schemas.shipments import ShipmentDue


def plan_slot(work: Work, account_id: str, at: datetime | None = None) -> None:
    """Have the account's most urgent ready package sent, now or at a moment; an earlier plan is replaced."""
    work.post(ShipmentDue(account_id=account_id), at=at, name=f"shipment-slot:{account_id}")
