"""Trade in a house of docker compose: orders come and are shipped, whatever happens to its containers."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import Any, Self

import requests

from orderbridge.demo.books import compare
from tests.parts.compose_house import ComposeHouse
from tests.parts.process import wait_until


class Trade(threading.Thread):
    """Buyers order, two at a time, and the merchant ships what has come, until `end`."""

    def __init__(self, house: ComposeHouse) -> None:
        super().__init__(name="trade", daemon=True)
        self.house = house
        self.ended = threading.Event()
        self.ordering = True
        self.placed = 0
        self.shipped: set[str] = set()
        self.trouble: BaseException | None = None

    def __enter__(self) -> Self:
        self.house.press_the_button()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.join(30)

    def run(self) -> None:
        """Whoever is away just now is asked again."""
        last = 0.0
        try:
            while not self.ended.wait(0.5):
                with contextlib.suppress(requests.RequestException):
                    if self.ordering and time.monotonic() - last > 2:
                        last = time.monotonic()
                        wish = {"count": 2, "fulfilled_by": "merchant", "lines": 1}
                        self.placed += len(self.house.post("sandbox", "/_sandbox/orders", wish)["order_ids"])
                    self._ship()
        except BaseException as error:
            self.trouble = error

    def _ship(self) -> None:
        for order in self.house.get("storefront", "/api/orders"):
            order_id = order["order_id"]
            if order_id not in self.shipped and order["amazon_status"] == "unshipped":
                number = f"1Z{order_id.replace('-', '')}"
                form = {"carrier": "UPS", "tracking_number": number, "package_id": "P1"}
                self.house.post("storefront", f"/api/orders/{order_id}/ship", form)
                self.shipped.add(order_id)

    def end(self) -> None:
        """No more orders; returns when all are shipped and answered."""
        self.ordering = False

        def answered() -> bool:
            assert self.trouble is None, self.trouble
            with contextlib.suppress(requests.RequestException):
                books = self.house.get("storefront", "/api/books")
                states = [one["state"] for one in books["shipments"]]
                orders = len(self.house.get("sandbox", "/_sandbox/books")["orders"])
                return len(books["orders"]) == orders and {"confirmed"} == set(states) and len(states) >= orders
            return False

        wait_until(answered, seconds=180, what="everything is answered", interval=1.0)


def going_on(trade: Trade) -> None:
    """Ten more orders make their way to Amazon and back."""
    assert trade.trouble is None, trade.trouble
    before, enough = len(confirmed(trade.house)), 10
    wait_until(lambda: len(confirmed(trade.house)) >= before + enough, seconds=120, what="orders go on", interval=1.0)


def confirmed(house: ComposeHouse) -> list[Any]:
    with contextlib.suppress(requests.RequestException):
        return [one for one in house.get("storefront", "/api/books")["shipments"] if one["state"] == "confirmed"]
    return []


def check(trade: Trade, *, crashes: int) -> None:
    """Nothing lost, nothing doubled, no 429, no dead letter; of the crashes each may have repeated a call or two."""
    house = trade.house
    comparison = compare(house.get("sandbox", "/_sandbox/books"), house.get("storefront", "/api/books"))
    print(f"{trade.placed} orders placed, {comparison.repeated} calls repeated")
    assert (comparison.lost, comparison.doubled) == ([], [])
    assert comparison.repeated <= 2 * crashes
    calls = house.get("sandbox", "/_sandbox/calls")["operations"]
    assert {name: one["throttled"] for name, one in calls.items() if one["throttled"]} == {}
    assert json.loads(house.run("importer", "orderbridge", "dead-letters", "list", "--json")) == []


def wait_for_partitions(house: ComposeHouse, service: str, copies: int) -> None:
    """Each copy of a service has some."""
    what = f"each {service} has partitions"
    wait_until(lambda: min(house.partitions(service, copies)) > 0, seconds=60, what=what, interval=1.0)
