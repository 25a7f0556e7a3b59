"""Runs an account's import, a page an event: claim, one `searchOrders`, then the page in one transaction."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import structlog

from orderbridge.accounts import ConnectedAccount, find_account
from orderbridge.amazon import Refused, search_orders
from orderbridge.amazon.operations import SEARCH_ORDERS
from orderbridge.amazon.orders import OrdersPage
from orderbridge.amazon_calls import AmazonCalls, CallFailed
from orderbridge.bus.outcomes import NotYet, Skipped
from orderbridge.database import leases
from orderbridge.database.models import AccountState
from orderbridge.database.unit_of_work import Work
from orderbridge.vault.key_ring import KeyRing
from schemas.imports import ImportCounts, ImportDue
from services.importer.orders import store_order, what_is_wrong
from services.importer.window import Window

log = structlog.get_logger()
_AFTER_A_STRANGERS_ANSWER = timedelta(minutes=1)
_SAME_PAGE = "Amazon returned the same page again; the run starts over once, and then ends."
LEASE = timedelta(seconds=45)
"""A worker that dies in a call blocks its account for so long. A page that takes longer is dropped, and read again."""


def run_import(event: ImportDue, work: Work, calls: AmazonCalls, ring: KeyRing) -> None:
    """Read the next page of the account's run, or open a run. A run that is open is gone on with, never doubled."""
    account = find_account(work, event.account_id)
    if account is None or not account.connected:
        raise Skipped("account_not_connected")
    if not account.settings.enabled:
        raise Skipped("import_disabled")
    holder = str(uuid.uuid4())
    lease = f"import:{account.account_id}"
    if not leases.take(work, lease, holder, LEASE):
        raise NotYet(work.now + timedelta(seconds=5), "another worker is importing this account")
    state = _state(work, account.account_id)
    window = Window.model_validate_json(state.window) if state.window else None
    if window is None and event.reason == "rest":
        leases.release(work, lease, holder)
        return  # that run is finished
    window = window or Window.open(account, state.cursor, work.now)
    state.window = window.model_dump_json()
    not_before = calls.reserve(work, account.account_id, SEARCH_ORDERS)
    if not_before is not None:
        _go_on(work, account, not_before)
        leases.release(work, lease, holder)
        return
    try:
        page = calls.make(
            work,
            account.account_id,
            SEARCH_ORDERS,
            window.run_id,
            lambda connection: search_orders(
                connection,
                last_updated_after=window.updated_after,
                marketplace_ids=account.marketplace_ids,
                pagination_token=window.next_token,
            ),
        )
    except CallFailed as failed:
        page, failure = None, failed
    if not leases.holds(work, lease, holder):  # another worker has taken the run over, and goes on from where it stood
        work.rollback()
        raise NotYet(work.now + timedelta(seconds=5), "the call took longer than the lease")
    if page is None:
        _after_failure(work, account, window, failure)
    else:
        _store_page(work, account, ring, window, page)
    leases.release(work, lease, holder)


def _store_page(work: Work, account: ConnectedAccount, ring: KeyRing, window: Window, page: OrdersPage) -> None:
    """All of a page or nothing: the orders, what the store is told, and where to go on."""
    counts = window.counts.model_dump()
    counts["seen"] += len(page.orders) + len(page.unreadable)
    counts["unreadable"] += len(page.unreadable)
    for order in page.orders:
        try:
            with work.session.begin_nested():  # one order that cannot be stored must not hold up all the others
                counts[store_order(work, ring, account, order)] += 1
        except ValueError as error:
            counts["unreadable"] += 1
            window = window.with_problem(f"Order {order.order_id} cannot be stored: {what_is_wrong(error)}")
    for unreadable in page.unreadable:
        window = window.with_problem(f"Order {unreadable.order_id or '(no number)'} cannot be read: {unreadable.error}")
    repeated = page.next_token is not None and page.next_token == window.next_token
    over = repeated and window.restarted
    window = window.model_copy(
        update={
            "counts": ImportCounts(**counts),
            "amazon_calls": window.amazon_calls + 1,
            "next_token": page.next_token,
            "updated_before": window.updated_before or page.last_updated_before,
            "last_order_id": page.orders[-1].order_id if page.orders else window.last_order_id,
        }
    )
    if repeated:
        window = window.with_problem(_SAME_PAGE).start_over()
    if over:
        _finish(work, account, window)
    elif window.next_token is not None or repeated:
        _state(work, account.account_id).window = window.model_dump_json()
        _go_on(work, account, work.now)
    else:
        _finish(work, account, window, cursor=window.updated_before)


def _after_failure(work: Work, account: ConnectedAccount, window: Window, failure: CallFailed) -> None:
    """The cursor stays. A refused page starts the run over; a refused run ends, its reason in the log."""
    log.warning("import page failed", account=account.account_id, error=str(failure.error))
    if not isinstance(failure.error, Refused):
        _go_on(work, account, failure.retry_at)
    elif failure.error.code is None:  # not in Amazon's own form: a proxy's page, and no word about our window
        _go_on(work, account, work.now + _AFTER_A_STRANGERS_ANSWER)
    elif window.next_token is not None and not window.restarted:  # the token has expired, or Amazon lost it
        restarted = window.with_problem(f"Amazon refused a page ({failure.error.message}); the run starts over.")
        state = _state(work, account.account_id)
        state.window = restarted.start_over().model_dump_json()
        _go_on(work, account, work.now)
    else:
        told = failure.error.code or failure.error.status
        _finish(work, account, window.with_problem(f"Amazon refused the import ({told}): {failure.error.message}"))


def _finish(work: Work, account: ConnectedAccount, window: Window, cursor: datetime | None = None) -> None:
    state = _state(work, account.account_id)
    state.window = None
    state.last_run_at = work.now
    if cursor is not None:  # never backwards: an empty answer may reach less far than the one before
        state.cursor = max(cursor, state.cursor or cursor)
    state.last_order_id = window.last_order_id or state.last_order_id
    work.post(window.finished(account.account_id, work.now))
    log.info("import finished", account=account.account_id, **window.counts.model_dump())


def _go_on(work: Work, account: ConnectedAccount, at: datetime) -> None:
    work.post(ImportDue(account_id=account.account_id, reason="rest"), at=at, name=f"import-rest:{account.account_id}")


def _state(work: Work, account_id: str) -> AccountState:
    state = work.session.get(AccountState, account_id, populate_existing=True)
    if state is None:
        state = AccountState(account_id=account_id)
        work.session.add(state)
    return state
