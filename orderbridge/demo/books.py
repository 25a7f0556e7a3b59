"""Compares the books of Amazon (the sandbox) with the store's, order by order: what was lost, doubled, repeated."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Comparison:
    """`lost` and `doubled` must be nothing; `repeated` counts identical calls, which a crash may cause."""

    lost: list[str]
    doubled: list[str]
    repeated: int

    @property
    def agree(self) -> bool:
        """Whether the books agree."""
        return not self.lost and not self.doubled


def compare(amazon: dict[str, Any], store: dict[str, Any]) -> Comparison:
    """`amazon` is `GET /_sandbox/books`, `store` is the storefront's `GET /api/books`.

    Lost: an order that the store lacks, a shipment that was never answered, or one that was confirmed and that Amazon
    does not have as it was said. Doubled: two packages at Amazon for one of the store's.
    """
    lost = [f"order {order_id}" for order_id in amazon["orders"] if order_id not in store["orders"]]
    doubled: list[str] = []
    repeated = 0
    by_number: dict[str, dict[str, Counter[str]]] = {}
    for order_id, order in amazon["orders"].items():
        numbers = by_number.setdefault(order_id, {})
        for package in order["packages"].values():
            content = package["content"]
            repeated += package["identical"]
            number = content["trackingNumber"]
            if number in numbers:
                doubled.append(f"package {order_id} {number}")
            numbers[number] = Counter({item["orderItemId"]: item["quantity"] for item in content["orderItems"]})
    for shipment in store["shipments"]:
        name = f"shipment {shipment['order_id']} {shipment['tracking_number']}"
        at_amazon = by_number.get(shipment["order_id"], {}).get(shipment["tracking_number"])
        if shipment["state"] not in ("confirmed", "rejected"):
            lost.append(f"{name}: no answer")
        elif shipment["state"] == "confirmed" and at_amazon is None:
            lost.append(f"{name}: confirmed, and Amazon does not have it")
        elif shipment["state"] == "rejected" and at_amazon is not None:
            lost.append(f"{name}: rejected, and Amazon has it")
    return Comparison(lost, doubled, repeated)
