"""Warns the store of an order that has not shipped while a deadline is near: once per order and reason.

A date is a hint: it is looked whether it is really time, by what is known now, and planned again where it is not.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from orderbridge.accounts import ConnectedAccount, find_account
from orderbridge.database.models import PackageRow, PersonalDataRow, ShipmentWarning
from orderbridge.database.unit_of_work import Work
from orderbridge.late_shipments import Deadline, deadlines, dies_at, plan_look, units_left
from orderbridge.telemetry import SHIPMENTS_DUE_SOON
from schemas.imports import ImportDue
from schemas.orders import OrderDocument
from schemas.shipments import ShipmentCheck, ShipmentDueSoon
from services.shipper.late_words import what_to_do, why_not_shipped

_SHOWN_WITHIN: Final = timedelta(days=1)
"""What Amazon has confirmed it shows within so long, whatever its reads lag; else it is asked for the order."""


def shipment_check(event: ShipmentCheck, work: Work) -> None:
    """Post `shipment.due-soon` for each deadline whose time has come, and plan the look at the next one.

    Nothing is said of an order that has shipped or is cancelled, nor of an account that is not connected: connecting
    it has all its orders looked at again.
    """
    row = work.lock_order(event.order_id)
    account = find_account(work, row.account_id) if row is not None else None
    if row is None or account is None or not account.connected:
        return
    order = OrderDocument.model_validate_json(row.document)
    kept = work.session.get(PersonalDataRow, order.order_id, populate_existing=True)
    ahead = deadlines(order, dies_at(kept), account.settings.late_warning_hours)
    if not ahead:
        return
    packages = _packages(work, order.order_id)
    left = units_left(order, packages)
    if left == 0:
        _expect_amazon_to_show_it(work, account, order, packages)
        return
    for deadline in ahead:
        if deadline.warn_at <= work.now:
            _warn(work, account.zone, order, packages, deadline, left)
    later = [deadline.warn_at for deadline in ahead if deadline.warn_at > work.now]
    if later:
        plan_look(work, order, min(later))


def _warn(
    work: Work, zone: ZoneInfo, order: OrderDocument, packages: list[PackageRow], deadline: Deadline, left: int
) -> None:
    now = work.now
    if deadline.reason == "personal_data_dies" and deadline.at <= now:
        return  # it is gone: nothing can be saved any more
    noted = (
        work.insert(ShipmentWarning)
        .values(order_id=order.order_id, reason=deadline.reason, deadline=deadline.at, told_at=now)
        .on_conflict_do_nothing()
        .returning(ShipmentWarning.order_id)
    )
    if work.session.execute(noted).first() is None:
        return  # the store was told before
    sentences = [_deadline_words(deadline, zone, now), why_not_shipped(order, packages, left, zone, now)]
    if order.cancel_requested is not None:
        sentences.append("The buyer has asked to cancel it.")
    work.post(
        ShipmentDueSoon(
            order_id=order.order_id,
            account_id=order.account_id,
            reason=deadline.reason,
            why=" ".join(sentences),
            what_to_do=what_to_do(order, packages, now),
            deadline=deadline.at,
        )
    )
    SHIPMENTS_DUE_SOON.labels(deadline.reason).inc()


def _deadline_words(deadline: Deadline, zone: ZoneInfo, now: datetime) -> str:
    at = f"{deadline.at.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"
    if deadline.reason == "personal_data_dies":
        return f"The buyer's name and address are erased at {at}: after that no label can be written."
    return f"Amazon expected it shipped by {at}." if deadline.at <= now else f"Amazon expects it shipped by {at}."


def _expect_amazon_to_show_it(
    work: Work, account: ConnectedAccount, order: OrderDocument, packages: list[PackageRow]
) -> None:
    """Everything is confirmed and the order stands here as not shipped: the next import should show that it is.

    If none has after a day, Amazon is asked for this order, and the importer compares its packages with ours.
    """
    confirmed = [package.confirmed_at for package in packages if package.confirmed_at is not None]
    if not confirmed:
        return  # Amazon itself says that all of it has shipped
    shown_by = max(confirmed) + _SHOWN_WITHIN
    if shown_by > work.now:
        plan_look(work, order, shown_by)
    elif account.settings.enabled:
        due = ImportDue(account_id=account.account_id, reason="order", order_id=order.order_id)
        work.post(due, name=f"import-order:{account.account_id}:{order.order_id}")


def _packages(work: Work, order_id: str) -> list[PackageRow]:
    statement = select(PackageRow).where(PackageRow.order_id == order_id).order_by(PackageRow.reference_id)
    return list(work.session.scalars(statement.execution_options(populate_existing=True)))
