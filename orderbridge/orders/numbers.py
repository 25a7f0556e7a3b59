"""The numbers an order goes by: Amazon's, ours with the prefix, and the store's own."""

from __future__ import annotations

import re

from sqlalchemy import or_, select

from orderbridge.database.models import OrderRow, StoreOrderNumber
from orderbridge.database.unit_of_work import Work

_AMAZONS = re.compile(r"(?<!\d)(?:\d{3}|[A-Z]\d{2})-\d{7}-\d{7}(?!\d)")
"""What Amazon ships for another channel begins with a letter (`S01-…`)."""


class SeveralOrders(LookupError):
    """The store has used its number for several orders; says which."""


def amazons_number(text: str) -> str | None:
    """Amazon's number in a text, behind our prefix perhaps; None if there is none."""
    return next(iter(amazons_numbers(text)), None)


def amazons_numbers(text: str) -> list[str]:
    """All of Amazon's numbers in a text."""
    return _AMAZONS.findall(text)


def find_orders(work: Work, number: str) -> list[OrderRow]:
    """The orders that go by the number: several only where the store has used its own number for several."""
    ours = or_(OrderRow.order_id == number, OrderRow.order_number == number)
    found = list(work.session.scalars(select(OrderRow).where(ours)))
    if found:
        return found
    named = select(StoreOrderNumber.order_id).where(StoreOrderNumber.store_order_number == number)
    known = select(OrderRow).where(OrderRow.order_id.in_(named)).order_by(OrderRow.order_id)
    return list(work.session.scalars(known))


def find_order(work: Work, number: str) -> OrderRow | None:
    """The order of that number. Raises SeveralOrders if the store has used it for several."""
    found = find_orders(work, number)
    if len(found) > 1:
        several = ", ".join(row.order_id for row in found)
        raise SeveralOrders(f"The store has used {number} for several orders: {several}. Name one by Amazon's number.")
    return found[0] if found else None


def no_such_number(number: str) -> str:
    """What is wrong with a number that no order goes by, and that is none of Amazon's."""
    return (
        f"No order goes by {number}, with Amazon, with us or with the store, and it cannot be one of Amazon's "
        "numbers: those are 3, 7 and 7 digits, like 114-3941689-8772232."
    )
