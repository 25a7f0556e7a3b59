"""Finds the order a store means, whatever it calls it."""

from __future__ import annotations

import re
from datetime import timedelta

from sqlalchemy import select

from orderbridge.accounts import ConnectedAccount, connected_accounts
from orderbridge.bus.outcomes import NotYet, Rejected, Skipped
from orderbridge.database.models import OrderRow, StoreOrderNumber, UnknownOrder
from orderbridge.database.unit_of_work import Work
from schemas.imports import ImportDue
from schemas.shipments import OrderShipped
from services.shipper import unrecognised

_AMAZON_ID = re.compile(r"\d{3}-\d{7}-\d{7}")
_LOOK_AGAIN = timedelta(seconds=2)


def resolve(event: OrderShipped, work: Work) -> OrderRow:
    """The order's row, locked. The store may name it by Amazon's id, our order number, or its own that we know.

    Raises Skipped for an order that is not Amazon's, Rejected for one that Amazon does not know either, NotYet while
    one of Amazon's that we don't have is being imported.
    """
    order_id = find_order_id(event.order_id, work)
    row = work.lock_order(order_id) if order_id else None
    if row is not None:
        if event.account_id not in (None, row.account_id):
            raise Rejected(
                "wrong_account",
                f"The order belongs to account {row.account_id}, the event says {event.account_id}.",
                "Leave account_id out, or correct it.",
            )
        return row
    accounts = connected_accounts(work)
    amazon_id = _without_prefix(event.order_id, accounts)
    if _AMAZON_ID.fullmatch(amazon_id):
        raise _import_first(event, amazon_id, work, accounts)
    if _AMAZON_ID.search(event.order_id):
        raise Rejected(
            "not_an_order_id",
            "The order_id contains an Amazon order number, but is none.",
            "Send Amazon's order number alone (3-7-7 digits), or the order_number of order.imported.",
        )
    unrecognised.note(work, accounts, event.order_id, event.account_id)
    work.commit()
    raise Skipped(unrecognised.NOT_AMAZONS)


def find_order_id(name: str, work: Work) -> str | None:
    """Amazon's id of the order that goes by this name with us, or None. Raises Rejected if several do."""
    found = _named(name, work)
    if len(found) > 1:
        raise Rejected(
            "ambiguous_order",
            "The store has used this number for several Amazon orders.",
            "Name the order by Amazon's order number.",
        )
    return found[0] if found else None


def whose(name: str, work: Work) -> str | None:
    """The order to answer for: its id where exactly one goes by the name; None if the name is not Amazon's at all."""
    found = _named(name, work)
    if len(found) == 1:
        return found[0]
    return name if found or _AMAZON_ID.search(name) else None


def _named(name: str, work: Work) -> list[str]:
    """At most two orders of ours that go by this name."""
    own = select(OrderRow.order_id).where((OrderRow.order_id == name) | (OrderRow.order_number == name)).limit(2)
    stores = select(StoreOrderNumber.order_id).where(StoreOrderNumber.store_order_number == name).limit(2)
    return list(work.session.scalars(own).all() or work.session.scalars(stores).all())


def _without_prefix(name: str, accounts: list[ConnectedAccount]) -> str:
    for account in accounts:
        if account.settings.invoice_number_prefix:
            name = name.removeprefix(account.settings.invoice_number_prefix)
    return name


def _import_first(
    event: OrderShipped, amazon_id: str, work: Work, accounts: list[ConnectedAccount]
) -> NotYet | Rejected:
    """Have the order imported by those accounts that have not yet said that they don't know it."""
    asked = [account.account_id for account in accounts if event.account_id in (None, account.account_id)]
    if not asked:
        return Rejected(
            "account_not_connected",
            f"No connected Amazon account{f' {event.account_id}' if event.account_id else ''}.",
            "Connect the account, then send the event again.",
        )
    # The time of the store's event is the store's to say: neither the future nor a bygone year is of use here.
    now, seen = work.now, work.cause.first_seen
    since = now - timedelta(minutes=10) if seen > now else max(seen, now - timedelta(days=1))
    answers = work.session.execute(
        select(UnknownOrder.account_id, UnknownOrder.why).where(
            UnknownOrder.order_id == amazon_id,
            UnknownOrder.account_id.in_(asked),
            UnknownOrder.asked_at >= since,
        )
    ).all()
    if len(answers) == len(asked):
        return Rejected("order_unknown", answers[0].why, "Check the order number and the connected account.")
    for account_id in sorted(set(asked) - {answer.account_id for answer in answers}):
        work.post(
            ImportDue(account_id=account_id, reason="order", order_id=amazon_id),
            name=f"import-order:{account_id}:{amazon_id}",
        )
    work.commit()
    waited = now - since
    return NotYet(now + max(_LOOK_AGAIN, min(waited / 2, timedelta(minutes=10))), "the order is imported first")
