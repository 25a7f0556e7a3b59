"""The words of Amazon's order reports, in terms of the Orders API 2026-01-01.

Amazon documents neither. The statuses are those that users report (models repository, issue 1428: the "Shipped - …"
words) and a published report of a seller in India has ("Shipping", "Pending - Waiting for Pick Up"); those of Orders
API v0, which notifications use, are from its model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal, get_args

OrderStatus = Literal[
    "PENDING_AVAILABILITY",
    "PENDING",
    "UNSHIPPED",
    "PARTIALLY_SHIPPED",
    "SHIPPED",
    "CANCELLED",
    "UNFULFILLABLE",
    "UNKNOWN",
]
"""Amazon's `FulfillmentStatus`, and `UNKNOWN` for a word that says none of it."""

_STATUSES: Final[dict[str, OrderStatus]] = {
    "pendingavailability": "PENDING_AVAILABILITY",
    "pending": "PENDING",
    # The payment is settled: the parcel waits for Amazon's own carrier (Easy Ship).
    "pendingwaitingforpickup": "UNSHIPPED",
    "unshipped": "UNSHIPPED",
    # Amazon is at work on it, and all or a part of it is still there.
    "shipping": "UNSHIPPED",
    "partiallyshipped": "PARTIALLY_SHIPPED",
    "shipped": "SHIPPED",
    # Orders from other shops that Amazon has fulfilled.
    "complete": "SHIPPED",
    "completed": "SHIPPED",
    "delivered": "SHIPPED",
    "cancelled": "CANCELLED",
    "canceled": "CANCELLED",
    "unfulfillable": "UNFULFILLABLE",
}


def order_status(word: str) -> OrderStatus:
    """The status that a report's or a notification's word stands for; `UNKNOWN` for one without a counterpart.

    "Shipped - Delivered to Buyer" and whatever else follows a "Shipped - " are `SHIPPED`: the parcel has left.
    `InvoiceUnconfirmed` is `UNKNOWN`: the newer API has no such status.
    """
    if re.match(r"\s*shipped\s+-\s", word, re.I):
        return "SHIPPED"
    return _STATUSES.get(re.sub(r"[^a-z]", "", word.lower()), "UNKNOWN")


def status_of_all(statuses: Iterable[OrderStatus]) -> OrderStatus:
    """The status of an order whose lines have these: cancelled only if all are, unknown if any is."""
    found = set(statuses)
    told = found - {"CANCELLED"} or found
    if not found or "UNKNOWN" in found:
        return "UNKNOWN"
    if "SHIPPED" in told and len(told) > 1:
        return "PARTIALLY_SHIPPED"
    return next(status for status in get_args(OrderStatus) if status in told)


def fulfilled_by(word: str | None) -> Literal["AMAZON", "MERCHANT"] | None:
    """Who ships, by the word of the column fulfillment-channel: `Amazon` or `AFN`, `Merchant` or `MFN`."""
    known: dict[str, Literal["AMAZON", "MERCHANT"]] = {
        "amazon": "AMAZON",
        "afn": "AMAZON",
        "merchant": "MERCHANT",
        "seller": "MERCHANT",
        "mfn": "MERCHANT",
    }
    return known.get((word or "").strip().lower())


def is_amazon(sales_channel: str | None) -> bool:
    """Whether an order was placed with Amazon: `Amazon.de` is; `Non-Amazon`, `Non-Amazon US` and `SI CA Prod
    Marketplace` are the seller's other shops. Where no channel is told it is taken for Amazon's.
    """
    return not sales_channel or sales_channel.strip().lower().startswith("amazon")
