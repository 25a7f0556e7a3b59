"""The demo's people: buyers who order at Amazon, and a merchant who ships from the web store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from orderbridge.carriers.check_digits import modulo_10_of_letters, with_check_digit
from orderbridge.http_session import request

US, DE = "ATVPDKIKX0DER", "A1PA6795UKMFR9"
AGED_IN = timedelta(seconds=40)
"""How far into the demo the day 30 of its oldest orders lies."""
_HELD_FOR = timedelta(seconds=10)


@dataclass
class Buyers:
    """Places orders at the sandbox: two marketplaces, some that Amazon fulfils, some almost 30 days old."""

    sandbox: str
    placed: dict[str, str] = field(default_factory=dict)
    """What is special about each order."""

    def order(self, count: int) -> None:
        """Place `count` orders."""
        aged = max(2, count // 10)
        fba = max(1, count // 8)
        rest = count - aged - fba
        old = (datetime.now(UTC) - timedelta(days=30) + AGED_IN).isoformat().replace("+00:00", "Z")
        self._place("30 days old soon", count=aged, marketplace_id=US, created_at=old)
        self._place("fulfilled by Amazon", count=fba, marketplace_id=US, fulfilled_by="AMAZON")
        self._place("", count=rest // 2, marketplace_id=DE)
        self._place("", count=rest - rest // 2, marketplace_id=US, lines=2)

    def _place(self, note: str, **order: Any) -> None:
        answer = request("POST", f"{self.sandbox}/_sandbox/orders", json=order, timeout=30)
        answer.raise_for_status()
        self.placed |= dict.fromkeys(answer.json()["order_ids"], note)


@dataclass
class Merchant:
    """Ships what arrives in the store's queues: most plainly, one later, one in two packages, one with a mistake."""

    storefront: str
    shipped: set[str] = field(default_factory=set)
    notes: dict[str, str] = field(default_factory=dict)
    _tricks: list[str] = field(default_factory=lambda: ["ships later", "two packages", "a mistake"])
    _number: int = 0

    def ship_what_came(self, orders: list[dict[str, Any]]) -> None:
        """Ship every order that waits for it."""
        for order in orders:
            waits = order["amazon_status"] in ("unshipped", "partially_shipped")
            if waits and order["fulfilled_by"] == "merchant" and order["order_id"] not in self.shipped:
                self.shipped.add(order["order_id"])
                self._ship(order)

    def correct(self, order_id: str, item_id: str) -> None:
        """Send the package with the mistake again, with the right quantity."""
        self._say(order_id, package_id="P1", lines=[{"order_item_id": item_id, "quantity": 1}])
        self._say(order_id, package_id="P2")

    def _ship(self, order: dict[str, Any]) -> None:
        order_id, lines = order["order_id"], order["lines"]
        several = len(lines) > 1 or lines[0]["quantity"] > 1
        trick = next((one for one in self._tricks if several or one == "ships later"), None)
        if trick is None:
            self._say(order_id)
            return
        self._tricks.remove(trick)
        self.notes[order_id] = trick
        first = {"order_item_id": lines[0]["order_item_id"], "quantity": 1}
        if trick == "ships later":
            later = (datetime.now(UTC) + _HELD_FOR).isoformat().replace("+00:00", "Z")
            self._say(order_id, ship_date=later)
        elif trick == "two packages":
            self._say(order_id, package_id="P1", lines=[first])
            self._say(order_id, package_id="P2")
        else:
            self._say(order_id, package_id="P1", lines=[{**first, "quantity": lines[0]["quantity"] + 5}])

    def _say(self, order_id: str, **more: Any) -> None:
        self._number += 1
        number = with_check_digit(f"DEMO0003{self._number:07d}", modulo_10_of_letters)
        body = {"carrier": "UPS", "tracking_number": f"1Z{number}", **more}
        answer = request("POST", f"{self.storefront}/api/orders/{order_id}/ship", json=body, timeout=30)
        answer.raise_for_status()
