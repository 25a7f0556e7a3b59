"""Login with Amazon: the code that came back with a seller becomes his refresh token, or an error without a secret."""

from __future__ import annotations

import pytest

from orderbridge.amazon import (
    LOGIN,
    AmazonError,
    BadAnswer,
    ConsentRevoked,
    LoginRefused,
    NoAnswer,
    Throttled,
    Unwell,
    exchange_code,
)
from tests.unit.amazon.loopback import LOGIN_PATH, Loopback, Said, refused, said, then

CODE, BACK = "RHm&K/=code", "https://shop.example/connect/callback"


def exchange(amazon: Loopback) -> str:
    return exchange_code(
        amazon.url + LOGIN_PATH, "client", "s3cr3t", CODE, BACK, before_call=lambda: None, timeout=(2, 0.5)
    )


def test_the_code_is_exchanged_as_rfc_6749_says(amazon: Loopback) -> None:
    amazon.login = then(said({"access_token": "Atza|1", "refresh_token": "Atzr|1", "expires_in": 3600}))
    assert exchange(amazon) == "Atzr|1"
    (call,) = amazon.calls
    assert call.form == {
        "grant_type": "authorization_code",
        "code": CODE,
        "redirect_uri": BACK,
        "client_id": "client",
        "client_secret": "s3cr3t",
    }


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (said({"error": "invalid_grant", "error_description": "used"}, 400), ConsentRevoked),
        (said({"error": "invalid_client", "error_description": "no"}, 401), LoginRefused),
        (said({"error": "server_error"}, 500), Unwell),
        (refused(429, "QuotaExceeded", "slow down"), Throttled),
        (said({"access_token": "Atza|x", "expires_in": 3600}), BadAnswer),
        (said({"refresh_token": ""}), BadAnswer),
        (said({"refresh_token": "Atzr|" + "x" * 2048}), BadAnswer),
        (said({"refresh_token": ["Atzr|x"]}), BadAnswer),
        (Said(200, b"<html>Atzr|x"), BadAnswer),
        (Said(302, b"", {"Location": "/elsewhere"}), BadAnswer),
        (Said(fault="drop"), NoAnswer),
        (Said(fault="silent"), NoAnswer),
    ],
)
def test_each_failure_has_its_class(amazon: Loopback, answer: Said, kind: type[AmazonError]) -> None:
    amazon.login = then(answer)
    with pytest.raises(AmazonError) as caught:
        exchange(amazon)
    assert (type(caught.value), caught.value.operation) == (kind, LOGIN)
    for secret in (CODE, "s3cr3t", "Atz"):
        assert secret not in str(caught.value)


def test_the_guard_stops_it(amazon: Loopback) -> None:
    def guard() -> None:
        raise RuntimeError("a transaction is open")

    with pytest.raises(RuntimeError, match="a transaction is open"):
        exchange_code(amazon.url + LOGIN_PATH, "client", "s3cr3t", CODE, BACK, before_call=guard)
    assert amazon.calls == []
