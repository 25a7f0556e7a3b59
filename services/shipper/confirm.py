"""Confirms one package at Amazon: under a claim on its row, once in effect, the newest revision last.

A claim marks the package `unsure`, and its outcome clears the mark. So whoever finds it set, after a crash or a
time-out, asks Amazon what it has before calling again. The call itself is safe to repeat: the same reference id with
the same content edits the package into what it is.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from orderbridge.accounts import ConnectedAccount, attentions, lock_account
from orderbridge.amazon import OrderPackage, Package, confirm_shipment, get_order
from orderbridge.amazon.operations import CONFIRM_SHIPMENT, GET_ORDER
from orderbridge.amazon_calls import AFTER_LOGIN_TROUBLE, AmazonCalls, CallFailed
from orderbridge.bus.outcomes import Rejected
from orderbridge.database.models import PackageRow
from orderbridge.database.unit_of_work import Work
from orderbridge.shipment_slots import plan_slot
from schemas.orders import OrderDocument
from services.shipper import answers, outcome
from services.shipper.content import Content, Refusal, as_text, content_of, may_be_at_amazon
from services.shipper.holding import Hold, forbidden, hold_reason
from services.shipper.planning import look_again, name_of
from services.shipper.rules import check_account, check_elsewhere, next_reference_id, plan_ship_date

CLAIM = timedelta(seconds=85)
"""Longer than a call can take (`SEND_WITHIN` and the longest exchange); a worker that dies in a call blocks its package
for so long."""


def confirm_package(
    work: Work,
    calls: AmazonCalls,
    row: PackageRow,
    account: ConnectedAccount | None,
    order: OrderDocument,
    *,
    more: bool = False,
) -> None:
    """Claim, call, outcome; without quota the account's next slot is awaited.

    The caller holds the order's lock, and has read the order under it.

    `more` packages of the account are ready: the slot is passed on before the call. Locks are always taken in this
    order: the order's, the quota's, then rows of the outbox that have a name.
    """
    now = work.now
    if not _may_go(work, row, account, order):
        if more:
            pass_on(work, calls, row.account_id)
        return
    account = check_account(account)
    # Whether Amazon erred is tried by the import, or here where none runs.
    if account.settings.enabled and attentions.stands(work, row.account_id, (attentions.CONSENT_REVOKED,)):
        plan_slot(work, row.account_id, now + AFTER_LOGIN_TROUBLE)  # connecting the account takes the slot at once
        return
    operation = GET_ORDER if row.unsure else CONFIRM_SHIPMENT
    not_before = calls.reserve(work, row.account_id, operation)
    if not_before is not None and operation is GET_ORDER:
        row.hold_until = not_before  # others, which have nothing to ask, go first
        look_again(work, row, not_before)
        if more:
            pass_on(work, calls, row.account_id)
        return
    if not_before is not None:
        plan_slot(work, row.account_id, not_before)
        return
    if more:
        pass_on(work, calls, row.account_id)
    _make(work, calls, row, account, order, asks=operation is GET_ORDER)


def pass_on(work: Work, calls: AmazonCalls, account_id: str) -> None:
    """Plan the account's next slot for the moment at which the quota has its next call: no slot finds none."""
    plan_slot(work, account_id, calls.next_call_at(work, account_id, CONFIRM_SHIPMENT))


def _may_go(work: Work, row: PackageRow, account: ConnectedAccount | None, order: OrderDocument) -> bool:
    """Whether the package may be told Amazon now; if not, whoever has to know of it is told."""
    if row.claimed_until is not None and row.claimed_until > work.now:
        look_again(work, row, row.claimed_until)  # a call is in flight; its outcome looks for this revision too
        return False
    content = content_of(row.content)
    refusal = forbidden(row, account, order) or _elsewhere(work, row, order, content)
    if refusal is not None:
        work.withdraw(name_of(row))
        answers.refused(work, row, content, refusal)
        return False
    held = _hold(work, row, account, order, content) if account is not None else None
    if held is not None:
        row.state, row.held_for = "held", held.reason
        work.withdraw(name_of(row))
        answers.held(work, row, content, held.reason, held.why, what_to_do=held.what_to_do)
        return False
    _take_a_free_number(work, row, order)
    return True


def _take_a_free_number(work: Work, row: PackageRow, order: OrderDocument) -> None:
    """Where somebody else has confirmed a package under its number while it was held: that one would be overwritten."""
    if may_be_at_amazon(row) or all(one.package_reference_id != str(row.reference_id) for one in order.packages):
        return
    numbers = select(PackageRow.reference_id).where(PackageRow.order_id == row.order_id)
    row.reference_id = next_reference_id(order, work.session.scalars(numbers))


def _elsewhere(work: Work, row: PackageRow, order: OrderDocument, content: Content) -> Refusal | None:
    """The refusal of a parcel that somebody else has told Amazon of while this package was held."""
    if may_be_at_amazon(row) or not order.packages:
        return None
    others = select(PackageRow).where(PackageRow.order_id == row.order_id, PackageRow.package_key != row.package_key)
    told = [one for one in work.session.scalars(others) if may_be_at_amazon(one)]
    try:
        check_elsewhere(content.tracking_number, order, {str(one.reference_id) for one in told})
    except Rejected as rejected:
        return answers.as_refusal(rejected)
    return None


def _hold(
    work: Work, row: PackageRow, account: ConnectedAccount, order: OrderDocument, content: Content
) -> Hold | None:
    if row.unsure:  # Amazon may have it already, and is asked
        return None
    held = hold_reason(account, order, content)
    if held is not None and (locked := lock_account(work, account.account_id)) is not None:
        held = hold_reason(locked, order, content)  # whoever ends the reason from now on finds the package held
    return held


def _make(
    work: Work, calls: AmazonCalls, row: PackageRow, account: ConnectedAccount, order: OrderDocument, *, asks: bool
) -> None:
    now = work.now
    content = content_of(row.content)
    if content.superseded:  # whoever made that call has died, and its outcome with it
        answers.superseded(work, row, content, content.superseded, said=False)
        content = content.changed(superseded=())
        row.content = as_text(content)
    amazons_now = now + calls.clock_ahead(work, row.account_id)
    ship_date = stated_ship_date(account.zone, order, content, now, amazons_now)
    marketplace = order.marketplace_id or account.home_marketplace_id
    package = content.for_amazon(row.reference_id, ship_date, account.settings.carrier_mapping, marketplace)
    claim = _claim(row, now)
    look_again(work, row, now + CLAIM)  # should this process die, the package is taken up again then
    subject = f"{row.order_id}/{row.package_key}"
    try:
        if asks:
            known = _at_amazon(work, calls, row, subject)
            # Of a corrected package it may be an earlier revision that only looks the same: it is sent in any case.
            same = row.revision == 1 and _is_ours(known, package)
            outcome.answered(work, row, claim, content, known, ship_date, same=same)
        else:
            calls.make(
                work,
                row.account_id,
                CONFIRM_SHIPMENT,
                subject,
                lambda connection: confirm_shipment(connection, row.order_id, marketplace, package),
            )
            outcome.confirmed(work, row, claim, content, ship_date)
    except CallFailed as failure:
        outcome.failed(work, row, claim, content, failure, asked=asks)
    work.commit()  # another shipper may have read the same event meanwhile: the claim's outcome stands all the same


def stated_ship_date(
    zone: ZoneInfo, order: OrderDocument, content: Content, now: datetime, amazons_now: datetime
) -> datetime:
    """The ship date Amazon is told: never in its future, never before the purchase."""
    try:
        stated = plan_ship_date(content.said_ship_date(), zone, order.placed_at, min(now, amazons_now)).stated
    except Rejected:
        return order.placed_at  # the purchase date has been corrected since the package was planned
    return min(stated, content.ship_date_at_most) if content.ship_date_at_most is not None else stated


def _claim(row: PackageRow, now: datetime) -> str:
    row.claimed_by = f"{uuid.uuid4()}/{row.revision}"
    row.claimed_until = now + CLAIM
    row.unsure = True
    return row.claimed_by


def _at_amazon(work: Work, calls: AmazonCalls, row: PackageRow, subject: str) -> OrderPackage | None:
    """Ask Amazon what it has under the package's reference id."""
    answer = calls.make(
        work,
        row.account_id,
        GET_ORDER,
        subject,
        lambda connection: get_order(connection, row.order_id, included_data=("PACKAGES", "FULFILLMENT")),
    )
    reference_id = str(row.reference_id)
    return next((known for known in answer.order.packages if known.package_reference_id == reference_id), None)


def _is_ours(known: OrderPackage | None, package: Package) -> bool:
    """Whether what Amazon has is what we would tell it."""
    if known is None:
        return False
    theirs = {item.order_item_id: item.quantity for item in known.package_items}
    ours = {line.order_item_id: line.quantity for line in package.lines}
    return known.tracking_number == package.tracking_number and theirs == ours
