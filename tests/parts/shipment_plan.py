"""What a store ships in a test of chaos, what it must be answered, and what Amazon must have in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.shipments import OrderShipped

Content = tuple[str, str, dict[str, int]]
"""Carrier code, tracking number, and the quantities by order item."""


@dataclass(frozen=True)
class Wish:
    """An event, and the reason of its refusal: None where it must be confirmed."""

    event_id: str
    event: OrderShipped
    refused_as: str | None = None
    content: Content | None = None
    """What Amazon must have of it; None for what is corrected later, or refused."""


@dataclass
class Plan:
    """Everything that the store says, in its order."""

    wishes: list[Wish] = field(default_factory=list)

    def content_by_order(self) -> dict[str, list[Content]]:
        """What Amazon must have in the end, by order."""
        expected: dict[str, list[Content]] = {}
        for wish in self.wishes:
            expected.setdefault(wish.event.order_id, []).extend([wish.content] if wish.content else [])
        return {order_id: sorted(contents, key=str) for order_id, contents in expected.items()}

    def to_be_answered(self) -> dict[str, str | None]:
        """The reason of refusal by event id, of what nothing corrects."""
        return {wish.event_id: wish.refused_as for wish in self.wishes if wish.content or wish.refused_as}

    def corrected(self) -> set[str]:
        """The orders with a package that was said twice."""
        return {wish.event.order_id for wish in self.wishes if not wish.content and not wish.refused_as}


def plan(orders: Mapping[str, Mapping[str, Any]], refused: Mapping[str, str], *, first: int = 0) -> Plan:
    """Orders of two lines, numbered from `first`: every fifth in two packages, every tenth corrected.

    `refused` has its reasons by order.
    """
    numbered = enumerate(orders.items(), first)
    return Plan([wish for number, (name, order) in numbered for wish in _of(number, name, order, refused)])


def _of(number: int, order_id: str, order: Mapping[str, Any], refused: Mapping[str, str]) -> Iterator[Wish]:
    first, second = [(line["order_item_id"], line["quantity"]) for line in order["lines"]]
    tracking = f"1Z{order_id.replace('-', '')}"
    if (reason := refused.get(order_id)) is not None:
        wrong = {
            "unknown_line": ({"sku": "NO-SUCH-SKU", "quantity": 1},),
            "more_than_ordered": ({"order_item_id": first[0], "quantity": first[1] + 1},),
        }
        yield Wish(f"{order_id}/no", _event(order_id, tracking, lines=wrong.get(reason, ())), refused_as=reason)
    elif number % 5 == 0:
        for name, (item, quantity) in zip("BA", (first, second), strict=True):
            line = {"order_item_id": item, "quantity": quantity}
            event = _event(order_id, tracking + name, package_id=name, lines=(line,))
            yield Wish(f"{order_id}/{name}", event, content=("UPS", tracking + name, {item: quantity}))
    elif number % 10 == 1:
        yield Wish(f"{order_id}/1", _event(order_id, tracking + "X", package_id="A"))
        corrected = _event(order_id, tracking, package_id="A")
        yield Wish(f"{order_id}/2", corrected, content=("UPS", tracking, dict([first, second])))
    else:
        yield Wish(f"{order_id}/0", _event(order_id, tracking), content=("UPS", tracking, dict([first, second])))


def _event(order_id: str, tracking_number: str, **more: Any) -> OrderShipped:
    body = {"order_id": order_id, "carrier": "UPS", "tracking_number": tracking_number, **more}
    return OrderShipped.model_validate(body)
