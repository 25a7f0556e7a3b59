"""python-amazon-sp-api, a client that is not ours, works on the sandbox: v2026, v0 and a confirmed shipment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sp_api.api import Orders
from sp_api.auth import AccessTokenClient
from sp_api.base import SellingApiForbiddenException

from sandbox.clock import ManualClock
from sandbox.seller_central import SellerCentral
from sandbox.server import create_app, create_server, listen

US = "ATVPDKIKX0DER"
AFTER = "2026-11-01T00:00:00Z"


@pytest.fixture
def address(central: SellerCentral) -> Iterator[str]:
    """Host and port of a sandbox, in a thread, with the clock of the test."""
    listener = listen("127.0.0.1", 0)
    server = create_server(create_app(central))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=5)
    assert not thread.is_alive()


def foreign(address: str, monkeypatch: pytest.MonkeyPatch, version: str, **arguments: Any) -> Any:
    """The foreign client, pointed at the sandbox."""
    monkeypatch.delenv("SP_API_DEFAULT_MARKETPLACE", raising=False)

    class LocalAuth(AccessTokenClient):  # type: ignore[misc]  # it comes without types
        scheme, host = "http://", address

        def _get_cache_key(self, token_flavor: str = "") -> str:
            return f"{address}{token_flavor}"  # its cache of tokens is the process's

    return Orders(
        version=version,
        marketplace=SimpleNamespace(endpoint=f"http://{address}", marketplace_id=US, region="us-east-1"),
        auth_token_client_class=LocalAuth,
        credentials={
            "refresh_token": "sandbox-refresh-token-main",
            "lwa_app_id": "sandbox-client",
            "lwa_client_secret": "sandbox-secret",
        },
        **arguments,
    )


def test_it_lists_and_confirms(
    address: str, clock: ManualClock, central: SellerCentral, place: Any, confirmation: Any, monkeypatch: Any
) -> None:
    order_ids = {place() for _ in range(3)}
    clock.advance(120)
    with foreign(address, monkeypatch, "2026-01-01") as client:
        answer = client.search_orders(lastUpdatedAfter=AFTER, includedData="FULFILLMENT", marketplaceIds=US)
        assert {order["orderId"] for order in answer.payload["orders"]} == order_ids

    with foreign(address, monkeypatch, "v0") as client:
        first = client.get_orders(LastUpdatedAfter=AFTER, MarketplaceIds=US, MaxResultsPerPage=2)
        rest = client.get_orders(LastUpdatedAfter=AFTER, MarketplaceIds=US, NextToken=first.next_token)
        orders = first.payload["Orders"] + rest.payload["Orders"]
        assert {order["AmazonOrderId"] for order in orders} == order_ids
        assert not any("Name" in order["ShippingAddress"] for order in orders)
        order_id = orders[0]["AmazonOrderId"]
        items = client.get_order_items(order_id).payload["OrderItems"]
        assert all(item["ItemPrice"]["CurrencyCode"] == "USD" for item in items)
        assert client.get_order(order_id).payload["OrderStatus"] == "Unshipped"
        with pytest.raises(SellingApiForbiddenException):
            client.get_order_address(order_id)
        client.confirm_shipment(order_id, **confirmation(order_id))
    assert central.books()["orders"][order_id]["status"] == "SHIPPED"


def test_it_sees_people_with_a_restricted_token(
    address: str, clock: ManualClock, place: Any, monkeypatch: Any, central: SellerCentral
) -> None:
    order_id = place()
    elements, paths = ["buyerInfo"], ["/orders/v0/orders/{orderId}/address", f"/orders/v0/orders/{order_id}"]
    token, seconds = central.login.restricted(central.login.authenticate(_token(central), "x"), elements, paths)
    assert seconds == 3600
    with foreign(address, monkeypatch, "v0", restricted_data_token=token) as client:
        assert client.get_order_address(order_id).payload["ShippingAddress"]["Name"]
        assert "@" in client.get_order(order_id).payload["BuyerInfo"]["BuyerEmail"]
        with pytest.raises(SellingApiForbiddenException):
            client.get_order_buyer_info(order_id)


def _token(central: SellerCentral) -> str:
    form = {"grant_type": "refresh_token", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    return str(central.login.exchange(form | {"refresh_token": "sandbox-refresh-token-main"})["access_token"])
