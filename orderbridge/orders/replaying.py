"""Asks for orders to be sent to the store again: for the command line, the console and the API alike.

    wish = ReplayWish(since=moment)
    asked = ask_for_replay(work, wish)          # asked.orders says how many
    progress_of(work, asked.replay_id)          # how far it is

A store that lost its data since some moment misses the orders that came *or changed* since then. An order's `sequence`
is the moment at which it was last told, in milliseconds, so that those are the orders with a `sequence` from there on.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, func, select

from orderbridge.accounts import find_account, tell_store
from orderbridge.database.models import Account, OrderRow, OutboxRow
from orderbridge.database.unit_of_work import Work
from orderbridge.import_requests import InVain, is_handled
from orderbridge.orders.numbers import find_orders
from schemas.replays import OrdersReplay, ReplayAnswer

AT_ONCE: Final = 100
"""Orders sent again in one step."""
NOTHING: Final = "No order came or changed in that time: there is nothing to send again."


class ReplayRefused(ValueError):
    """Nothing can be sent again like this; says why and what to do."""


class NothingThere(ReplayRefused):
    """There is no such order or account, or none of those that may be seen."""


@dataclass(frozen=True)
class ReplayWish:
    """Which orders. `accounts` is None for all; `number` is one order's, by any of its numbers."""

    number: str | None = None
    accounts: frozenset[str] | None = None
    since: datetime | None = None
    """Came or changed at this moment or later."""
    until: datetime | None = None
    """Placed before this moment."""


def plan_replay(work: Work, wish: ReplayWish) -> OrdersReplay:
    """The first step of what is wished for, not posted yet; its `total` is the number of orders, which may be none.

    Raises ReplayRefused for a wish that cannot be meant.
    """
    _check(work, wish)
    order_id = _order(work, wish) if wish.number is not None else None
    step = OrdersReplay(
        replay_id=uuid.uuid4().hex,
        order_id=order_id,
        accounts=tuple(sorted(wish.accounts)) if wish.accounts is not None else None,
        placed_before=wish.until,
        after_sequence=max(int(wish.since.timestamp() * 1000) - 1, 0) if wish.since is not None else 0,
        last_sequence=2**62,
        total=0,
    )
    count, last = work.session.execute(select(func.count(), func.max(OrderRow.sequence)).where(*chosen(step))).one()
    return step.model_copy(update={"total": count, "last_sequence": last or 0})


def ask_for_replay(work: Work, wish: ReplayWish) -> ReplayAnswer:
    """Have the importer send the orders again, and tell the store its accounts' settings. Raises ReplayRefused."""
    step = plan_replay(work, wish)
    if step.order_id is None:
        for account_id in _accounts(work, step.accounts):
            account = find_account(work, account_id)
            if account is not None:
                tell_store(work, account)
    work.post(step)
    return ReplayAnswer(replay_id=step.replay_id, orders=step.total, sent=0, done=not step.total)


def progress_of(work: Work, replay_id: str, accounts: frozenset[str] | None = None) -> ReplayAnswer | None:
    """How far a replay is; None if there is none of that id among these accounts, or it is more than 30 days old."""
    latest = (
        select(OutboxRow.event_id, OutboxRow.body)
        .where(OutboxRow.key == replay_id, OutboxRow.topic == OrdersReplay.event_type)
        .order_by(OutboxRow.position.desc())
        .limit(1)
    )
    row = work.session.execute(latest).one_or_none()
    if row is None:
        return None
    step = OrdersReplay.model_validate_json(row.body)
    if accounts is not None and not accounts.issuperset(step.accounts or ("",)):
        return None
    so_far = ReplayAnswer(replay_id=replay_id, orders=step.total, sent=step.sent, done=False)
    try:
        done = is_handled(work, row.event_id)  # the last step posts no other
    except InVain as given_up:
        return so_far.model_copy(update={"given_up": str(given_up)})
    return so_far.model_copy(update={"sent": step.total, "done": True}) if done or not step.total else so_far


def chosen(step: OrdersReplay) -> Sequence[ColumnElement[bool]]:
    """Which orders a replay is about, from where this step stands."""
    if step.order_id is not None:
        return (OrderRow.order_id == step.order_id,)
    conditions = [OrderRow.sequence <= step.last_sequence]
    conditions.append(OrderRow.sequence >= step.after_sequence + (step.after_order is None))
    if step.accounts is not None:
        conditions.append(OrderRow.account_id.in_(step.accounts))
    if step.placed_before is not None:
        conditions.append(OrderRow.placed_at < step.placed_before)
    return conditions


def _check(work: Work, wish: ReplayWish) -> None:
    if wish.number is not None and (wish.since is not None or wish.until is not None):
        raise ReplayRefused("Choose one order, or a time, not both.")
    if wish.since is not None and wish.since > work.now:
        raise ReplayRefused("That time lies ahead: nothing has come or changed since then.")
    if wish.since is not None and wish.until is not None and wish.until <= wish.since:
        raise ReplayRefused("The time ends before it begins.")
    for account_id in sorted(wish.accounts or ()):
        if work.session.get(Account, account_id) is None:
            raise NothingThere(f"There is no account {account_id}.")


def _order(work: Work, wish: ReplayWish) -> str:
    found = [row for row in find_orders(work, wish.number or "") if _may(wish, row)]
    if len(found) > 1:
        several = ", ".join(row.order_id for row in found)
        raise ReplayRefused(f"The store has used this number for several orders: {several}. Name one of them.")
    if not found:
        raise NothingThere("No order goes by this number: only what was imported can be sent again.")
    return found[0].order_id


def _may(wish: ReplayWish, row: OrderRow) -> bool:
    return wish.accounts is None or row.account_id in wish.accounts


def _accounts(work: Work, accounts: Sequence[str] | None) -> Sequence[str]:
    if accounts is not None:
        return accounts
    return work.session.scalars(select(Account.account_id).order_by(Account.account_id)).all()
