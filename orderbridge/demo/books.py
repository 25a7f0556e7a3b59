"""Compares the books of Amazon (the sandbox) with the store's, order by order: what was lost, doubled, repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Comparison:
    """`lost` and `doubled` must be nothing; `repeated` counts identical calls, which a crash may cause."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    repeated: int = 0

    @property
    def agree(self) -> bool:
        """Whether the books agree."""
        return not self.lost and not self.doubled


def compare(amazon: dict[str, Any], store: dict[str, Any]) -> Comparison:
    """`amazon` is `GET /_sandbox/books`, `store` is the storefront's `GET /api/books`.

    Every order at Amazon is one to be imported, and the store's carriers are written as Amazon's codes.

    Lost: an order that the store lacks, a package whose latest shipment was never answered, or one that Amazon does
    not have as the store was told. Doubled: an order that the store was told of twice as new, or that Amazon does not
    have; a package at Amazon that nothing confirmed to the store explains.
    """
    found = Comparison()
    shipments: dict[str, list[dict[str, Any]]] = {}
    for shipment in store["shipments"]:
        shipments.setdefault(shipment["order_id"], []).append(shipment)
    for order_id in sorted(amazon["orders"].keys() - store["orders"].keys()):
        found.lost.append(f"order {order_id}: the store does not have it")
    for order_id in sorted(store["orders"].keys() - amazon["orders"].keys()):
        found.doubled.append(f"order {order_id}: Amazon does not have it")
    for order_id, order in store["orders"].items():
        if order["events"].get("order.imported", 0) > 1:
            found.doubled.append(f"order {order_id}: imported {order['events']['order.imported']} times")
    for order_id in dict.fromkeys([*amazon["orders"], *shipments]):
        at_amazon = amazon["orders"].get(order_id, {}).get("packages", {})
        found.repeated += sum(package["identical"] for package in at_amazon.values())
        _compare_packages(found, order_id, at_amazon, shipments.get(order_id, []))
    return found


def _compare_packages(
    found: Comparison, order_id: str, at_amazon: dict[str, Any], shipments: Iterable[dict[str, Any]]
) -> None:
    """One order's packages. Each at Amazon explains one of the store's, and the other way round."""
    left = {reference_id: package["content"] for reference_id, package in at_amazon.items()}
    said: dict[str, list[dict[str, Any]]] = {}
    for shipment in shipments:
        said.setdefault(shipment["package_id"] or f"tracking:{shipment['tracking_number']}", []).append(shipment)
    for revisions in said.values():
        latest = revisions[-1]  # what it corrects needs no answer of its own
        if latest["state"] not in ("confirmed", "rejected"):
            found.lost.append(f"{_name(latest)}: no answer")
        # A correction that was rejected leaves at Amazon what was confirmed before it.
        confirmed = [shipment for shipment in revisions if shipment["state"] == "confirmed"]
        if confirmed:
            theirs = left.pop(confirmed[-1]["confirmed"]["package_reference_id"], None)
            if theirs is None:
                found.lost.append(f"{_name(confirmed[-1])}: confirmed, and Amazon does not have it")
            elif not _is_as_told(theirs, confirmed[-1]):
                found.lost.append(f"{_name(confirmed[-1])}: confirmed, and Amazon has something else")
    for reference_id, content in left.items():
        found.doubled.append(f"package {order_id} {reference_id} {content['trackingNumber']}: nothing explains it")


def _name(shipment: dict[str, Any]) -> str:
    return f"shipment {shipment['order_id']} {shipment['tracking_number']}"


def _is_as_told(content: dict[str, Any], shipment: dict[str, Any]) -> bool:
    """Whether Amazon has the package as the store said it and was told it: carrier, tracking number, quantities."""
    carrier = content["carrierName"] if content["carrierCode"] == "Other" else content["carrierCode"]
    return (
        shipment["carrier"] in (None, carrier)  # None: typed into Kafka by somebody else
        and shipment["tracking_number"] == content["trackingNumber"]
        and _quantities(shipment["confirmed"]["lines"], "order_item_id")
        == _quantities(content["orderItems"], "orderItemId")
    )


def _quantities(lines: Iterable[dict[str, Any]], item: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for line in lines:
        total[line[item]] += line["quantity"]
    return total
