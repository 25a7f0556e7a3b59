"""Reads what Amazon changed, a page a step: claim, one `searchOrders`, then the page in one transaction."""

from __future__ import annotations

from datetime import datetime

from orderbridge.accounts import ConnectedAccount
from orderbridge.amazon import Order, search_orders
from orderbridge.amazon.operations import SEARCH_ORDERS
from orderbridge.amazon.orders import INCLUDED_DATA, MOST_ORDERS_A_PAGE, OrdersPage, UnreadableOrder
from orderbridge.amazon_calls import AmazonCalls, CallFailed
from orderbridge.database.unit_of_work import Work
from orderbridge.vault.key_ring import KeyRing
from schemas.imports import RunLine
from services.importer import access, cursor, runs, scale, search_trouble, unmapped
from services.importer.claim import Claim
from services.importer.orders import preview_order, store_order
from services.importer.window import MOST_PAGES, Window, imported_from

_SAME_PAGE = "Amazon returned the same page again; the run starts over once."
_SAME_PAGE_AGAIN = "Amazon returned the same page again and again; the run ends, and the next one tries again."


def step(
    work: Work, account: ConnectedAccount, window: Window, calls: AmazonCalls, ring: KeyRing, claim: Claim
) -> None:
    """Read the run's next page and keep where to go on."""
    runs.save(work, window)
    not_before = calls.reserve(work, account.account_id, SEARCH_ORDERS)
    if not_before is not None:
        runs.go_on(work, window, not_before)
        return
    page: OrdersPage | None = None
    try:
        page = calls.make(
            work,
            account.account_id,
            SEARCH_ORDERS,
            window.run_id,
            lambda connection: search_orders(
                connection,
                last_updated_after=window.window_after,
                last_updated_before=window.window_before,
                marketplace_ids=window.suspects[:1] or window.marketplace_ids,
                included_data=tuple(name for name in INCLUDED_DATA if name not in window.left_out),
                max_results=MOST_ORDERS_A_PAGE >> window.bad_answers,
                pagination_token=None if window.suspects else window.next_token,  # it is for the whole list
            ),
        )
    except CallFailed as failed:
        failure = failed
    claim.check(work)
    if page is None:
        search_trouble.after_failure(work, account, window, failure)
    elif window.suspects:
        search_trouble.is_granted(work, window)
    else:
        _store_page(work, account, ring, window, page)


def _store_page(work: Work, account: ConnectedAccount, ring: KeyRing, window: Window, page: OrdersPage) -> None:
    """All of a page or nothing: the orders, what the store is told, and where to go on."""
    state = runs.state_of(work, account.account_id)
    since = imported_from(account, state)
    lines: list[RunLine] = []
    unreadable: list[RunLine] = []
    updates: list[datetime] = []
    for order in page.read():
        if isinstance(order, UnreadableOrder):
            unreadable.append(_unreadable(order))
        else:
            lines.append(_store(work, account, ring, window, order, since))
            updates.append(order.last_updated_time)
    last_order_id = lines[-1].order_id if lines else window.last_order_id
    lines += unreadable
    if page.unknown_fields and window.kind == "search":
        unmapped.note_fields(work, account.account_id, page.unknown_fields, lines[0].order_id)
    if window.reads_again:
        lines = runs.without_told(work, window.run_id, lines)
    runs.add_lines(work, window.run_id, lines)
    window = access.page_arrived(work, account, window, page.orders())
    for line in lines:
        if line.problem:
            window = window.with_problem(f"Order {line.order_id}: {line.problem}")
    repeated = page.next_token is not None and page.next_token == window.next_token
    over = repeated and window.restarted
    unchanged = sum(line.did == "unchanged" for line in lines)
    window = window.counted(lines).with_call().saw(updates, unchanged)
    window = scale.noticed(work, account, state, window)
    window = window.model_copy(
        update={
            "bad_answers": 0,
            "next_token": page.next_token,
            "updated_before": window.updated_before or page.last_updated_before,
            "last_order_id": last_order_id,
        }
    )
    if repeated:
        window = window.with_problem(_SAME_PAGE_AGAIN if over else _SAME_PAGE).start_over()
    if over:
        cursor.end(work, window)
    elif window.next_token is None and not repeated:
        _window_is_through(work, window)
    elif window.pages < MOST_PAGES:
        runs.go_on(work, window, work.now)
    else:
        rest = window.cut()
        if rest.window_after > window.window_after:
            cursor.advance(work, window, rest.window_after)
        runs.go_on(work, rest, work.now)


def _window_is_through(work: Work, window: Window) -> None:
    following = window.next_window()
    if following is None:
        cursor.end(work, window, window.end)
        return
    cursor.advance(work, window, window.end)
    runs.go_on(work, following, work.now)


def _unreadable(order: UnreadableOrder) -> RunLine:
    problem = f"It cannot be read: {order.error}. Report it to Orderbridge's developers."
    return RunLine(order_id=order.order_id or "(no number)", did="unreadable", problem=problem)


def _store(
    work: Work, account: ConnectedAccount, ring: KeyRing, window: Window, order: Order, since: datetime | None
) -> RunLine:
    if order.fulfillment is None and "FULFILLMENT" in window.left_out:
        return RunLine(order_id=order.order_id, did="skipped", reason="status_not_told")
    if window.kind == "dry_run":
        return preview_order(work, account, order, since=since, left_out=window.left_out)
    return store_order(work, ring, account, order, since=since, left_out=window.left_out)
