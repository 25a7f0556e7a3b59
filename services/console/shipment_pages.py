"""The page of shipments: what is late and why, then the packages, those that Amazon has not taken first."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from orderbridge.access.users import may
from orderbridge.orders.late import late_orders, packages_in_short, when_due
from orderbridge.orders.shipments import Place, State, confirmed, unconfirmed
from services.console.lists import PAGE, account_ids, address, asked, moment_or_none, name, one_of, read_place
from services.console.order_page import package_row
from services.console.visit import Stop, Visit

_STATES: dict[str, State | None] = {
    "waiting": "waiting",
    "held": "held",
    "refused": "rejected",
    "confirmed": "confirmed",
}
_MOST_LATE = 20
_TOLD = {
    "again": "The package is to be sent to Amazon again. What becomes of it stands here in some seconds.",
    "nothing": "That package is neither refused nor held any more: nothing was sent again.",
}


def list_shipments(visit: Visit) -> Response:
    """Late orders on the first page, and the packages that pass the filters."""
    place: Place | None = read_place(visit, moment_or_none, name, name)
    chosen = one_of(visit, "state", tuple(_STATES))
    state = _STATES[chosen] if chosen is not None else None
    if state == "confirmed" and place is not None and place[0] is None:
        raise Stop(400, "This page cannot be found", "Its link is of another list. Begin at the first page.")
    with visit.database.unit_of_work() as work:
        accounts = account_ids(work)
        account_id = one_of(visit, "account", tuple(accounts))
        if state == "confirmed":
            found = confirmed(work, account_id, PAGE + 1, place)
        else:
            found = unconfirmed(work, state, account_id, PAGE + 1, place)
        late = [] if place or chosen else late_orders(work, account_id, most=_MOST_LATE + 1)
        now = work.now
    given = {"account": account_id or "", "state": chosen or ""}
    last = found[PAGE - 1] if len(found) > PAGE else None
    end: tuple[Any, ...] | None = None
    if last is not None:
        end = (last.confirmed_at if state == "confirmed" else last.ship_by, last.order_id, last.package_key)
    return visit.page(
        "shipments.html",
        late=[
            {
                "order": one.order,
                "due": [when_due(deadline, now) for deadline in one.near],
                "over": one.most_urgent <= now,
                "why": packages_in_short(one, now) or ["the store has not shipped it"],
            }
            for one in late[:_MOST_LATE]
        ],
        more_late=len(late) > _MOST_LATE,
        rows=[package_row(one, now) for one in found[:PAGE]],
        now=now,
        accounts=accounts,
        states=tuple(_STATES),
        given=given,
        here=address("/shipments", given),
        first=address("/shipments", given) if place else None,
        following=address("/shipments", given, end) if end else None,
        notice=_TOLD.get(asked(visit, "told")),
        may_act=visit.user is not None and may(visit.user.role, "operator"),
    )
