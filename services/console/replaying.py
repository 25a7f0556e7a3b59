"""Orders sent to the store again: one from its page, or what came or changed since a day, counted before it is done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Final
from urllib.parse import quote

from starlette.responses import Response

from orderbridge.accounts import find_account
from orderbridge.database.unit_of_work import Work
from orderbridge.orders.replaying import NOTHING, ReplayRefused, ReplayWish, ask_for_replay, plan_replay, progress_of
from orderbridge.plural import number_of
from services.console.lists import account_ids, day_after, day_in
from services.console.visit import Visit

_FIELDS: Final = ("account", "since", "until")


def show_replay(visit: Visit) -> Response:
    """How many orders it would be; or how far one is that was asked for."""
    replay_id = visit.query.get("replay", "")
    if replay_id:
        return _progress(visit, replay_id)
    given = {name: visit.query.get(name, "").strip() for name in _FIELDS}
    with visit.database.unit_of_work() as work:
        try:
            count = plan_replay(work, _wish(work, given)).total
        except ReplayRefused as refusal:
            return _page(visit, work, given, problem=str(refusal))
        return _page(visit, work, given, count=count, notice=None if count else NOTHING)


def ask_replay(visit: Visit) -> Response:
    """Have them sent again."""
    given = {name: visit.said(name).strip() for name in _FIELDS}
    with visit.database.unit_of_work() as work:
        try:
            asked = ask_for_replay(work, _wish(work, given))
        except ReplayRefused as refusal:
            return _page(visit, work, given, 422, problem=str(refusal))
    return visit.redirect(f"/replays?replay={asked.replay_id}")


def replay_order(visit: Visit) -> Response:
    """Have one order sent again."""
    order_id = visit.parameters["order_id"]
    with visit.database.unit_of_work() as work:
        try:
            ask_for_replay(work, ReplayWish(number=order_id))
        except ReplayRefused as refusal:
            return _page(visit, work, dict.fromkeys(_FIELDS, ""), 422, problem=str(refusal))
    return visit.redirect(f"/orders/{quote(order_id, safe='')}?told=replay")


def _wish(work: Work, given: Mapping[str, str]) -> ReplayWish:
    account = find_account(work, given["account"]) if given["account"] else None
    zone = account.zone if account is not None else UTC
    since, until = (day_in(given[name], zone) for name in ("since", "until"))
    return ReplayWish(
        accounts=frozenset((given["account"],)) if given["account"] else None,
        since=since,
        until=day_after(until) if until is not None else None,
    )


def _progress(visit: Visit, replay_id: str) -> Response:
    with visit.database.unit_of_work() as work:
        progress = progress_of(work, replay_id)
        nothing = dict.fromkeys(_FIELDS, "")
        if progress is None:
            return _page(visit, work, nothing, 404, problem="There is no such replay of the last 30 days.")
        if progress.given_up is not None:
            return _page(visit, work, nothing, problem=f"{progress.given_up} The dead letters may say more.")
        orders = number_of(progress.orders, "order")
        so_far = f"{orders} sent again." if progress.done else f"{progress.sent} of {orders} sent so far. It goes on."
        return _page(visit, work, nothing, notice=so_far, under_way=None if progress.done else replay_id)


def _page(
    visit: Visit,
    work: Work,
    given: Mapping[str, str],
    status: int = 200,
    *,
    count: int | None = None,
    problem: str | None = None,
    notice: str | None = None,
    under_way: str | None = None,
) -> Response:
    return visit.page(
        "replay.html",
        status,
        given=given,
        accounts=account_ids(work),
        count=count,
        orders=number_of(count or 0, "order"),
        problem=problem,
        notice=notice,
        under_way=under_way,
    )
