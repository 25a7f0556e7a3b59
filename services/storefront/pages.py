"""The store's page: its orders by queue, as plain HTML."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import quote

from orderbridge.plural import number_of
from schemas.personal_data import PersonalData
from services.storefront.books import Order, Shipment

QUEUES = {
    "New": "1",
    "Unpaid": "9",
    "Processing": "2",
    "Partial": "3",
    "Shipped": "4",
    "Cancel": "5",
    "Hold": "6",
}
"""The order queues of the store with their ids (the manual's), in the order in which they are shown."""
_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Storefront: orders</title>
<style>
:root { color-scheme: light dark; font-family: system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
</style>
</head>
<body>
<h1>Orders</h1>
"""
_COLUMNS = ("Order", "Placed (UTC)", "Products", "Total", "Amazon says", "Buyer", "Shipments")


def order_page(order: Order, buyer: PersonalData | None) -> str:
    """One order, with its buyer as far as he is to be known."""
    head = "".join(f"<th>{column}</th>" for column in _COLUMNS)
    row = _row(order, _buyer(buyer) if buyer is not None else None)
    back = '<p><a href="/">All orders</a></p>'
    return f"{_HEAD}<table><thead><tr>{head}</tr></thead><tbody>{row}</tbody></table>{back}</body></html>"


def orders_page(orders: list[Order], sales: dict[str, Any]) -> str:
    """All orders under the heading of their queue, and the sales (`Books.sales`). Buyers stay sealed."""
    by_queue: dict[str, list[Order]] = {queue: [] for queue in QUEUES}
    for order in orders:
        by_queue.setdefault(order.queue(), []).append(order)
    head = "".join(f"<th>{column}</th>" for column in _COLUMNS)
    parts = [_HEAD]
    for queue, members in by_queue.items():
        parts.append(f"<h2>{escape(queue)} ({len(members)})</h2>")
        if members:
            rows = "".join(_row(order, None) for order in members)
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
    return "\n".join([*parts, _sales(sales), "</body></html>"])


def _sales(sales: dict[str, Any]) -> str:
    sums = [f"{one['total']} {one['currency']} ({number_of(one['orders'], 'order')})" for one in sales["currencies"]]
    left_out = sales["orders_not_considered"]
    more = f" Not considered: {number_of(left_out, 'Amazon order')}." if left_out else ""
    return f"<h2>Sales</h2>\n<p>{escape('; '.join(sums) or 'None yet.')}{more}</p>"


def _row(order: Order, buyer: str | None) -> str:
    event = order.event
    placeholder = event.personal_data.placeholder
    if buyer is None:
        buyer = _buyer(placeholder) if placeholder is not None else event.personal_data.state
    link = f'<td><a href="/orders/{quote(event.order_id, safe="")}">{escape(event.store.order_number)}</a></td>'
    cells = [
        f"{event.placed_at:%Y-%m-%d %H:%M}",
        ", ".join(f"{line.quantity} x {line.title or line.sku or line.order_item_id}" for line in event.lines),
        f"{event.totals.total:f} {event.totals.currency or ''}",
        event.amazon_status,
        buyer,
        "; ".join(_shipment(shipment) for shipment in order.packages()),
    ]
    return f"<tr>{link}" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _buyer(data: PersonalData) -> str:
    name = " ".join(dict.fromkeys(filter(None, (data.first_name, data.last_name))))
    town = " ".join(filter(None, (data.postal_code, data.city, data.country)))
    return ", ".join(dict.fromkeys(filter(None, (name, *data.address_lines, town if data.postal_code != name else ""))))


def _shipment(shipment: Shipment) -> str:
    answer = shipment.answers[-1] if shipment.answers else {}
    words = [answer.get(field) for field in ("why", "message", "what_to_do")]
    return " ".join(
        [f"{shipment.tracking_number or '(no tracking number)'}: {shipment.state}", *(word for word in words if word)]
    )
