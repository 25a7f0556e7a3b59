"""The operations of Amazon's selling partner API that we call, with their default rates.

Source: the usage plans in Amazon's models `orders_2026-01-01.json`, `ordersV0.json`, `sellers.json`,
`reports_2021-06-30.json` and `notifications.json`. The rates hold per operation and per pair of seller and
application; Amazon may grant others, which the answer's `x-amzn-RateLimit-Limit` header then tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: Amazon's name, its method, its path with `{parameters}`, calls per second and burst in calls.

    A `grantless` one is the application's own affair and needs a `GrantlessLogin`; any other needs a seller's.
    """

    name: str
    method: Literal["GET", "POST", "DELETE"]
    path: str
    rate_per_second: float
    burst: int
    grantless: bool = False


SEARCH_ORDERS: Final = Operation("searchOrders", "GET", "/orders/2026-01-01/orders", 0.0056, 20)
GET_ORDER: Final = Operation("getOrder", "GET", "/orders/2026-01-01/orders/{orderId}", 0.5, 30)
CONFIRM_SHIPMENT: Final = Operation(
    "confirmShipment", "POST", "/orders/v0/orders/{orderId}/shipmentConfirmation", 2.0, 10
)
GET_MARKETPLACE_PARTICIPATIONS: Final = Operation(
    "getMarketplaceParticipations", "GET", "/sellers/v1/marketplaceParticipations", 0.016, 15
)

CREATE_REPORT: Final = Operation("createReport", "POST", "/reports/2021-06-30/reports", 0.0167, 15)
GET_REPORT: Final = Operation("getReport", "GET", "/reports/2021-06-30/reports/{reportId}", 2.0, 15)
GET_REPORT_DOCUMENT: Final = Operation(
    "getReportDocument", "GET", "/reports/2021-06-30/documents/{reportDocumentId}", 0.0167, 15
)

CREATE_DESTINATION: Final = Operation(
    "createDestination", "POST", "/notifications/v1/destinations", 1.0, 5, grantless=True
)
GET_DESTINATIONS: Final = Operation("getDestinations", "GET", "/notifications/v1/destinations", 1.0, 5, grantless=True)
DELETE_DESTINATION: Final = Operation(
    "deleteDestination", "DELETE", "/notifications/v1/destinations/{destinationId}", 1.0, 5, grantless=True
)
CREATE_SUBSCRIPTION: Final = Operation(
    "createSubscription", "POST", "/notifications/v1/subscriptions/{notificationType}", 1.0, 5
)
GET_SUBSCRIPTION: Final = Operation(
    "getSubscription", "GET", "/notifications/v1/subscriptions/{notificationType}", 1.0, 5
)
DELETE_SUBSCRIPTION: Final = Operation(
    "deleteSubscriptionById",
    "DELETE",
    "/notifications/v1/subscriptions/{notificationType}/{subscriptionId}",
    1.0,
    5,
    grantless=True,
)
