"""The store's books as it would write them, and its pages on loopback: without Kafka."""

from __future__ import annotations

import json
import re
import socket
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import requests
import uvicorn

import tests.parts.kafka_python  # noqa: F401 - before orderbridge.store, which imports Kafka
from orderbridge.settings import Settings
from orderbridge.store import Received
from schemas.events import EVENTS
from schemas.shipments import OrderShipped
from services.storefront.app import create_app
from services.storefront.books import Books, NoSuchOrder
from services.storefront.orders import Order
from services.storefront.shop import Shop
from tests.parts.contract import EXAMPLES

ORDER = EXAMPLES["order.imported"]["order_id"]
ITEM = EXAMPLES["order.imported"]["lines"][0]["order_item_id"]
BEGINNING = datetime(2026, 11, 23, 9, tzinfo=UTC)
_TOKEN = re.compile(r'name="token" value="([^"]+)"')


class Scribe:
    """Writes into books what a store would read, each event a second after the one before."""

    def __init__(self, path: Path) -> None:
        self.books = Books(path)
        self._count = 0

    def read(self, event_type: str, **changes: Any) -> None:
        """The store reads this event."""
        self._count += 1
        event = EVENTS[event_type].model_validate({**EXAMPLES[event_type], **changes})
        said_at = BEGINNING + timedelta(seconds=self._count)
        self.books.keep(Received(event, f"event-{self._count}", "orderbridge", said_at, f"{event_type}/0/0"))

    def ship(self, event_id: str, package_id: str | None = None, tracking_number: str = "1Z", **more: Any) -> None:
        """The store ships a package."""
        named = {"order_id": ORDER, "package_id": package_id, "tracking_number": tracking_number}
        self.books.ship(event_id, OrderShipped.model_validate({"carrier": "UPS", **named, **more}))

    def confirm(self, event_id: str, quantity: int = 2, **more: Any) -> None:
        """Amazon has taken it."""
        lines = [{"order_item_id": ITEM, "quantity": quantity}]
        self.read("shipment.confirmed", caused_by=event_id, lines=lines, **more)

    def order(self) -> Order | None:
        """The example's order, if it is there."""
        try:
            return self.books.order(ORDER)
        except NoSuchOrder:
            return None

    def queue(self) -> str:
        """The order's queue."""
        return self.books.order(ORDER).queue()

    def stock(self) -> dict[str, int]:
        """Units on the shelf."""
        return {row["sku"]: row["units"] for row in self.books.stock()}


class Pages:
    """The store's pages over books that nobody else writes: neither thread of the store runs."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.shop = Shop(Settings(_env_file=None, storefront_database=path, **settings))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        app = create_app(self.shop)
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listening]})
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()

    def get(self, path: str, **more: Any) -> requests.Response:
        """A page."""
        return requests.get(self.url + path, timeout=30, allow_redirects=False, **more)

    def send(self, path: str, form: dict[str, Any], *, token: str | None = None, **more: Any) -> requests.Response:
        """A form, as a browser sends it from one of the store's own pages."""
        found = _TOKEN.search(self.get("/").text)
        assert found is not None
        headers = {"Origin": self.url, "Sec-Fetch-Site": "same-origin", **more.pop("headers", {})}
        data = {"token": found[1] if token is None else token, **form}
        return requests.post(self.url + path, data, headers=headers, timeout=30, allow_redirects=False, **more)

    def post_json(self, path: str, body: Any, **more: Any) -> requests.Response:
        """What a program says."""
        headers = {"Content-Type": "application/json", **more.pop("headers", {})}
        return requests.post(self.url + path, json.dumps(body), headers=headers, timeout=30, **more)
