from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.accounts import DEFAULT_ACCOUNT, Account
from sandbox.clock import ManualClock, to_amazon
from sandbox.database import Database
from sandbox.placing import OrderWish
from sandbox.seller_central import SellerCentral
from sandbox.server import create_app, create_server, listen

Place = Callable[..., str]
Confirmation = Callable[..., dict[str, Any]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 23, 12, tzinfo=UTC))


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database()
    yield database
    database.close()


@pytest.fixture
def central(database: Database, clock: ManualClock) -> SellerCentral:
    return SellerCentral(database, clock)


@pytest.fixture
def url(central: SellerCentral) -> Iterator[str]:
    """A sandbox on a port of its own, in a thread, with the clock of the test."""
    listener = listen("127.0.0.1", 0)
    server = create_server(create_app(central))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=5)
    assert not thread.is_alive()


@pytest.fixture
def account() -> Account:
    return DEFAULT_ACCOUNT


@pytest.fixture
def place(central: SellerCentral) -> Place:
    """Places one order and returns its id."""

    def place(**wish: Any) -> str:
        return central.place_orders(OrderWish(**wish))[0]

    return place


@pytest.fixture
def confirmation(central: SellerCentral, clock: ManualClock) -> Confirmation:
    """Makes a body that confirms all of an order, shipped now; keywords change its packageDetail."""

    def make(order_id: str, **changes: Any) -> dict[str, Any]:
        book = central.books()["orders"][order_id]
        detail = {
            "packageReferenceId": "1",
            "carrierCode": "UPS",
            "shippingMethod": "Ground",
            "trackingNumber": "1Z999AA10123456784",
            "shipDate": to_amazon(clock.now()),
            "orderItems": [
                {"orderItemId": line["order_item_id"], "quantity": line["quantity"]} for line in book["lines"]
            ],
        }
        detail.update(changes)
        return {
            "marketplaceId": book["marketplace_id"],
            "packageDetail": {name: value for name, value in detail.items() if value is not None},
        }

    return make
