"""An order's packages as Amazon knows them, and where that is another thing than what Amazon was told."""

from __future__ import annotations

from typing import Annotated, Literal

from schemas.base import Model, Moment, OpenChoice

PackageStatus = Annotated[
    Literal["pending", "in_transit", "shipped", "delivered", "cancelled", "undeliverable", "unknown"], OpenChoice()
]
DifferenceKind = Annotated[
    Literal["missing", "tracking_number", "quantities", "not_ours", "unknown"],
    OpenChoice(),
]
"""How Amazon's packages differ from those it confirmed to us:

- `missing`: Amazon confirmed it and does not have it;
- `tracking_number`, `quantities`: Amazon has another;
- `not_ours`: confirmed past the bridge, in Seller Central perhaps; nothing is wrong with that.
"""


class AmazonPackageLine(Model):
    """How many of one line are in the package."""

    order_item_id: str
    quantity: int


class AmazonPackage(Model):
    """A package of an order that the merchant fulfils, as Amazon last told it."""

    package_reference_id: str
    """Unique within the order; `shipment.confirmed` names it too."""
    carrier: str | None = None
    tracking_number: str | None = None
    ship_time: Moment | None = None
    status: PackageStatus | None = None
    status_word: str | None = None
    """Amazon's own word, where `status` is `unknown`."""
    delivered_by: Moment | None = None
    """Of one that is delivered: when Amazon first told so. The day itself it does not tell."""
    lines: tuple[AmazonPackageLine, ...] = ()


class PackageDifference(Model):
    """A package that Amazon has otherwise than the bridge confirmed it."""

    kind: DifferenceKind
    package_reference_id: str
    package_id: str | None = None
    """The store's own name for the package."""
    message: str
    what_to_do: str = ""
    """Empty where nothing is to be done."""
