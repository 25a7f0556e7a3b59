"""Amazon's selling partner API (SP-API), as far as we use it, and nothing of our own tables or events.

`exchange_code` gets a seller's consent, `Login` holds it and `GrantlessLogin` the application's own right; `Connection`
makes one call, and a function for each operation makes it typed:

| | |
|---|---|
| orders | `search_orders`, `get_order` |
| shipments | `confirm_shipment` |
| sellers | `get_marketplace_participations` |
| reports | `create_report`, `get_report`, `get_report_document`; then `read_lines`, `read_report`, `group_by_order` |
| notifications | `create_destination` … `delete_subscription`; then `order_change_message` |

None retries, waits or counts quota: what goes wrong is one `AmazonError`, and `operations` says what quota each
operation has.
"""

from orderbridge.amazon.all_orders_report import ReportLine, UnreadableLine, read_report
from orderbridge.amazon.documents import read_lines
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
    names_no_parameter,
    refuses_included_data,
    refuses_ship_date,
    refuses_token,
)
from orderbridge.amazon.login import FreshToken, GrantlessLogin, Login, TokenStore, exchange_code
from orderbridge.amazon.marketplaces import get_marketplace_participations, marketplace
from orderbridge.amazon.notifications import (
    create_destination,
    create_subscription,
    delete_destination,
    delete_subscription,
    get_destinations,
    get_subscription,
)
from orderbridge.amazon.operations import Operation
from orderbridge.amazon.order_changes import ForeignMessage, OrderChange, order_change_message
from orderbridge.amazon.order_models import Order, OrderPackage
from orderbridge.amazon.orders import get_order, search_orders
from orderbridge.amazon.report_orders import ReportOrder, group_by_order
from orderbridge.amazon.reports import create_report, get_report, get_report_document
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
    "ForeignMessage",
    "FreshToken",
    "GrantlessLogin",
    "Login",
    "LoginRefused",
    "NoAnswer",
    "NotFound",
    "NotSent",
    "Operation",
    "Order",
    "OrderChange",
    "OrderPackage",
    "Package",
    "PackageLine",
    "Refused",
    "ReportLine",
    "ReportOrder",
    "Throttled",
    "TokenStore",
    "UnreadableLine",
    "Unwell",
    "confirm_shipment",
    "create_destination",
    "create_report",
    "create_subscription",
    "delete_destination",
    "delete_subscription",
    "exchange_code",
    "get_destinations",
    "get_marketplace_participations",
    "get_order",
    "get_report",
    "get_report_document",
    "get_subscription",
    "group_by_order",
    "marketplace",
    "names_no_parameter",
    "order_change_message",
    "read_lines",
    "read_report",
    "refuses_included_data",
    "refuses_ship_date",
    "refuses_token",
    "search_orders",
]
