"""Imports one order by its number: somebody asked for it, the shipper met it first, or Amazon said that it changed."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

import structlog

from orderbridge.accounts import attentions, find_account
from orderbridge.amazon import AmazonError, BadAnswer, NotFound, Refused, get_order
from orderbridge.amazon.operations import GET_ORDER
from orderbridge.amazon_calls import AFTER_LOGIN_TROUBLE, AmazonCalls, CallFailed
from orderbridge.bus.outcomes import NotYet, Skipped
from orderbridge.database.models import AccountState, OrderRow, UnknownOrder
from orderbridge.database.unit_of_work import Work
from orderbridge.vault.key_ring import KeyRing
from schemas.imports import ImportDue
from services.importer import access, cursor
from services.importer.orders import store_order
from services.importer.window import imported_from

log = structlog.get_logger()
_LATER = timedelta(seconds=5)
_LATEST = timedelta(minutes=15)


def import_order(event: ImportDue, work: Work, calls: AmazonCalls, ring: KeyRing) -> None:
    """Fetch the order with `getOrder` and store it by the very path of the import.

    One that was asked for by number (`order`) is stored whenever it was placed. One that Amazon told us of (`changed`)
    obeys the import's rules, as if the search had shown it; nobody waits for an answer about it.
    """
    order_id = event.order_id or ""
    asked_for = event.reason == "order"
    account = find_account(work, event.account_id)
    if account is None or not account.connected:
        raise Skipped("account_not_connected")
    if not account.settings.enabled:
        _cannot(work, event, "import_disabled", "The import of Amazon orders is switched off.")
        return
    if _told_since(work, order_id) if asked_for else _is_known(work, event):
        return
    if attentions.stands(work, account.account_id, (attentions.CONSENT_REVOKED,)):
        raise NotYet(work.now + AFTER_LOGIN_TROUBLE, "the seller's consent is revoked")
    not_before = calls.reserve(work, account.account_id, GET_ORDER)
    if not_before is not None:
        raise NotYet(not_before if asked_for else _spread(work, order_id, not_before), "no quota for getOrder")
    try:
        answer = calls.make(
            work, account.account_id, GET_ORDER, order_id, lambda connection: get_order(connection, order_id)
        )
    except CallFailed as failure:
        why = _refusal(failure.error)
        if why is None:
            raise NotYet(max(failure.retry_at, work.now + _LATER), str(failure.error)) from failure
        _cannot(work, event, "refused_by_amazon", why)
        return
    access.order_arrived(work, account.account_id, answer.order)
    since = None if asked_for else imported_from(account, work.session.get(AccountState, account.account_id))
    line = store_order(work, ring, account, answer.order, since=since, wanted=asked_for)
    if line.did == "unreadable":
        _cannot(work, event, line.did, line.problem or "")
    elif line.problem is not None:  # there is no run whose log it could stand in
        log.warning("Amazon's packages differ", account=account.account_id, order=order_id)


def _told_since(work: Work, order_id: str) -> bool:
    """The store was told of it since this was asked for: whoever waits for an order asks more than once."""
    known = work.session.get(OrderRow, order_id)
    return known is not None and known.sequence >= int(work.cause.first_seen.timestamp() * 1000)


def _is_known(work: Work, event: ImportDue) -> bool:
    """Whether what Amazon told us of is here already, or was left alone by a search that has come past it.

    That the store was told since says nothing: a search's answer may be minutes older than its arrival.
    """
    assert event.since is not None  # noqa: S101  (the schema demands it)
    known = work.session.get(OrderRow, event.order_id or "")
    if known is not None and known.amazon_updated_at >= event.since:
        return True
    state = work.session.get(AccountState, event.account_id)
    return cursor.is_past(state, event.since)


def _spread(work: Work, order_id: str, not_before: datetime) -> datetime:
    """When a change that finds no quota tries again: after about the time for which it has waited so far.

    If all came back at the next free moment, one would be served and all others given back, every two seconds. So each
    comes back some ten times, at moments of its own, however many there are; what a search meets first needs no call.
    """
    waited = work.now - work.cause.first_seen
    share = 0.5 + zlib.crc32(order_id.encode()) / 2**32
    return max(not_before, work.now + min(waited * share, _LATEST))


def _refusal(error: AmazonError) -> str | None:
    """Why asking again would be no use, or None if it may be."""
    if isinstance(error, NotFound):
        return "Amazon does not know this order."
    if isinstance(error, BadAnswer):
        return "Amazon's answer about this order cannot be read."
    return error.message if isinstance(error, Refused) and error.code is not None else None


def _cannot(work: Work, event: ImportDue, reason: str, why: str) -> None:
    """Tell whoever waits for the order. Nobody waits for a change that Amazon told of: the search meets it again."""
    if event.reason != "order":
        raise Skipped(reason)
    values = {"asked_at": work.now, "why": why}
    work.session.execute(
        work.insert(UnknownOrder)
        .values(account_id=event.account_id, order_id=event.order_id, **values)
        .on_conflict_do_update(index_elements=["account_id", "order_id"], set_=values)
    )
