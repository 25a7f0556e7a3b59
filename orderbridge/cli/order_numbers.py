"""An order by any of its numbers, and what the command line says where there is none."""

from __future__ import annotations

from orderbridge.cli.application import fail
from orderbridge.database.models import OrderRow
from orderbridge.database.unit_of_work import Work
from orderbridge.orders import numbers


def find_order(work: Work, number: str) -> OrderRow | None:
    """The order of that number. Fails if the store has used it for several."""
    try:
        return numbers.find_order(work, number)
    except numbers.SeveralOrders as several:
        fail(str(several))


def not_here(number: str) -> str:
    """What to say where no order goes by a number."""
    amazons = numbers.amazons_number(number)
    if amazons is None:
        return numbers.no_such_number(number)
    return f"There is no order {number}. `orderbridge import --order {amazons}` fetches it."
