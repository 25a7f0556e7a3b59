"""Login with Amazon, access tokens, and the token buckets."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.accounts import DEFAULT_ACCOUNT, Account
from sandbox.clock import ManualClock
from sandbox.database import Database
from sandbox.errors import AmazonError, Impossible, LoginError
from sandbox.limits import LIMITS, Limits
from sandbox.seller_central import SellerCentral

FORM = {
    "grant_type": "refresh_token",
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "refresh_token": "sandbox-refresh-token-main",
}


def access_token(central: SellerCentral) -> str:
    return str(central.login.exchange(FORM)["access_token"])


def test_a_refresh_token_becomes_an_access_token(central: SellerCentral) -> None:
    answer = central.login.exchange(FORM)
    assert answer["token_type"] == "bearer"
    assert answer["expires_in"] == 3600
    assert central.login.authenticate(str(answer["access_token"]), "getOrder") == DEFAULT_ACCOUNT


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_id": "other"}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": ""}, 400, "invalid_request"),
        ({"refresh_token": "wrong"}, 400, "invalid_grant"),
        ({"refresh_token": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
    ],
)
def test_a_wrong_login_is_refused(central: SellerCentral, change: dict[str, str], status: int, error: str) -> None:
    with pytest.raises(LoginError) as caught:
        central.login.exchange(FORM | change)
    assert (caught.value.status, caught.value.body()["error"]) == (status, error)


def refusal(central: SellerCentral, token: str | None, operation: str = "getOrder") -> dict[str, Any]:
    with pytest.raises(AmazonError) as caught:
        central.login.authenticate(token, operation)
    (error,) = caught.value.body()["errors"]
    assert error["code"] == "Unauthorized"
    assert error["message"] == "Access to requested resource is denied."
    return {"status": caught.value.status, "details": error["details"]}


def test_access_tokens_are_checked(central: SellerCentral, clock: ManualClock) -> None:
    token = access_token(central)
    assert refusal(central, None) == {"status": 403, "details": "Access token is missing in the request header."}
    assert refusal(central, token + "0")["status"] == 403
    assert "malformed" in refusal(central, "Atza|nonsense")["details"]
    assert refusal(central, "Atza|nonsense", "confirmShipment")["status"] == 401
    clock.advance(3599)
    central.login.authenticate(token, "getOrder")
    clock.advance(1)
    assert refusal(central, token) == {"status": 403, "details": "The access token you provided has expired."}


def test_speed_shortens_access_tokens(database: Database, clock: ManualClock) -> None:
    central = SellerCentral(database, clock, speed=60)
    assert central.login.exchange(FORM)["expires_in"] == 60
    token = access_token(central)
    clock.advance(60)
    assert "expired" in refusal(central, token)["details"]


def test_an_account_without_any_role_may_do_nothing(central: SellerCentral) -> None:
    token = access_token(central)
    central.save_account(DEFAULT_ACCOUNT.model_copy(update={"roles": []}))
    assert refusal(central, token)["status"] == 403


def test_a_refresh_token_belongs_to_one_account(central: SellerCentral) -> None:
    with pytest.raises(Impossible):
        central.save_account(Account(account="thief", refresh_token=FORM["refresh_token"]))


@pytest.mark.parametrize("operation", LIMITS)
@pytest.mark.parametrize("speed", [1, 60])
def test_a_burst_and_then_one_call_per_interval(clock: ManualClock, operation: str, speed: float) -> None:
    limits = Limits(clock, speed)
    burst, interval = LIMITS[operation].burst, 1 / (LIMITS[operation].rate * speed)
    assert [limits.take("main", operation) for _ in range(burst + 1)] == [True] * burst + [False]
    for _ in range(3):
        clock.advance(interval * 0.99)
        assert not limits.take("main", operation)
        clock.advance(interval * 0.0101)
        assert limits.take("main", operation)
    clock.advance(interval * burst * 10)
    assert [limits.take("main", operation) for _ in range(burst + 1)] == [True] * burst + [False]


def test_buckets_are_per_account_and_operation(clock: ManualClock) -> None:
    limits = Limits(clock, 1)
    while limits.take("main", "confirmShipment"):
        pass
    assert limits.take("other", "confirmShipment")
    assert limits.take("main", "getOrder")
