"""A slot of an account's: its most urgent ready package goes to Amazon; or one order's packages are looked at again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, case, exists, select, update

from orderbridge.accounts import ConnectedAccount, connected_accounts, find_account
from orderbridge.amazon_calls import AmazonCalls
from orderbridge.bus.outcomes import Rejected
from orderbridge.database.models import OrderRow, OutboxRow, PackageRow
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.shipment_slots import plan_slot
from schemas.orders import OrderDocument
from schemas.shipments import ShipmentDue
from services.shipper import answers
from services.shipper.confirm import confirm_package, pass_on
from services.shipper.content import as_text, content_of, lines_elsewhere, taken_of
from services.shipper.holding import BUYER_ASKED_TO_CANCEL, PAUSED, forbidden
from services.shipper.planning import look_again, name_of
from services.shipper.rules import check_lines, remaining

_WITHOUT_ORDER = timedelta(minutes=5)
"""A package whose order is not there lets the others go first for so long: `orderbridge recover` writes such down."""
_MAY_START_AT = case(
    (PackageRow.claimed_until > PackageRow.hold_until, PackageRow.claimed_until), else_=PackageRow.hold_until
)


def shipment_due(event: ShipmentDue, work: Work, calls: AmazonCalls) -> None:
    """A slot is there, or an order's packages are to be looked at again."""
    if event.order_id is not None:
        _look_at_order(work, event, event.order_id)
        return
    take_slot(work, calls, event.account_id)


def take_slot(work: Work, calls: AmazonCalls, account_id: str, *, more: bool = False) -> None:
    """Confirm the account's most urgent ready package; pass the slot on if there are `more`, or the caller says so."""
    now = work.now
    account = find_account(work, account_id)
    _end_holds(work, account_id, account)
    keys = _most_urgent(work, account_id, now, connected=account is not None and account.connected)
    more = more or len(keys) > 1
    if not keys:
        if more:
            pass_on(work, calls, account_id)
        return
    locked = work.lock_order(keys[0][0])
    if locked is None:
        _let_others_go_first(work, *keys[0])
        if more:
            pass_on(work, calls, account_id)
        return
    row = work.session.get_one(PackageRow, keys[0], populate_existing=True)
    if row.state in ("waiting", "held") and (row.hold_until <= work.now or account is None or not account.connected):
        confirm_package(work, calls, row, account, OrderDocument.model_validate_json(locked.document), more=more)
    elif more:
        pass_on(work, calls, account_id)


def others_are_ready(work: Work, row: PackageRow) -> bool:
    """Whether other packages of the account wait for the quota: then this one takes its turn among them."""
    ready = (PackageRow.account_id == row.account_id, PackageRow.state == "waiting", work.now >= _MAY_START_AT)
    this = (PackageRow.order_id == row.order_id) & (PackageRow.package_key == row.package_key)
    return bool(work.session.scalar(select(exists().where(*ready, ~this))))


def wake_all(database: Database) -> None:
    """At a start: have every account's packages looked at, since the event that would have may be a dead letter."""
    with database.unit_of_work() as work:
        for account in connected_accounts(work):
            waits = PackageRow.state.in_(("waiting", "held"))  # a hold may have been ended meanwhile
            if work.session.scalar(select(exists().where(PackageRow.account_id == account.account_id, waits))):
                plan_slot(work, account.account_id)


def _most_urgent(work: Work, account_id: str, now: datetime, *, connected: bool) -> list[tuple[str, str]]:
    """The account's most urgent ready package and another, if there is one, by order and package."""
    of_account = select(PackageRow).where(PackageRow.account_id == account_id)
    if not connected:  # each is answered at once, whatever its day; one whose call is under way, after that
        waiting = of_account.where(PackageRow.state.in_(("waiting", "held")))
        in_flight = waiting.where(PackageRow.claimed_until > now).order_by(PackageRow.claimed_until).limit(1)
        if called := work.session.scalars(in_flight).first():
            plan_slot(work, account_id, called.claimed_until)
            work.commit()  # as below
        free = waiting.where(PackageRow.claimed_until.is_(None) | (PackageRow.claimed_until <= now))
        free = free.where(exists().where(OrderRow.order_id == PackageRow.order_id))
        return _keys(work, free.order_by(PackageRow.order_id, PackageRow.package_key).limit(2))
    waiting = of_account.where(PackageRow.state == "waiting")
    _plan_the_next(work, waiting.where(now < _MAY_START_AT))
    ready = waiting.where(now >= _MAY_START_AT)
    return _keys(work, ready.order_by(PackageRow.ship_by.nulls_last(), PackageRow.hold_until).limit(2))


def _plan_the_next(work: Work, ahead: Select[PackageRow]) -> None:
    """Have the next of the packages whose time has not come looked at then, if that is not planned.

    Its event may have come too early: clocks of processes differ, and may be set. With each slot the next one has its
    event, and so have all in their turn.
    """
    in_order = (_MAY_START_AT, PackageRow.order_id, PackageRow.package_key)
    row = work.session.scalars(ahead.order_by(*in_order).limit(1)).first()
    if row is None:
        return
    planned = select(exists().where(OutboxRow.name == name_of(row), OutboxRow.published_at.is_(None)))
    if not work.session.scalar(planned):
        look_again(work, row, max(row.hold_until, row.claimed_until or row.hold_until))
        work.commit()  # before the order's lock: locks on the outbox come after it, or stand alone


def _let_others_go_first(work: Work, order_id: str, package_key: str) -> None:
    """What is waiting for its order keeps none of the account's other packages waiting."""
    row = work.session.get_one(PackageRow, (order_id, package_key), populate_existing=True, with_for_update=True)
    if row.hold_until <= work.now:
        row.hold_until = work.now + _WITHOUT_ORDER
        look_again(work, row, row.hold_until)


def _keys(work: Work, statement: Any) -> list[tuple[str, str]]:
    return [(row.order_id, row.package_key) for row in work.session.scalars(statement)]


def _end_holds(work: Work, account_id: str, account: ConnectedAccount | None) -> None:
    """What was held for a reason that the seller has ended waits for its turn again."""
    if account is None or not account.connected:
        return
    ended = [PAUSED] if account.settings.confirm_shipments else []
    ended += [] if account.settings.hold_when_buyer_cancels else [BUYER_ASKED_TO_CANCEL]
    held = (PackageRow.account_id == account_id, PackageRow.state == "held", PackageRow.held_for.in_(ended))
    if work.session.scalar(select(exists().where(*held))):
        released = update(PackageRow).where(*held).values(state="waiting", held_for=None)
        work.session.execute(released.execution_options(synchronize_session=False))
        work.commit()


def _look_at_order(work: Work, event: ShipmentDue, order_id: str) -> None:
    """The order has changed, or a person wants what was refused or is held to be sent."""
    order_row = work.lock_order(order_id)
    if order_row is None:
        return
    order = OrderDocument.model_validate_json(order_row.document)
    account = find_account(work, order_row.account_id)
    statement = select(PackageRow).where(PackageRow.order_id == order_id).order_by(PackageRow.package_key)
    rows = work.session.scalars(statement.execution_options(populate_existing=True)).all()
    for row in rows:
        row.account_id = order_row.account_id  # which takes the orders over, where a seller was connected anew
        if event.package_key in (None, row.package_key):
            _look_at_package(work, event, row, account, order, rows)


def _look_at_package(
    work: Work,
    event: ShipmentDue,
    row: PackageRow,
    account: ConnectedAccount | None,
    order: OrderDocument,
    rows: Sequence[PackageRow],
) -> None:
    content = content_of(row.content)
    if event.send_again and row.state in ("rejected", "held"):
        elsewhere = lines_elsewhere((other for other in rows if other is not row), order)
        taken = [line for one in rows for line in taken_of(one, order)]
        try:
            check_lines(content.lines, order, remaining(order, elsewhere, taken))
        except Rejected as rejected:
            answers.refused(work, row, content, answers.as_refusal(rejected))
            return
        wanted = content.changed(told=(), refusal=None, despite_cancel_request=True, ship_date_at_most=None, waits=0)
        row.content, row.failures = as_text(wanted), 0
        row.state, row.held_for = "waiting", None
    elif row.state == "held" and row.held_for == BUYER_ASKED_TO_CANCEL:
        row.state, row.held_for = "waiting", None  # the wish may have been withdrawn: its turn will tell
    if row.state != "waiting" or (row.claimed_until is not None and row.claimed_until > work.now):
        return
    refusal = forbidden(row, account, order)
    if refusal is not None:
        work.withdraw(name_of(row))
        answers.refused(work, row, content_of(row.content), refusal)
    else:
        look_again(work, row, max(row.hold_until, work.now))
