"""Disconnecting, the end of a grant at Amazon, and connecting again: tokens die, nothing is doubled, nothing lost."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from orderbridge.accounts.disconnecting import disconnect_account
from orderbridge.accounts.onboarding import Connected, connect_account
from orderbridge.accounts.subscriptions import subscribe
from orderbridge.amazon import GrantlessLogin, Login
from orderbridge.database.models import AccessToken
from schemas.accounts import AccountAttention
from schemas.orders import OrderImported
from schemas.shipments import ShipmentRejected
from tests.parts.consenting import CODE, MAIN, Shop
from tests.parts.in_process import ACCOUNT, System

ARN = "arn:aws:sqs:us-east-1:123456789012:orders"
CLIENT = ("sandbox-client", "sandbox-secret")


def access_tokens(system: System) -> set[str]:
    with system.database.unit_of_work() as work:
        return set(work.session.scalars(select(AccessToken.name)))


def troubles(system: System) -> list[tuple[str, bool]]:
    told = [one for one in system.events(AccountAttention) if one.trouble == "consent_revoked"]
    return [(one.account_id, one.ended_at is None) for one in told]


def test_connecting_again_doubles_nothing(shop: Shop) -> None:
    system = shop.system
    shop.connect(MAIN, CODE, account=ACCOUNT)
    order_ids = system.imported(count=3)
    assert disconnect_account(system.settings, system.database, ACCOUNT)
    system.run_until_idle()
    system.place_orders()
    system.advance(180)
    assert isinstance(shop.connect(MAIN, CODE, account=ACCOUNT), Connected)
    system.import_now()
    imported = [event.order_id for event in system.events(OrderImported)]
    assert len(imported) == len(set(imported)) == 4
    assert set(order_ids) < set(imported)


def test_what_waits_for_the_shipper_is_answered_when_the_account_is_disconnected(shop: Shop) -> None:
    system = shop.system
    shop.connect(MAIN, CODE, account=ACCOUNT)
    subscribe(system.settings, system.database, ACCOUNT, ARN)
    (order_id,) = system.imported()
    system.store_says(order_id=order_id, ship_date=(system.now.date().replace(day=30)).isoformat())
    system.run_until_idle()
    done = disconnect_account(system.settings, system.database, ACCOUNT)
    assert done is not None
    assert done.subscription == "ended"
    assert system.calls("deleteSubscriptionById") == {"200": 1}
    system.run_until_idle()
    assert [event.reason for event in system.events(ShipmentRejected)] == ["account_disconnected"]
    row = shop.account(ACCOUNT)
    assert row is not None
    assert row.refresh_token is None
    before = system.calls("searchOrders")
    system.place_orders()
    system.advance(180)
    system.import_now()
    assert system.calls("searchOrders") == before
    shop.seller.open(done.grant_url)
    assert "no access to your account" in shop.seller.submit()


def test_disconnecting_asks_nobody_s_leave(shop: Shop) -> None:
    system = shop.system
    subscribe(system.settings, system.database, ACCOUNT, ARN)
    system.amazon.change_account(ACCOUNT, consent=False)
    system.forget_access_token()
    done = disconnect_account(system.settings, system.database, ACCOUNT)
    assert done is not None
    assert done.subscription == "left"
    system.run_until_idle()
    assert troubles(system) == [(ACCOUNT, True), (ACCOUNT, False)]  # found by the try to unsubscribe
    assert disconnect_account(system.settings, system.database, ACCOUNT) is None


def test_a_grant_that_the_seller_ends_is_found_by_the_next_import_and_mended_by_connecting_again(shop: Shop) -> None:
    system = shop.system
    shop.connect(MAIN, CODE, account=ACCOUNT)
    system.imported()
    shop.seller.open(f"{system.settings.seller_central_url}/apps/manage")
    shop.seller.submit()
    system.place_orders()
    system.advance(180)
    system.import_now()
    assert troubles(system) == [(ACCOUNT, True)]
    (told,) = [one for one in system.events(AccountAttention) if one.trouble == "consent_revoked"]
    assert "its authorisation was ended" in told.message
    assert "Connect the account again: in the console, or" in told.what_to_do
    assert len(system.events(OrderImported)) == 1
    assert isinstance(shop.connect(MAIN, CODE, account=ACCOUNT), Connected)
    system.run_until_idle()
    assert troubles(system) == [(ACCOUNT, True), (ACCOUNT, False)]
    assert len(system.events(OrderImported)) == 2


@pytest.mark.parametrize("own", [False, True])
def test_access_tokens_are_destroyed_too(shop: Shop, own: bool) -> None:
    """The application's own stays where other accounts have it as well."""
    system = shop.system
    client = ("mine", "my-secret") if own else CLIENT
    system.amazon.change_account("newcomer", consent=True, client_id=client[0], client_secret=client[1])
    newcomer = system.amazon.account("newcomer")
    assert newcomer is not None
    private: dict[str, Any] = dict(zip(("client_id", "client_secret"), client, strict=True)) if own else {}
    connect_account(system.settings, system.database, "shop", newcomer.refresh_token, **private)
    login_url = str(system.settings.amazon_login_url)
    sellers, applications = Login(login_url, *client, newcomer.refresh_token), GrantlessLogin(login_url, *client)
    for login in (sellers, applications):
        login.invalidate()  # what this process kept in memory: the table shows what all share
    subscribe(system.settings, system.database, "shop", ARN)
    assert access_tokens(system) == {sellers.name, applications.name}
    disconnect_account(system.settings, system.database, "shop")
    assert access_tokens(system) == (set() if own else {applications.name})
