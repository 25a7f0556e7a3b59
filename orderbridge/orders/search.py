"""Looking for orders by account, status and day, the newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, get_args

from sqlalchemy import Select, or_, select
from sqlalchemy import text as sql

from orderbridge.database.models import OrderRow
from orderbridge.database.unit_of_work import Work
from orderbridge.orders.keyset import below
from schemas.orders import AmazonStatus, OrderDocument

AMAZON_STATUSES: tuple[str, ...] = get_args(get_args(AmazonStatus)[0])
S = TypeVar("S", bound=Select[*tuple[Any, ...]])
Place = tuple[datetime, str]
"""Where a page ends: when its last order was placed, and that order's id."""
# Each step finds the next name in the index: a DISTINCT would read as many entries as there are orders.
_QUEUES = sql(
    "WITH RECURSIVE names(name) AS (SELECT min(queue) FROM orders UNION ALL "
    "SELECT (SELECT min(queue) FROM orders WHERE queue > names.name) FROM names WHERE names.name IS NOT NULL) "
    "SELECT name FROM names WHERE name IS NOT NULL LIMIT 200"
)


@dataclass(frozen=True)
class OrderFilter:
    """Which orders; None is any."""

    account_id: str | None = None
    queue: str | None = None
    """The store's status, by its name."""
    amazon_status: str | None = None
    since: datetime | None = None
    """Placed at this moment or later."""
    before: datetime | None = None
    """Placed before this moment."""


def queues(work: Work) -> list[str]:
    """The queues of the store that orders are in, by name."""
    return sorted((name for name in work.session.scalars(_QUEUES) if name), key=str.casefold)


def newest(
    work: Work, wanted: OrderFilter, limit: int, after: Place | None = None
) -> list[tuple[Place, OrderDocument]]:
    """The newest orders that pass the filter, each with its place; at most `limit`, behind `after` if it is given."""
    statement = _filtered(select(OrderRow.placed_at, OrderRow.order_id, OrderRow.document), wanted)
    if after is not None:
        statement = statement.where(below((OrderRow.placed_at, OrderRow.order_id), after))
    statement = statement.order_by(OrderRow.placed_at.desc(), OrderRow.order_id.desc()).limit(limit)
    rows = work.session.execute(statement)
    return [((row.placed_at, row.order_id), OrderDocument.model_validate_json(row.document)) for row in rows]


def _filtered(statement: S, wanted: OrderFilter) -> S:
    columns = {
        OrderRow.account_id: wanted.account_id,
        OrderRow.queue: wanted.queue,
        OrderRow.amazon_status: wanted.amazon_status,
    }
    for column, value in columns.items():
        if value is not None:
            statement = statement.where(column == value)
    if wanted.since is not None:
        statement = statement.where(OrderRow.placed_at >= wanted.since)
    if wanted.before is not None:
        statement = statement.where(OrderRow.placed_at < wanted.before)
    return statement


def of_any_status(work: Work, account_id: str | None, status: str, limit: int) -> list[OrderDocument]:
    """The newest orders that are in a queue of that name, or that Amazon calls so, whatever its letters' case."""
    name = status.casefold().replace(" ", "_")
    named = [queue for queue in queues(work) if queue.casefold().replace(" ", "_") == name]
    statement = _filtered(select(OrderRow.document), OrderFilter(account_id=account_id))
    statement = statement.where(or_(OrderRow.queue.in_(named), OrderRow.amazon_status == name))
    statement = statement.order_by(OrderRow.placed_at.desc(), OrderRow.order_id.desc()).limit(limit)
    return [OrderDocument.model_validate_json(document) for document in work.session.scalars(statement)]


def how_far_shipped(order: OrderDocument) -> str:
    """`yes`, `partly` or `no`."""
    wanted = sum(line.quantity - line.quantity_cancelled for line in order.lines)
    shipped = sum(line.quantity_shipped for line in order.lines)
    whole = order.amazon_status == "shipped" or 0 < wanted <= shipped
    return "yes" if whole else "partly" if shipped else "no"
