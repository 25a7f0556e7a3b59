"""What happens when the store says "shipped with tracking": the package is planned, then confirmed or held."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select

from orderbridge.accounts import ConnectedAccount, find_account
from orderbridge.amazon.operations import CONFIRM_SHIPMENT
from orderbridge.amazon_calls import AmazonCalls
from orderbridge.bus.outcomes import Rejected
from orderbridge.carriers import find_carrier, tracking_warning
from orderbridge.database.models import OrderRow, PackageRow, StoreOrderNumber
from orderbridge.database.unit_of_work import Work
from orderbridge.late_shipments import lost_packages
from schemas.orders import OrderDocument
from schemas.shipments import OrderShipped
from services.shipper import answers
from services.shipper.confirm import confirm_package, pass_on, stated_ship_date
from services.shipper.content import Content, as_text, content_of, lines_elsewhere, may_be_at_amazon, taken_of
from services.shipper.due import others_are_ready, take_slot
from services.shipper.holding import asks_to_cancel
from services.shipper.planning import look_again
from services.shipper.resolve import resolve
from services.shipper.rules import (
    check_account,
    check_elsewhere,
    check_event,
    check_order,
    next_reference_id,
    package_lines,
    plan_ship_date,
)

_HEARD = 20
"""So many events of a package are known again when they are read once more."""


def shipped(event: OrderShipped, work: Work, calls: AmazonCalls) -> None:
    """Plan the package the event speaks of. (order, package) is its natural key: a newer event corrects it.

    Raises Rejected, Skipped or NotYet; whatever becomes of the package later is answered to the store.
    """
    order_row = resolve(event, work)
    check_event(event)
    account = check_account(find_account(work, order_row.account_id))
    if event.store_order_number is not None:
        _learn_number(work, event.store_order_number, order_row.order_id)
    order = OrderDocument.model_validate_json(order_row.document)
    packages = {row.package_key: row for row in _packages(work, order_row.order_id)}
    known = packages.pop(event.package_key(), None)
    said_before = known is not None and (known.rank == work.cause.rank or _has_heard(content_of(known.content), work))
    if known is not None and known.rank > work.cause.rank and not said_before:
        raise Rejected(**answers.SUPERSEDED.model_dump(include={"reason", "message", "what_to_do"}))
    if known is not None and said_before:
        row = known
        if row.state != "waiting":
            return  # the same event again, as after a crash: it is answered, or will be
    else:
        content = _content(event, order, packages, known, work)
        there = known is not None and known.state == "confirmed" and str(known.reference_id) not in lost_packages(order)
        if known is not None and there and content.same_parcel(content_of(known.content)):
            known.rank = work.cause.rank
            told_at = known.confirmed_at or work.now
            stated = stated_ship_date(account.zone, order, content, told_at, told_at)
            answers.confirmed(work, known, content, stated)
            return
        row = _plan(work, order_row, order, event.package_key(), packages, known, content)
    _send_or_hold(work, calls, row, account, order)


def _send_or_hold(
    work: Work, calls: AmazonCalls, row: PackageRow, account: ConnectedAccount, order: OrderDocument
) -> None:
    _warn(work, row, account, order)
    content = content_of(row.content)
    next_try = row.hold_until if row.failures else work.now
    row.hold_until = plan_ship_date(content.said_ship_date(), account.zone, order.placed_at, work.now).not_before
    if row.hold_until > work.now:
        why = f"Its ship date is {_words(content.ship_date)}; Amazon takes no future dates."
        answers.held(work, row, content, "ship_date_ahead", why, until=row.hold_until)
        look_again(work, row, row.hold_until)
        return
    row.hold_until = max(row.hold_until, next_try)
    if row.hold_until > work.now:  # said again while Amazon is unwell
        look_again(work, row, row.hold_until)
        return
    work.session.flush()
    if not _in_flight(row, work.now) and others_are_ready(work, row):
        work.commit()  # so whoever is planning the account's slot just now plans it for this package too
        if work.try_lock(f"plan a slot of {row.account_id}"):
            if calls.next_call_at(work, row.account_id, CONFIRM_SHIPMENT) <= work.now:
                take_slot(work, calls, row.account_id, more=True)
            else:
                pass_on(work, calls, row.account_id)
        return
    confirm_package(work, calls, row, account, order)


def _warn(work: Work, row: PackageRow, account: ConnectedAccount, order: OrderDocument) -> None:
    """What a person had better look at before Amazon has it, or while it is still to be corrected."""
    content = content_of(row.content)
    marketplace = order.marketplace_id or account.home_marketplace_id
    carrier = find_carrier(
        content.carrier,
        content.tracking_number,
        mapping=account.settings.carrier_mapping,
        marketplace_id=marketplace,
    )
    if doubt := tracking_warning(carrier.code, content.tracking_number):
        answers.warned(
            work,
            row,
            content,
            "tracking_number_doubtful",
            doubt,
            "If it is wrong, send the event again with the same package_id and the right number.",
        )
    if asks_to_cancel(order) and not account.settings.hold_when_buyer_cancels:
        answers.warned(
            work,
            row,
            content_of(row.content),
            "buyer_asked_to_cancel",
            "The buyer has asked to cancel the order; Amazon is told of the shipment all the same.",
            "If the parcel has not left: stop it, and cancel the order in Seller Central.",
        )


def _words(said: date | None) -> str:
    return f"{said:%Y-%m-%d %H:%M:%S} UTC" if isinstance(said, datetime) else str(said)


def _content(
    event: OrderShipped, order: OrderDocument, others: dict[str, PackageRow], known: PackageRow | None, work: Work
) -> Content:
    check_order(order)
    ours = [*others.values(), *([known] if known is not None else [])]
    check_elsewhere(event.tracking_number or "", order, {str(row.reference_id) for row in ours})
    before = content_of(known.content) if known is not None else None
    first_said = work.cause.first_seen
    if known is not None and may_be_at_amazon(known):  # a correction ships it no later: days are counted from then
        first_said = content_of(known.content).first_said_at  # perhaps Amazon's word for it, after a restore
    taken = [line for row in ours for line in taken_of(row, order)]
    return Content(
        caused_by=work.cause.event_id,
        heard=(*(before.heard if before is not None else ()), _identity(work))[-_HEARD:],
        store_order_number=event.store_order_number,
        package_id=event.package_id,
        carrier=event.carrier,
        shipping_method=event.shipping_method,
        tracking_number=event.tracking_number or "",
        ship_date=event.ship_date,
        first_said_at=min(max(first_said, order.placed_at), work.now),
        lines=package_lines(event, order, lines_elsewhere(others.values(), order), taken),
        taken=before.taken if before is not None else (),
        maybe_taken=before is not None and before.maybe_taken,
        ship_from_supply_source_id=event.ship_from_supply_source_id,
    )


def _plan(
    work: Work,
    order_row: OrderRow,
    order: OrderDocument,
    package_key: str,
    others: dict[str, PackageRow],
    known: PackageRow | None,
    content: Content,
) -> PackageRow:
    """The package's row, with this content as its newest revision, or as the same one said again."""
    if known is None:
        row = PackageRow(
            order_id=order_row.order_id,
            package_key=package_key,
            account_id=order_row.account_id,
            reference_id=next_reference_id(order, (other.reference_id for other in others.values())),
            revision=0,
            unsure=False,
        )
        work.session.add(row)
    else:
        row = known
        content = _after(work, row, content)
    if known is None or not content.repeated_by:
        row.revision += 1
        row.failures = 0
    row.account_id, row.ship_by = order_row.account_id, order_row.ship_by
    row.rank = work.cause.rank
    row.content = as_text(content)
    row.state, row.held_for = "waiting", None
    return row


def _after(work: Work, row: PackageRow, content: Content) -> Content:
    """The content after the one that the row holds: who said that one is answered, now or with this one."""
    before = content_of(row.content)
    if row.state not in ("waiting", "held"):
        return content
    if content.same_parcel(before):
        return content.changed(
            repeated_by=before.callers,
            superseded=before.superseded,
            first_said_at=before.first_said_at,
            despite_cancel_request=before.despite_cancel_request,
            ship_date_at_most=before.ship_date_at_most,
        )
    if _in_flight(row, work.now) and row.claimed_by is not None and row.claimed_by.endswith(f"/{row.revision}"):
        return content.changed(superseded=before.callers)
    answers.superseded(work, row, before, before.callers)
    return content.changed(superseded=before.superseded)


def _has_heard(content: Content, work: Work) -> bool:
    """A package that was adopted from Amazon after a restore knows its events by their ids alone."""
    return _identity(work) in content.heard or (not content.heard and work.cause.event_id in content.callers)


def _identity(work: Work) -> str:
    """What names an event among all: an id is its source's own, and a topic that was made anew counts from 0 again."""
    return f"{work.cause.source} {work.cause.event_id}"


def _in_flight(row: PackageRow, now: datetime) -> bool:
    return row.claimed_until is not None and row.claimed_until > now


def _packages(work: Work, order_id: str) -> list[PackageRow]:
    statement = select(PackageRow).where(PackageRow.order_id == order_id).execution_options(populate_existing=True)
    return list(work.session.scalars(statement))


def _learn_number(work: Work, store_order_number: str, order_id: str) -> None:
    statement = work.insert(StoreOrderNumber).values(store_order_number=store_order_number, order_id=order_id)
    work.session.execute(statement.on_conflict_do_nothing())
