"""Connecting at Amazon: regions tried in turn, secrets told nowhere, and each refusal with what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orderbridge.accounts import trial
from orderbridge.accounts.onboarding import Connected, connect_account
from orderbridge.accounts.roles import ADDRESS_ROLE, ORDER_ROLE
from orderbridge.accounts.trial import ConnectRefused, explain
from orderbridge.amazon import AccessDenied, AmazonError, ConsentRevoked, LoginRefused, NoAnswer
from orderbridge.amazon.marketplaces import API_URLS, get_marketplace_participations
from orderbridge.database.models import Account
from sandbox.accounts import BASE_ROLE
from sandbox.accounts import Account as Seller
from tests.parts.in_process import ACCOUNT, System

PRIVATE: dict[str, Any] = {"client_id": "my-app", "client_secret": "my-s3cret"}


def seller(system: System, **wish: Any) -> Seller:
    account = Seller(account="second", refresh_token="Atzr|second", **{**PRIVATE, **wish})
    system.amazon.save_account(account)
    return account


def connect(system: System, **options: Any) -> Connected:
    arguments = {"check_roles": True, **PRIVATE, **options}
    return connect_account(system.settings, system.database, "second", "Atzr|second", **arguments)


def test_a_private_app_is_kept_sealed(system: System) -> None:
    seller(system, marketplaces=["A1F83G8C2ARO7P"])
    connected = connect(system)
    assert connected.account.marketplace_ids == ("A1F83G8C2ARO7P",)
    assert (connected.missing_roles, connected.unknown_roles) == ((), (ADDRESS_ROLE,))
    with system.database.unit_of_work() as work:
        kept = str(vars(work.session.get_one(Account, "second")))
    for secret in ("my-s3cret", "Atzr|second"):
        assert secret not in kept + repr(connected) + "".join(map(bytes.decode, system.on_the_wire))


def test_a_missing_role_is_named(system: System) -> None:
    seller(system, roles=[BASE_ROLE])
    system.place_orders(account="second")
    system.advance(300)
    assert connect(system).missing_roles == (ADDRESS_ROLE,)


@pytest.mark.parametrize(
    ("wish", "options", "kind", "told"),
    [
        ({"refresh_token": "Atzr|other"}, {}, ConsentRevoked, "refresh token is wrong"),
        ({}, {"client_secret": "wrong"}, LoginRefused, "client secret is wrong"),
        ({"roles": []}, {}, AccessDenied, ORDER_ROLE),
    ],
)
def test_each_refusal_is_explained(
    system: System, wish: dict[str, Any], options: dict[str, Any], kind: type[AmazonError], told: str
) -> None:
    system.amazon.save_account(Seller(account="second", **{"refresh_token": "Atzr|second", **PRIVATE, **wish}))
    with pytest.raises(kind) as caught:
        connect(system, **options)
    assert told in explain(caught.value)
    with system.database.unit_of_work() as work:
        assert work.session.get(Account, "second") is None


@pytest.fixture
def far_away(system: System, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Amazon itself: the seller is known in Europe alone. Returns the endpoints that were asked."""
    whole = get_marketplace_participations
    asked: list[str] = []
    seller(system)
    sandbox_url = system.settings.amazon_api_url

    def ask(connection: Any) -> Any:
        asked.append(next(region for region, url in API_URLS.items() if url == connection._api_url))
        if asked[-1] == "na":
            raise AccessDenied("getMarketplaceParticipations", "denied", status=403, code="Unauthorized")
        if asked[-1] == "fe":
            raise NoAnswer("getMarketplaceParticipations", "no answer")
        connection._api_url = sandbox_url
        return whole(connection)

    monkeypatch.setattr(trial, "get_marketplace_participations", ask)
    system.settings = system.settings.model_copy(update={"amazon_api_url": None})
    return asked


def test_regions_are_tried_in_turn(system: System, far_away: list[str]) -> None:
    assert connect(system, check_roles=False).region == "eu"
    assert far_away[-1] == "eu"
    far_away.clear()
    assert connect(system, check_roles=False).region == "eu"
    assert far_away == ["eu"], "its own first"
    with pytest.raises(AccessDenied):
        connect(system, check_roles=False, region="na")


def test_a_region_in_which_the_seller_has_no_marketplace_is_refused(system: System) -> None:
    seller(system, marketplaces=["ATVPDKIKX0DER"])
    with pytest.raises(ConnectRefused, match=r"region eu, but in US \(na\)"):
        connect(system, region="eu")
    assert connect(system, region="na").account.marketplace_ids == ("ATVPDKIKX0DER",)


def test_another_region_under_a_known_name_is_refused(system: System, far_away: list[str]) -> None:
    with system.database.unit_of_work() as work:
        row = work.session.get_one(Account, ACCOUNT)
        row.api_url = API_URLS["na"]
        before = row.refresh_token
    with pytest.raises(ConnectRefused, match="main-eu"):
        connect_account(system.settings, system.database, ACCOUNT, "Atzr|second", **PRIVATE)
    with system.database.unit_of_work() as work:
        row = work.session.get_one(Account, ACCOUNT)
        assert (row.refresh_token, json.loads(row.marketplace_ids)[0]) == (before, "ATVPDKIKX0DER")
