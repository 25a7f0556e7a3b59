"""Orders of Amazon's, of every kind that the sandbox knows, and an account to import them for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.settings import AccountSettings
from orderbridge.amazon import Order
from sandbox.accounts import Account
from sandbox.clock import ManualClock, to_amazon
from sandbox.database import Database
from sandbox.marketplaces import MARKETPLACES
from sandbox.orders import Order as SandboxOrder
from sandbox.placing import OrderWish
from sandbox.seller_central import SellerCentral
from sandbox.views import DATASETS
from tests.parts.hand_clock import START

AmazonOrder = Callable[..., Order]


def account(**settings: Any) -> ConnectedAccount:
    """A connected account with these settings."""
    return ConnectedAccount(
        connected=True,
        account_id="main",
        marketplace_ids=tuple(MARKETPLACES),
        settings=AccountSettings.model_validate(settings),
        connected_at=START,
    )


@pytest.fixture
def amazon_order() -> Iterator[AmazonOrder]:
    """Makes an order to which that has happened which `kind` says; keywords as in the sandbox's back door."""
    seller = Account(account="all", marketplaces=list(MARKETPLACES))
    with closing(Database()) as database:
        clock = ManualClock(START)
        central = SellerCentral(database, clock)
        central.save_account(seller)

        def make(kind: str = "UNSHIPPED", **wish: Any) -> Order:
            status = "PENDING" if kind == "PENDING" else "UNSHIPPED"
            order_id = central.place_orders(OrderWish.model_validate({"account": "all", "status": status, **wish}))[0]
            clock.advance(60)
            if kind == "CANCELLED":
                central.change_order(order_id, lambda order, now: order.cancel("BUYER", "mistake", now))
            elif kind == "WISH_TO_CANCEL":
                central.change_order(order_id, lambda order, now: order.request_cancel("mistake", now))
            elif kind in ("SHIPPED", "PARTIALLY_SHIPPED"):
                ship(order_id, whole=kind == "SHIPPED")
            answer = central.get_order(order_id, {"includedData": ",".join(DATASETS)}, seller)
            return Order.model_validate(answer["order"])

        def ship(order_id: str, *, whole: bool) -> None:
            book = central.books()["orders"][order_id]
            if book["fulfilled_by"] == "AMAZON":
                central.change_order(order_id, SandboxOrder.ship_by_amazon)
                return
            lines = book["lines"] if whole else [book["lines"][0] | {"quantity": 1}]
            detail = {
                "packageReferenceId": "1",
                "carrierCode": "UPS",
                "trackingNumber": "T1",
                "shipDate": to_amazon(clock.now()),
                "orderItems": [{"orderItemId": line["order_item_id"], "quantity": line["quantity"]} for line in lines],
            }
            central.confirm_shipment(
                order_id, {"marketplaceId": book["marketplace_id"], "packageDetail": detail}, seller
            )

        yield make
