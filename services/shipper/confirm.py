"""Confirms one package at Amazon: under a claim on its row, once in effect, the newest revision last.

A claim marks the package `unsure`, and its outcome clears the mark. So whoever finds it set, after a crash or a
time-out, asks Amazon what it has before calling again. The call itself is safe to repeat: the same reference id with
the same content edits the package into what it is.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import case, select

from orderbridge.accounts import ConnectedAccount, attentions, find_account
from orderbridge.amazon import ConsentRevoked, LoginRefused, Package, Refused, confirm_shipment, get_order
from orderbridge.amazon.operations import CONFIRM_SHIPMENT, GET_ORDER
from orderbridge.amazon_calls import AFTER_LOGIN_TROUBLE, AmazonCalls, CallFailed
from orderbridge.bus.outcomes import Rejected
from orderbridge.database.models import PackageRow
from orderbridge.database.unit_of_work import Work
from schemas.orders import OrderDocument
from schemas.shipments import ShipmentDue
from services.shipper import answers
from services.shipper.content import Content
from services.shipper.rules import check_account, plan_ship_date

CLAIM = timedelta(seconds=85)
"""Longer than a call can take (`SEND_WITHIN` and the longest exchange); a worker that dies in a call blocks its package
for so long."""
_SOON = timedelta(seconds=2)
"""The clocks of two processes may differ by so much: what is due within it is planned again, never dropped."""
_LONGEST_BACKOFF = timedelta(minutes=15)


def shipment_due(event: ShipmentDue, work: Work, calls: AmazonCalls) -> None:
    """A slot of the account's: confirm its most urgent ready package, and pass the slot on if there are more."""
    now = work.now
    may_start_at = case(
        (PackageRow.claimed_until > PackageRow.hold_until, PackageRow.claimed_until), else_=PackageRow.hold_until
    )
    waiting = select(PackageRow).where(PackageRow.account_id == event.account_id, PackageRow.state == "waiting")
    soon = waiting.where(may_start_at > now, may_start_at <= now + _SOON)
    in_order = (PackageRow.order_id, PackageRow.package_key)  # two shippers never wait for each other crosswise
    if early := work.session.scalars(soon.order_by(*in_order).limit(20)).all():
        for row in early:
            look_again(work, row, max(row.hold_until, row.claimed_until or row.hold_until))
        work.commit()  # before the order's lock: locks on the outbox come after it, or stand alone
    ready = waiting.where(may_start_at <= now).order_by(PackageRow.ship_by, PackageRow.hold_until).limit(2)
    keys = [(row.order_id, row.package_key) for row in work.session.scalars(ready)]
    if not keys:
        return
    work.lock_order(keys[0][0])
    row = work.session.get_one(PackageRow, keys[0], populate_existing=True)
    if row.state == "waiting" and row.hold_until <= work.now:
        confirm_package(work, calls, row, more=len(keys) > 1)
    elif len(keys) > 1:
        _pass_on(work, event.account_id, now)


def confirm_package(work: Work, calls: AmazonCalls, row: PackageRow, *, more: bool = False) -> None:
    """Claim, call, outcome. The caller holds the order's lock; without quota the account's next slot is awaited.

    `more` packages of the account are ready: the slot is passed on before the call. Locks are always taken in this
    order: the order's, the quota's, then rows of the outbox that have a name.
    """
    now = work.now
    if row.claimed_until is not None and row.claimed_until > now:
        look_again(work, row, row.claimed_until)  # a call is in flight; its outcome looks for this revision too
        if more:
            _pass_on(work, row.account_id, now)
        return
    content = Content.model_validate_json(row.content)
    try:
        account = check_account(find_account(work, row.account_id))
    except Rejected as refusal:
        row.state = "rejected"
        answers.declined(work, row, content, refusal)
        work.withdraw(f"shipment:{row.order_id}:{row.package_key}")
        if more:
            _pass_on(work, row.account_id, now)
        return
    if attentions.stands(work, row.account_id, (attentions.CONSENT_REVOKED,)):
        _pass_on(work, row.account_id, now + AFTER_LOGIN_TROUBLE)  # connecting the account takes the slot at once
        return
    # Of a corrected package Amazon may have had an earlier revision: it is sent again rather than asked about.
    operation = GET_ORDER if row.unsure and row.revision == 1 else CONFIRM_SHIPMENT
    not_before = calls.reserve(work, row.account_id, operation)
    if not_before is not None and operation is GET_ORDER:
        row.hold_until = not_before  # others, which have nothing to ask, go first
        look_again(work, row, not_before)
        if more:
            _pass_on(work, row.account_id, now)
        return
    if not_before is not None:
        _pass_on(work, row.account_id, not_before)
        return
    if more:
        _pass_on(work, row.account_id, now)
    order = OrderDocument.model_validate_json(_order_document(work, row))
    ship_date = stated_ship_date(work, account.zone, order, content)
    mapping = account.settings.carrier_mapping
    package = content.for_amazon(row.reference_id, ship_date, mapping, _marketplace(account, order))
    claim = _claim(row, now)
    look_again(work, row, now + CLAIM)  # should this process die, the package is taken up again then
    subject = f"{row.order_id}/{row.package_key}"
    try:
        if operation is GET_ORDER:
            found = _amazon_has(work, calls, row, package, subject)
            outcome_of = _locked(work, row, claim)
            if outcome_of is None:
                return
            if not found:
                _release(outcome_of)
                outcome_of.unsure = False
                look_again(work, outcome_of, max(outcome_of.hold_until, work.now))
                return
        else:
            calls.make(
                work,
                row.account_id,
                CONFIRM_SHIPMENT,
                subject,
                lambda connection: confirm_shipment(connection, row.order_id, _marketplace(account, order), package),
            )
    except CallFailed as failure:
        _failed(work, row, claim, content, failure, asked=operation is GET_ORDER)
        return
    _confirmed(work, row, claim, content, ship_date)


def stated_ship_date(work: Work, zone: ZoneInfo, order: OrderDocument, content: Content) -> datetime:
    """The ship date Amazon is told: never in its future, never before the purchase."""
    try:
        return plan_ship_date(content.said_ship_date(), zone, order.placed_at, work.now).stated
    except Rejected:
        return order.placed_at  # the purchase date has been corrected since the package was planned


def look_again(work: Work, row: PackageRow, at: datetime) -> None:
    """Have the package looked at again at a moment; an earlier plan for it is replaced."""
    work.post(ShipmentDue(account_id=row.account_id), at=at, name=f"shipment:{row.order_id}:{row.package_key}")


def _pass_on(work: Work, account_id: str, at: datetime) -> None:
    work.post(ShipmentDue(account_id=account_id), at=at, name=f"shipment-slot:{account_id}")


def _claim(row: PackageRow, now: datetime) -> str:
    row.claimed_by = str(uuid.uuid4())
    row.claimed_until = now + CLAIM
    row.unsure = True
    return f"{row.claimed_by}/{row.revision}"


def _release(row: PackageRow) -> None:
    row.claimed_by = None
    row.claimed_until = None


def _locked(work: Work, row: PackageRow, claim: str) -> PackageRow | None:
    """The package under its order's lock, if our claim on it still stands."""
    work.lock_order(row.order_id)
    current = work.session.get_one(PackageRow, (row.order_id, row.package_key), populate_existing=True)
    return current if current.claimed_by == claim.split("/")[0] else None


def _amazon_has(work: Work, calls: AmazonCalls, row: PackageRow, package: Package, subject: str) -> bool:
    """Ask Amazon whether it has this package as we would send it."""
    answer = calls.make(
        work,
        row.account_id,
        GET_ORDER,
        subject,
        lambda connection: get_order(connection, row.order_id, included_data=("PACKAGES", "FULFILLMENT")),
    )
    for known in answer.order.packages:
        if known.package_reference_id == str(package.package_reference_id):
            theirs = {item.order_item_id: item.quantity for item in known.package_items}
            ours = {line.order_item_id: line.quantity for line in package.lines}
            return known.tracking_number == package.tracking_number and theirs == ours
    return False


def _confirmed(work: Work, row: PackageRow, claim: str, content: Content, ship_date: datetime) -> None:
    current = _locked(work, row, claim)
    if current is None:
        return  # the claim ran out, and another has taken over: it asks Amazon itself
    _release(current)
    current.unsure = False
    current.confirmed_at = work.now
    newest = Content.model_validate_json(current.content)
    current.content = newest.with_taken(content.lines).model_dump_json(exclude_none=True)
    answers.confirmed(work, current, content, ship_date)
    if current.revision == int(claim.split("/")[1]):
        current.state = "confirmed"
        work.withdraw(f"shipment:{row.order_id}:{row.package_key}")
    else:
        # Corrected while the call was under way: the newest is sent last, on its own ship date.
        look_again(work, current, max(current.hold_until, work.now))


def _failed(work: Work, row: PackageRow, claim: str, content: Content, failure: CallFailed, *, asked: bool) -> None:
    current = _locked(work, row, claim)
    if current is None:
        return
    _release(current)
    error = failure.error
    refused = isinstance(error, Refused) and error.code is not None
    if refused and not asked and current.revision == int(claim.split("/")[1]):
        current.unsure = False
        current.state = "rejected"
        answers.refused(work, current, content, error)
        work.withdraw(f"shipment:{row.order_id}:{row.package_key}")
        return
    # A question that was not answered leaves us as unsure as before; one that is refused is not asked again.
    current.unsure = not refused if asked else error.outcome_unknown
    if isinstance(error, ConsentRevoked | LoginRefused):
        # Nothing of the package's: it stays ready, and waits for the account's next slot with all the others.
        work.withdraw(f"shipment:{row.order_id}:{row.package_key}")
        _pass_on(work, row.account_id, failure.retry_at)
        return
    current.failures += 1
    backoff = min(timedelta(seconds=2 ** min(current.failures, 10)), _LONGEST_BACKOFF)
    current.hold_until = max(current.hold_until, failure.retry_at, work.now + backoff)
    look_again(work, current, current.hold_until)


def _order_document(work: Work, row: PackageRow) -> str:
    locked = work.lock_order(row.order_id)
    assert locked is not None  # noqa: S101  (a package's order is never deleted)
    return locked.document


def _marketplace(account: ConnectedAccount, order: OrderDocument) -> str:
    return order.marketplace_id or account.marketplace_ids[0]
