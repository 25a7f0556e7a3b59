"""The operations of Amazon's selling partner API that we call, with their default rates.

Source: the usage plans in Amazon's models `orders_2026-01-01.json`, `ordersV0.json` and `sellers.json`. The rates
hold per operation and per pair of seller and application; Amazon may grant others, which the answer's
`x-amzn-RateLimit-Limit` header then tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: Amazon's name, its method, its path with `{parameters}`, calls per second and burst in calls."""

    name: str
    method: Literal["GET", "POST"]
    path: str
    rate_per_second: float
    burst: int


SEARCH_ORDERS: Final = Operation("searchOrders", "GET", "/orders/2026-01-01/orders", 0.0056, 20)
GET_ORDER: Final = Operation("getOrder", "GET", "/orders/2026-01-01/orders/{orderId}", 0.5, 30)
CONFIRM_SHIPMENT: Final = Operation(
    "confirmShipment", "POST", "/orders/v0/orders/{orderId}/shipmentConfirmation", 2.0, 10
)
GET_MARKETPLACE_PARTICIPATIONS: Final = Operation(
    "getMarketplaceParticipations", "GET", "/sellers/v1/marketplaceParticipations", 0.016, 15
)
