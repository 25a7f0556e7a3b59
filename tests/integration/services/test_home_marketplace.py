"""Which of the marketplaces that Amazon lists is an account's home."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orderbridge.accounts import trial
from orderbridge.accounts.onboarding import connect_account
from orderbridge.amazon.marketplaces import get_marketplace_participations
from tests.parts.in_process import ACCOUNT, System

GERMANY = "A1PA6795UKMFR9"


@pytest.mark.parametrize(
    ("marketplace_id", "domain"), [("A1MQXOICRS2Z7M", "siprod.stores.amazon.ca"), ("A0MOON", "www.amazon.moon")]
)
def test_home_is_a_marketplace_that_we_know(
    system: System, monkeypatch: pytest.MonkeyPatch, marketplace_id: str, domain: str
) -> None:
    """Amazon lists "Non-Amazon" ones among a seller's, and new ones, in any order."""

    def ask(connection: Any) -> Any:
        answer = get_marketplace_participations(connection)
        told = answer.participations[0]
        unknown = told.marketplace.model_copy(update={"id": marketplace_id, "domain_name": domain})
        return replace(
            answer, participations=(told.model_copy(update={"marketplace": unknown}), *answer.participations)
        )

    monkeypatch.setattr(trial, "get_marketplace_participations", ask)
    system.amazon.change_account(ACCOUNT, marketplaces=[GERMANY])
    token = system.amazon_account().refresh_token
    account = connect_account(system.settings, system.database, ACCOUNT, token).account
    assert account.marketplace_ids == (marketplace_id, GERMANY)
    assert account.home_marketplace_id == GERMANY
    assert str(account.zone) == "Europe/Berlin"
