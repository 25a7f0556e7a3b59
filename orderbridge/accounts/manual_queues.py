"""The order queues of the manual's store."""

from __future__ import annotations

from typing import Final

from schemas.orders import Choice

MANUAL_QUEUES: Final = {
    "new": Choice(id="1", name="New"),
    "unpaid": Choice(id="9", name="Unpaid"),
    "processing": Choice(id="2", name="Processing"),
    "partial": Choice(id="3", name="Partial"),
    "shipped": Choice(id="4", name="Shipped"),
    "cancel": Choice(id="5", name="Cancel"),
    "hold": Choice(id="6", name="Hold"),
}
"""The store's order queues as the manual names them, until a store publishes its own."""
