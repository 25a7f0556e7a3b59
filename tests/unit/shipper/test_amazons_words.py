"""What to do about Amazon's refusals: its words lead to the right advice."""

from __future__ import annotations

import pytest

from orderbridge.amazon import Refused
from services.shipper.amazons_words import as_refusal

ORDER = "114-3941689-8772232"


@pytest.mark.parametrize(
    ("status", "message", "advice"),
    [
        (400, "Failed to create package due to not finding a matching package or order already fulfilled. "
              "PackageToUpdateNotFound", "confirmed already"),
        (400, "The order is a Ship+ order: its shipment is confirmed automatically.", "Amazon confirms this"),
        (400, "OrderItemId is invalid, please obtain the value from the order items.", f"import --order {ORDER}"),
        (400, "Quantity: is invalid, more than was ordered.", "Compare the quantities"),
        (400, "ShipDate: is invalid, must be formatted by ISO 8601 standards.", "Correct the ship_date"),
        (400, "carrierCode is invalid", "Correct the carrier"),
        (400, "TrackingNumber is missing", "Correct the tracking number"),
        (400, "The order cannot be confirmed as shipped: it is cancelled.", "stop the parcel"),
        (400, "The order cannot be confirmed as shipped: it is pending.", "has not released"),
        (400, "Invalid Input", f"shipments retry {ORDER}"),
        (403, "Access to requested resource is denied.", "Inventory and Order Tracking"),
        (404, "The order was not found", "does not know this order"),
    ],
)  # fmt: skip
def test_advice(status: int, message: str, advice: str) -> None:
    refusal = as_refusal(Refused("confirmShipment", message, status=status, code="InvalidInput"), ORDER)
    assert refusal.reason == "amazon_refused"
    assert message in refusal.message
    assert advice in refusal.what_to_do
    assert "{" not in refusal.what_to_do
    assert refusal.amazon is not None
    assert (refusal.amazon.status, refusal.amazon.message) == (status, message)
