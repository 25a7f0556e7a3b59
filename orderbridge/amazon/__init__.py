"""Amazon's selling partner API (SP-API), as far as we use it, and nothing of our own tables or events.

`Login` holds a seller's consent, `Connection` makes one call, and a function for each operation makes it typed:
`search_orders`, `get_order`, `confirm_shipment`, `get_marketplace_participations`. None retries, waits or counts
quota: what goes wrong is one `AmazonError`, and `operations` says what quota each operation has.
"""

from orderbridge.amazon.errors import (
    LOGIN,
    AccessDenied,
    AmazonError,
    BadAnswer,
    ConsentRevoked,
    LoginRefused,
    NoAnswer,
    NotFound,
    NotSent,
    Refused,
    Throttled,
    Unwell,
)
from orderbridge.amazon.login import Login
from orderbridge.amazon.marketplaces import get_marketplace_participations, marketplace
from orderbridge.amazon.operations import Operation
from orderbridge.amazon.order_models import Order
from orderbridge.amazon.orders import get_order, search_orders
from orderbridge.amazon.shipments import Package, PackageLine, confirm_shipment
from orderbridge.amazon.transport import Answer, Connection

__all__ = [
    "LOGIN",
    "AccessDenied",
    "AmazonError",
    "Answer",
    "BadAnswer",
    "Connection",
    "ConsentRevoked",
    "Login",
    "LoginRefused",
    "NoAnswer",
    "NotFound",
    "NotSent",
    "Operation",
    "Order",
    "Package",
    "PackageLine",
    "Refused",
    "Throttled",
    "Unwell",
    "confirm_shipment",
    "get_marketplace_participations",
    "get_order",
    "marketplace",
    "search_orders",
]
