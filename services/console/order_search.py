"""The page Orders: found by any number, or listed by status, day and account, the newest first."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from orderbridge.access.users import may
from orderbridge.accounts import find_account
from orderbridge.accounts.facts import country
from orderbridge.database.models import UnknownOrder
from orderbridge.database.unit_of_work import Work
from orderbridge.import_requests import InVain, ask_for_order
from orderbridge.orders.numbers import SeveralOrders, amazons_number, find_orders, no_such_number
from orderbridge.orders.search import AMAZON_STATUSES, OrderFilter, how_far_shipped, newest, queues
from schemas.orders import OrderDocument
from services.console.lists import PAGE, account_ids, address, asked, day, day_after, moment, name, one_of, read_place
from services.console.visit import Stop, Visit

_KINDS = ("queue", "amazon")


def list_orders(visit: Visit) -> Response:
    """The orders that pass the filters; or the one order that goes by a number."""
    number = asked(visit, "number")
    if number:
        return _by_number(visit, number)
    place = read_place(visit, moment, name)
    kind, _, status = asked(visit, "status").partition(":")
    if kind and kind not in _KINDS:
        raise Stop(400, "There is no such filter", "A status is chosen from the list. Open the page Orders anew.")
    with visit.database.unit_of_work() as work:
        accounts = account_ids(work)
        account_id = one_of(visit, "account", tuple(accounts))
        zone = _zone(work, account_id)
        since, until = day(visit, "since", zone), day(visit, "until", zone)
        wanted = OrderFilter(
            account_id=account_id,
            queue=status if kind == "queue" else None,
            amazon_status=status if kind == "amazon" else None,
            since=since,
            before=day_after(until) if until is not None else None,
        )
        found = newest(work, wanted, PAGE + 1, place)
        known = queues(work)
    given = {one: asked(visit, one) for one in ("account", "status", "since", "until")}
    last = found[PAGE - 1][0] if len(found) > PAGE else None
    return _page(
        visit,
        accounts,
        orders=[_row(order) for _, order in found[:PAGE]],
        queues=known,
        given=given,
        zone=str(zone),
        first=address("/orders", given) if place else None,
        following=address("/orders", given, last) if last else None,
    )


def fetch_by_number(visit: Visit) -> Response:
    """Have Amazon asked for one order by its number."""
    number, account_id = visit.said("number").strip(), visit.said("account")
    try:
        with visit.database.unit_of_work() as work:
            order_id = ask_for_order(work, account_id, number)
    except (InVain, SeveralOrders) as refusal:
        return _nothing(visit, number, str(refusal), status=422)
    return visit.redirect(address("/orders", {"number": order_id, "told": "fetch"}))


def _by_number(visit: Visit, number: str) -> Response:
    with visit.database.unit_of_work() as work:
        found = [OrderDocument.model_validate_json(row.document) for row in find_orders(work, number)[:PAGE]]
        amazons = amazons_number(number)
        if not found and amazons is not None and amazons != number:
            found = [OrderDocument.model_validate_json(row.document) for row in find_orders(work, amazons)]
        unknown = [] if amazons is None else _unknown(work, amazons)
        accounts = account_ids(work)
    if len(found) == 1:
        told = address("", {"told": asked(visit, "told")})
        return visit.redirect(f"/orders/{quote(found[0].order_id, safe='')}{told}")
    if found:
        return _page(visit, accounts, orders=[_row(order) for order in found], number=number, several=True)
    if unknown:
        return _nothing(visit, number, " ".join(unknown))
    if asked(visit, "told") == "fetch":
        notice = f"Amazon is asked for {number}. That takes some seconds: look again then."
        return _nothing(visit, number, notice=notice)
    here = f"There is no order {number} here. An operator can fetch it from Amazon." if amazons else None
    return _nothing(visit, number, here or no_such_number(number))


def _nothing(
    visit: Visit, number: str, problem: str | None = None, *, notice: str | None = None, status: int = 200
) -> Response:
    with visit.database.unit_of_work() as work:
        accounts = account_ids(work)
    return _page(visit, accounts, status, number=number, problem=problem, notice=notice)


def _page(visit: Visit, accounts: list[str], status: int = 200, **context: Any) -> Response:
    base = {
        "orders": None,
        "queues": (),
        "given": dict.fromkeys(("account", "status", "since", "until"), ""),
        "zone": "UTC",
        "number": "",
        "several": False,
        "first": None,
        "following": None,
        "problem": None,
        "notice": None,
    }
    return visit.page(
        "orders.html",
        status,
        accounts=accounts,
        statuses=AMAZON_STATUSES,
        may_act=visit.user is not None and may(visit.user.role, "operator"),
        **{**base, **context},
    )


def _zone(work: Work, account_id: str | None) -> tzinfo:
    """In which a day begins: the account's, if one is chosen."""
    account = find_account(work, account_id) if account_id is not None else None
    return account.zone if account is not None else UTC


def _unknown(work: Work, order_id: str) -> list[str]:
    """What Amazon lately answered when it was asked for an order that is not here."""
    asked_for = [work.session.get(UnknownOrder, (account_id, order_id)) for account_id in account_ids(work)[:20]]
    return [f"{one.account_id}: {one.why} (asked {one.asked_at:%Y-%m-%d %H:%M} UTC)" for one in asked_for if one]


def _row(order: OrderDocument) -> dict[str, Any]:
    return {
        "order": order,
        "country": country(order.marketplace_id or ""),
        "shipped": how_far_shipped(order),
    }
