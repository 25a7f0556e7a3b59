"""Confirming shipments: Amazon's Orders API v0, `confirmShipment`, one call per package."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from orderbridge.amazon.answers import in_amazon_form
from orderbridge.amazon.operations import CONFIRM_SHIPMENT
from orderbridge.amazon.transport import Answer, Connection

OTHER_CARRIER: Final = "Other"
"""The carrier code that says: see the carrier's name."""


@dataclass(frozen=True, slots=True)
class PackageLine:
    """So many units of one of the order's items."""

    order_item_id: str
    quantity: int
    transparency_codes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.order_item_id:
            raise ValueError("a package's line needs an order_item_id")
        if self.quantity < 1:
            raise ValueError("a package's line needs a quantity of at least 1")


@dataclass(frozen=True, slots=True)
class Package:
    """A package as Amazon is told of it.

    `package_reference_id` is positive and unique within the order: the same one again edits that package, another one
    adds a package. `carrier_name` is needed with the carrier code `Other`. Raises ValueError for what Amazon's model
    of `PackageDetail` rules out.
    """

    package_reference_id: int
    carrier_code: str
    carrier_name: str | None
    shipping_method: str | None
    tracking_number: str
    ship_date: datetime
    lines: tuple[PackageLine, ...]
    ship_from_supply_source_id: str | None = None

    def __post_init__(self) -> None:
        if self.package_reference_id < 1:
            raise ValueError("package_reference_id must be positive")
        if not self.carrier_code or not self.tracking_number or not self.lines:
            raise ValueError("a package needs a carrier_code, a tracking_number and lines")
        if self.carrier_code == OTHER_CARRIER and not self.carrier_name:
            raise ValueError(f"a package with the carrier_code {OTHER_CARRIER} needs a carrier_name")
        if self.ship_date.tzinfo is None:
            raise ValueError("ship_date needs a time zone")


def confirm_shipment(connection: Connection, order_id: str, marketplace_id: str, package: Package) -> Answer:
    """Tells Amazon that the package was shipped; Amazon answers 204. Raises `AmazonError`.

    After an error with `outcome_unknown` the package may be confirmed all the same: sent again with the same
    reference id it is an edit, not a second package.
    """
    return connection.call(
        CONFIRM_SHIPMENT,
        path_parameters={"orderId": order_id},
        body={"marketplaceId": marketplace_id, "packageDetail": _package_detail(package)},
    )


def _package_detail(package: Package) -> dict[str, Any]:
    """Amazon's `PackageDetail`, without what is not known.

    The reference id is a string, since Amazon refuses a JSON number; the ship date ends in Z, since it refuses an
    offset (models repository, issue 5094; a public client's issue 698).
    """
    detail = {
        "packageReferenceId": str(package.package_reference_id),
        "carrierCode": package.carrier_code,
        "carrierName": package.carrier_name,
        "shippingMethod": package.shipping_method,
        "trackingNumber": package.tracking_number,
        "shipDate": in_amazon_form(package.ship_date, "milliseconds"),
        "shipFromSupplySourceId": package.ship_from_supply_source_id,
        "orderItems": [_order_item(line) for line in package.lines],
    }
    return {name: value for name, value in detail.items() if value}


def _order_item(line: PackageLine) -> dict[str, Any]:
    item: dict[str, Any] = {"orderItemId": line.order_item_id, "quantity": line.quantity}
    return item | {"transparencyCodes": list(line.transparency_codes)} if line.transparency_codes else item
