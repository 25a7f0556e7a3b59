"""Reading orders: Amazon's Orders API 2026-01-01, `searchOrders` and `getOrder`."""

from __future__ import annotations

import pickle
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from orderbridge.amazon.answers import AmazonModel, Moment, describe, in_amazon_form
from orderbridge.amazon.operations import GET_ORDER, SEARCH_ORDERS
from orderbridge.amazon.order_models import Order
from orderbridge.amazon.transport import Answer, Connection, read_answer
from orderbridge.amazon.unknown_fields import unknown_fields

INCLUDED_DATA: Final = (
    "BUYER",
    "RECIPIENT",
    "PROCEEDS",
    "PROMOTION",
    "CANCELLATION",
    "FULFILLMENT",
    "PACKAGES",
    "TAX",
    "PAYMENT",
)
"""The data sets we ask for. Without FULFILLMENT an order comes without its status."""

MOST_ORDERS_A_PAGE: Final = 100
MOST_MARKETPLACES: Final = 50

_unpacked = threading.Lock()
"""Of all pages that come in at a moment one at a time is JSON of some megabytes. Threads would not be faster at it."""


@dataclass(frozen=True, slots=True)
class UnreadableOrder:
    """An order of a page that is not what the model says: its id, if that could be read, and why, without values."""

    order_id: str | None
    error: str


@dataclass(frozen=True, slots=True)
class OrdersPage:
    """A page of orders. `next_token` is None on the last; `…_before` is the moment up to which Amazon looked.

    Orders are packed until they are asked for, and read one at a time: a hundred of them, read, take some megabytes,
    and a process may have as many pages in hand as it has threads.
    """

    entries: tuple[bytes, ...] = field(repr=False)
    """The orders as Amazon sent them, personal data among it; packed by `pickle`, which keeps a Decimal one."""
    next_token: str | None
    last_updated_before: datetime | None
    created_before: datetime | None
    answer: Answer
    """Without its body."""
    unknown_fields: dict[str, int] = field(default_factory=dict)
    """Fields that our models do not name, by their path, with how often they came."""

    def read(self) -> Iterator[Order | UnreadableOrder]:
        """Each order in its turn. One that cannot be read takes no other with it."""
        for packed in self.entries:
            entry = pickle.loads(packed)  # noqa: S301 - packed below, by this process
            try:
                yield Order.model_validate(entry)
            except ValidationError as error:
                yield UnreadableOrder(_order_id(entry), describe(error))

    def orders(self) -> Iterator[Order]:
        """Those that can be read."""
        return (one for one in self.read() if isinstance(one, Order))


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    order: Order
    answer: Answer


class _Pagination(AmazonModel):
    next_token: str | None = None


class _SearchOrdersResponse(AmazonModel):
    orders: tuple[Any, ...]
    pagination: _Pagination = _Pagination()
    last_updated_before: Moment | None = None
    created_before: Moment | None = None


class _GetOrderResponse(AmazonModel):
    order: Order


def search_orders(
    connection: Connection,
    *,
    last_updated_after: datetime | None = None,
    last_updated_before: datetime | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    marketplace_ids: tuple[str, ...] = (),
    fulfilled_by: tuple[str, ...] = (),
    statuses: tuple[str, ...] = (),
    included_data: tuple[str, ...] = INCLUDED_DATA,
    max_results: int = MOST_ORDERS_A_PAGE,
    pagination_token: str | None = None,
) -> OrdersPage:
    """One page of the orders that were updated, or created, in a span of time.

    Exactly one of `last_updated_after` and `created_after` is given; the `…_before` of the same pair may be left out,
    else it lies at least two minutes in the past. The next page is the same call, every parameter unchanged, with
    the page's `next_token`, which lives for 24 hours. Raises `AmazonError`, and ValueError for parameters that Amazon's
    model rules out.
    """
    if (last_updated_after is None) == (created_after is None):
        raise ValueError("exactly one of last_updated_after and created_after must be given")
    if (last_updated_before and not last_updated_after) or (created_before and not created_after):
        raise ValueError("an end must be of the same kind as the start")
    if not 1 <= max_results <= MOST_ORDERS_A_PAGE:
        raise ValueError(f"max_results must be 1 to {MOST_ORDERS_A_PAGE}")
    if len(marketplace_ids) > MOST_MARKETPLACES:
        raise ValueError(f"at most {MOST_MARKETPLACES} marketplaces may be given")
    times = {
        "lastUpdatedAfter": last_updated_after,
        "lastUpdatedBefore": last_updated_before,
        "createdAfter": created_after,
        "createdBefore": created_before,
    }
    query = {name: in_amazon_form(moment) for name, moment in times.items() if moment is not None}
    query |= _lists(
        marketplaceIds=marketplace_ids,
        fulfilledBy=fulfilled_by,
        fulfillmentStatuses=statuses,
        includedData=included_data,
    )
    query["maxResultsPerPage"] = str(max_results)
    if pagination_token is not None:
        query["paginationToken"] = pagination_token

    answer = connection.call(SEARCH_ORDERS, query=query)
    with _unpacked:
        page = read_answer(SEARCH_ORDERS, _SearchOrdersResponse, answer)
        novelties = Counter(path for entry in page.orders for path in unknown_fields(Order, entry))
        return OrdersPage(
            entries=tuple(pickle.dumps(entry) for entry in page.orders),
            # An empty token would ask for the first page again.
            next_token=page.pagination.next_token or None,
            last_updated_before=page.last_updated_before,
            created_before=page.created_before,
            answer=replace(answer, body=b""),
            unknown_fields=dict(novelties),
        )


def get_order(connection: Connection, order_id: str, *, included_data: tuple[str, ...] = INCLUDED_DATA) -> OrderAnswer:
    """One order by Amazon's order id. Raises `AmazonError`, `NotFound` where Amazon does not know it."""
    answer = connection.call(GET_ORDER, path_parameters={"orderId": order_id}, query=_lists(includedData=included_data))
    return OrderAnswer(read_answer(GET_ORDER, _GetOrderResponse, answer).order, answer)


def _lists(**lists: tuple[str, ...]) -> dict[str, str]:
    """Swagger's default for arrays in a query, csv: `A,B`. An empty list is left out."""
    return {name: ",".join(values) for name, values in lists.items() if values}


def _order_id(entry: Any) -> str | None:
    order_id = entry.get("orderId") if isinstance(entry, dict) else None
    return order_id if isinstance(order_id, str) else None
