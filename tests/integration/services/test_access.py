"""Consent revoked, secret expired, roles missing, things that end: told once, nothing lost, and then it goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from orderbridge.accounts.attentions import MAPPING_MISSING
from orderbridge.accounts.onboarding import connect_account
from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.trial import ConnectRefused
from orderbridge.amazon import ConsentRevoked
from orderbridge.amazon import orders as amazon_orders
from orderbridge.database.models import Account, AccountState
from orderbridge.vault.secrets_box import SecretsBox
from schemas.accounts import AccountAttention
from schemas.orders import OrderImported
from schemas.shipments import ShipmentConfirmed, ShipmentRejected
from services.importer import search_run
from services.ticker.slots import plan_slots
from tests.parts.in_process import ACCOUNT, System


def told(system: System) -> list[tuple[str, bool]]:
    """The attentions so far: the trouble, and whether it was its end; that no shipping is mapped is no trouble here."""
    attentions = [event for event in system.events(AccountAttention) if event.trouble != MAPPING_MISSING]
    return [(event.trouble, event.ended_at is not None) for event in attentions]


def cursor(system: System) -> Any:
    with system.database.unit_of_work() as work:
        return work.session.get_one(AccountState, ACCOUNT).cursor


def reconnect(system: System, token: str = "Atzr|the-new-one") -> None:
    """The seller authorises again; somebody connects the account with the new refresh token."""
    system.amazon.change_account(ACCOUNT, consent=True, refresh_token=token)
    connect_account(system.settings, system.database, ACCOUNT, token)
    system.run_until_idle()


def test_a_revoked_consent_stops_imports_until_the_account_is_connected_again(start: Any) -> None:
    system = start(import_every_minutes=5)
    system.imported()
    before = cursor(system)
    system.amazon.change_account(ACCOUNT, consent=False)
    system.place_orders(count=2)
    system.advance(180)
    for _ in range(3):
        system.import_now()
        system.advance(1800)
    assert told(system) == [("consent_revoked", False)]
    assert system.calls("login")["400"] == 1
    assert cursor(system) == before
    assert "skipped" in system.outcomes_of("import.due")
    reconnect(system)
    assert told(system)[1:] == [("consent_revoked", True)]
    assert len(system.events(OrderImported)) == 3
    assert cursor(system) > before


def test_a_consent_that_was_called_revoked_by_mistake_is_found_good_by_a_slot(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = amazon_orders.search_orders
    calls = 0

    def search_orders(connection: Any, **asked: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls in (2, 3):
            raise ConsentRevoked("searchOrders", "The access token is revoked.", status=403, code="Unauthorized")
        return whole(connection, **asked)

    monkeypatch.setattr(search_run, "search_orders", search_orders)
    system = start(import_every_minutes=5)
    system.imported()
    order_ids = system.place_orders(count=3)
    system.store_says(order_id=order_ids[0])
    system.advance(180)
    began = system.now
    system.import_now()
    assert told(system) == [("consent_revoked", False)]
    while len(told(system)) == 1 and system.now < began + timedelta(hours=2):
        plan_slots(system.database)
        system.advance(300)
    assert calls == 4  # seldom: a quarter of an hour apart
    assert told(system)[1:] == [("consent_revoked", True)]
    assert len(system.events(OrderImported)) == 4
    system.advance(900)
    assert len(system.events(ShipmentConfirmed)) == 1


def test_shipments_find_it_good_where_no_import_runs(system: System) -> None:
    (order_id,) = system.imported()
    system.set_account(enabled=False)
    system.amazon.change_account(ACCOUNT, consent=False)
    system.store_says(order_id=order_id)
    system.advance(60)
    assert told(system) == [("consent_revoked", False)]
    system.amazon.change_account(ACCOUNT, consent=True)
    system.advance(1800)
    assert told(system)[1:] == [("consent_revoked", True)]
    assert len(system.events(ShipmentConfirmed)) == 1


def test_shipments_wait_for_the_consent(system: System) -> None:
    order_ids = system.imported(count=3)
    system.amazon.change_account(ACCOUNT, consent=False)
    for order_id in order_ids:
        system.store_says(order_id=order_id)
    system.advance(3600)
    assert told(system) == [("consent_revoked", False)]
    assert system.calls("login")["400"] == 1
    assert not system.events(ShipmentConfirmed)
    reconnect(system)
    system.advance(5)
    assert sorted(event.order_id for event in system.events(ShipmentConfirmed)) == sorted(order_ids)
    assert not system.events(ShipmentRejected)


def test_an_expired_secret_is_told_once_and_all_goes_on_when_it_is_mended(system: System) -> None:
    order_ids = system.imported(count=3)
    system.amazon.change_account(ACCOUNT, secret_expired=True)
    system.forget_access_token()
    for order_id in order_ids:
        system.store_says(order_id=order_id)
    system.place_orders()
    system.advance(180)
    system.import_now()
    system.advance(7200)
    assert told(system) == [("secret_expired", False)]
    assert system.calls("login")["401"] <= 2 * 9 + 2  # a probe for each operation every quarter of an hour
    system.amazon.change_account(ACCOUNT, secret_expired=False)
    system.advance(960)
    assert told(system)[1:] == [("secret_expired", True)]
    assert len(system.events(OrderImported)) == 4
    assert len(system.events(ShipmentConfirmed)) == 3


def test_without_the_role_for_orders_it_is_told_and_ends_by_itself(system: System) -> None:
    system.imported()
    system.amazon.change_account(ACCOUNT, roles=[])
    system.advance(600)
    system.import_now()
    system.import_now()
    assert told(system) == [("order_role_missing", False)]
    system.amazon.save_account(system.amazon_account())
    system.import_now()
    assert told(system)[1:] == [("order_role_missing", True)]


@pytest.mark.parametrize(
    ("column", "days", "trouble"),
    [("authorized_at", -340, "consent_expiring"), ("secret_expires_at", 20, "secret_expiring")],
)
def test_what_ends_is_warned_of_once_and_its_renewal_told(system: System, column: str, days: int, trouble: str) -> None:
    def put(moment: Any) -> None:
        with system.database.unit_of_work() as work:
            setattr(work.session.get_one(Account, ACCOUNT), column, moment)

    system.imported()
    assert told(system) == []
    put(system.now + timedelta(days=days))
    system.imported()
    system.imported()
    assert told(system) == [(trouble, False)]
    put(system.now + timedelta(days=100) if days > 0 else system.now)
    system.imported()
    assert told(system) == [(trouble, False), (trouble, True)]


def test_reconnecting_keeps_settings_and_a_token_is_connected_once(system: System) -> None:
    system.set_account(invoice_number_prefix="MINE-")
    reconnect(system)
    with system.database.unit_of_work() as work:
        settings = AccountSettings.model_validate_json(work.session.get_one(Account, ACCOUNT).settings)
        assert "Atzr" not in str(vars(work.session.get_one(Account, ACCOUNT)))
    assert settings.invoice_number_prefix == "MINE-"
    with pytest.raises(ConnectRefused, match="connected already, as main"):
        connect_account(system.settings, system.database, "other", "Atzr|the-new-one")


@pytest.mark.parametrize("own", [False, True])
def test_what_to_do_about_a_secret_fits_the_application(system: System, own: bool) -> None:
    system.imported()
    if own:
        with system.database.unit_of_work() as work:
            row = work.session.get_one(Account, ACCOUNT)
            row.client_id, row.client_secret = (
                "its-own",
                SecretsBox(system.settings.need("secrets_key")).encrypt("expired", purpose=f"client_secret:{ACCOUNT}"),
            )
    system.amazon.change_account(ACCOUNT, secret_expired=True)
    system.forget_access_token()
    system.import_now()
    (told,) = [one for one in system.events(AccountAttention) if one.trouble == "secret_expired"]
    assert ("accounts connect main --client-id its-own" in told.what_to_do) == own
    assert ("ORDERBRIDGE_AMAZON_CLIENT_SECRET" in told.what_to_do) != own
