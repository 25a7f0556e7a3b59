"""Imports one order by its number: the shipper met it before the import did, or somebody asked for it."""

from __future__ import annotations

from datetime import timedelta

from orderbridge import attentions
from orderbridge.accounts import find_account
from orderbridge.amazon import BadAnswer, NotFound, Refused, get_order
from orderbridge.amazon.operations import GET_ORDER
from orderbridge.amazon_calls import AFTER_LOGIN_TROUBLE, AmazonCalls, CallFailed
from orderbridge.bus.outcomes import NotYet, Skipped
from orderbridge.database.models import OrderRow, UnknownOrder
from orderbridge.database.unit_of_work import Work
from orderbridge.vault.key_ring import KeyRing
from schemas.imports import ImportDue
from services.importer import access
from services.importer.orders import store_order, what_is_wrong

_LATER = timedelta(seconds=5)


def import_order(event: ImportDue, work: Work, calls: AmazonCalls, ring: KeyRing) -> None:
    """Fetch the order with `getOrder` and store it by the very path of the import."""
    order_id = event.order_id or ""
    account = find_account(work, event.account_id)
    if account is None or not account.connected:
        raise Skipped("account_not_connected")
    if not account.settings.enabled:
        _note_unknown(work, event.account_id, order_id, "The import of Amazon orders is switched off.")
        return
    if attentions.stands(work, account.account_id, (attentions.CONSENT_REVOKED,)):
        raise NotYet(work.now + AFTER_LOGIN_TROUBLE, "the seller's consent is revoked")
    known = work.session.get(OrderRow, order_id)
    if known is not None and known.sequence >= int(work.cause.first_seen.timestamp() * 1000):
        return  # the store was told of it since this was asked for: whoever waits for an order asks more than once
    not_before = calls.reserve(work, account.account_id, GET_ORDER)
    if not_before is not None:
        raise NotYet(not_before, "no quota for getOrder")
    try:
        answer = calls.make(
            work, account.account_id, GET_ORDER, order_id, lambda connection: get_order(connection, order_id)
        )
    except CallFailed as failure:
        if isinstance(failure.error, NotFound):
            _note_unknown(work, account.account_id, order_id, "Amazon does not know this order.")
            return
        if isinstance(failure.error, BadAnswer):
            _note_unknown(work, account.account_id, order_id, "Amazon's answer about this order cannot be read.")
            return
        if isinstance(failure.error, Refused) and failure.error.code is not None:
            _note_unknown(work, account.account_id, order_id, failure.error.message)
            return
        later = max(failure.retry_at, work.now + _LATER)
        raise NotYet(later, str(failure.error)) from failure
    access.orders_arrived(work, account.account_id, (answer.order,))
    try:
        with work.session.begin_nested():
            store_order(work, ring, account, answer.order, since=None, wanted=True)
    except ValueError as error:
        _note_unknown(work, account.account_id, order_id, f"The order cannot be read: {what_is_wrong(error)}")


def _note_unknown(work: Work, account_id: str, order_id: str, why: str) -> None:
    values = {"asked_at": work.now, "why": why}
    work.session.execute(
        work.insert(UnknownOrder)
        .values(account_id=account_id, order_id=order_id, **values)
        .on_conflict_do_update(index_elements=["account_id", "order_id"], set_=values)
    )
