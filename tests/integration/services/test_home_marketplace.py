"""Which of what Amazon lists is a marketplace of the account's, and which is its home."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orderbridge.accounts import trial
from orderbridge.accounts.onboarding import Connected, connect_account
from orderbridge.accounts.trial import ConnectRefused
from orderbridge.amazon.marketplaces import get_marketplace_participations
from tests.parts.in_process import ACCOUNT, System

GERMANY = "A1PA6795UKMFR9"
BESIDE_AMAZON = ("A1MQXOICRS2Z7M", "SI CA Prod Marketplace", "siprod.stores.amazon.ca")
NEW = ("A0MOON", "Amazon.moon", "www.amazon.moon")


def listed(monkeypatch: pytest.MonkeyPatch, *first: tuple[str, str, str], only: bool = False) -> None:
    """Amazon lists these before the seller's own marketplaces."""

    def ask(connection: Any) -> Any:
        answer = get_marketplace_participations(connection)
        told = answer.participations[0]
        more = (
            told.model_copy(
                update={
                    "marketplace": told.marketplace.model_copy(update={"id": one, "name": name, "domain_name": domain})
                }
            )
            for one, name, domain in first
        )
        return replace(answer, participations=(*more, *(() if only else answer.participations)))

    monkeypatch.setattr(trial, "get_marketplace_participations", ask)


def connect_again(system: System) -> Connected:
    system.amazon.change_account(ACCOUNT, marketplaces=[GERMANY])
    token = system.amazon_account().refresh_token
    return connect_account(system.settings, system.database, ACCOUNT, token)


def test_what_is_no_shop_of_amazons_is_no_marketplace_of_the_account(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(monkeypatch, BESIDE_AMAZON)
    account = connect_again(system).account
    assert account.marketplace_ids == (GERMANY,)
    assert str(account.zone) == "Europe/Berlin"


def test_a_shop_that_is_new_at_amazon_is_one_but_not_the_home(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(monkeypatch, NEW)
    account = connect_again(system).account
    assert account.marketplace_ids == (NEW[0], GERMANY)
    assert str(account.zone) == "Europe/Berlin"
    assert account.home_marketplace_id == GERMANY


def test_a_seller_in_no_shop_of_amazons_is_not_connected(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(monkeypatch, BESIDE_AMAZON, only=True)
    with pytest.raises(ConnectRefused, match="in no marketplace where he takes part"):
        connect_again(system)
