"""An order in the sandbox, and what may happen to it besides being shipped by the seller (`shipments.py`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sandbox.clock import from_amazon
from sandbox.errors import Impossible

VISIBLE_STATUSES = ("UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED")
"""Statuses in which an order shows who it is for (facts on v0's ShippingAddress; v2026 names no other rule)."""


@dataclass
class Package:
    """A package the seller told of: the last accepted `packageDetail`, and when each accepted call came."""

    content: dict[str, Any]
    created_at: str
    received_at: list[str] = field(default_factory=list)
    identical: int = 0
    """How many of the accepted calls repeated the content before them."""


@dataclass
class Order:
    """An order. `facts` is Amazon's Order as placed, with all datasets; what changes later stands beside it."""

    order_id: str
    account: str
    marketplace_id: str
    fulfilled_by: str
    status: str
    created_at: datetime
    """When the buyer bought it; may lie in the past of the sandbox."""
    placed_at: datetime
    """When it was put into the sandbox."""
    updated_at: datetime
    facts: dict[str, Any]
    packages: dict[str, Package] = field(default_factory=dict)
    cancellation: dict[str, Any] = field(default_factory=dict)
    """Amazon's ItemCancellation, the same for all its items."""

    @property
    def priced(self) -> bool:
        """Whether it shows its prices: from the authorisation of the payment on, but for odd orders."""
        priced = self.facts.get("oddities", {}).get("priced")
        return self.status not in ("PENDING", "PENDING_AVAILABILITY") if priced is None else bool(priced)

    @property
    def ordered(self) -> dict[str, int]:
        """Quantity ordered by orderItemId."""
        return {item["orderItemId"]: item["quantityOrdered"] for item in self.facts["orderItems"]}

    def fulfilled(self, without_package: str | None = None) -> Counter[str]:
        """Quantity shipped by orderItemId, leaving out what the named package holds."""
        if self.fulfilled_by == "AMAZON":
            return Counter(self.ordered if self.status == "SHIPPED" else {})
        return quantities(
            item
            for reference_id, package in self.packages.items()
            if reference_id != without_package
            for item in package.content["orderItems"]
        )

    def as_of(self, moment: datetime) -> Order:
        """As a read that lags shows it: without the packages that came later."""
        seen = {name: one for name, one in self.packages.items() if from_amazon(one.created_at) <= moment}
        if len(seen) == len(self.packages):
            return self
        order = replace(self, packages=seen)
        order._count_shipped(self.updated_at)
        return order

    def release(self, now: datetime) -> None:
        """Payment is authorised: PENDING becomes UNSHIPPED. Raises Impossible (409) for any other status."""
        self._demand("PENDING", "PENDING_AVAILABILITY")
        self._change("UNSHIPPED", now)

    def request_cancel(self, reason: str, now: datetime) -> None:
        """The buyer wishes to cancel; the seller decides. Raises Impossible (409) unless UNSHIPPED."""
        self._demand("UNSHIPPED")
        self.cancellation["cancellationRequest"] = {"requester": "BUYER", "cancelReason": reason}
        self._change(self.status, now)

    def cancel(self, by: str, reason: str, now: datetime) -> None:
        """Cancelled for good. Raises Impossible (409) once anything was shipped."""
        self._demand("PENDING", "PENDING_AVAILABILITY", "UNSHIPPED")
        if self.status != "UNSHIPPED":  # what was never priced stays so
            self.facts.setdefault("oddities", {}).setdefault("priced", False)
        self.cancellation["cancellationExecution"] = {"cancelledBy": by, "cancelReason": reason}
        self._change("CANCELLED", now)

    def ship_by_amazon(self, now: datetime) -> None:
        """Amazon ships what it fulfils. Raises Impossible (409) for the seller's own orders and other statuses."""
        if self.fulfilled_by != "AMAZON":
            raise Impossible(409, f"{self.order_id} is fulfilled by the merchant: confirm its shipment instead")
        self._demand("UNSHIPPED")
        self._change("SHIPPED", now)

    def change_package(
        self, reference_id: str, tracking_number: str | None, quantities: dict[str, int], now: datetime
    ) -> None:
        """The seller edits a package in Seller Central: its tracking number, its quantities by orderItemId.

        Raises Impossible (404) where there is no such package, (409) for items or quantities that it cannot have.
        """
        content = dict(self._package(reference_id).content)
        elsewhere = self.fulfilled(without_package=reference_id)
        for item, quantity in quantities.items():
            if not 1 <= quantity <= self.ordered.get(item, 0) - elsewhere[item]:
                raise Impossible(409, f"{self.order_id} cannot have {quantity} of {item} in package {reference_id}")
        if tracking_number is not None:
            content["trackingNumber"] = tracking_number
        if quantities:
            content["orderItems"] = [{"orderItemId": item, "quantity": count} for item, count in quantities.items()]
        self.packages[reference_id].content = content
        self._count_shipped(now)

    def delete_package(self, reference_id: str, now: datetime) -> None:
        """A package is no more, as if it had never been confirmed. Raises Impossible (404) where there is none."""
        self._package(reference_id)
        del self.packages[reference_id]
        self._count_shipped(now)

    def _package(self, reference_id: str) -> Package:
        if reference_id not in self.packages:
            raise Impossible(404, f"{self.order_id} has no package {reference_id}")
        return self.packages[reference_id]

    def _count_shipped(self, now: datetime) -> None:
        whole = self.fulfilled() == Counter(self.ordered)
        self._change("SHIPPED" if whole else "PARTIALLY_SHIPPED" if self.packages else "UNSHIPPED", now)

    def _demand(self, *statuses: str) -> None:
        if self.status not in statuses:
            raise Impossible(409, f"{self.order_id} is {self.status}, not {' or '.join(statuses)}")

    def _change(self, status: str, now: datetime) -> None:
        self.status = status
        self.updated_at = now


def quantities(items: Iterable[dict[str, Any]]) -> Counter[str]:
    """Sum of `quantity` by orderItemId of Amazon's package items."""
    total: Counter[str] = Counter()
    for item in items:
        total[item["orderItemId"]] += item["quantity"]
    return total
