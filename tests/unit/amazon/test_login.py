"""Login with Amazon: one token for all threads of a process, renewed in time, and its errors told apart."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from orderbridge.amazon import (
    LOGIN,
    AmazonError,
    BadAnswer,
    ConsentRevoked,
    FreshToken,
    GrantlessLogin,
    Login,
    LoginRefused,
    NoAnswer,
    NotSent,
    Throttled,
    Unwell,
)
from tests.unit.amazon.loopback import LOGIN_PATH, START, Loopback, Said, refused, said, then


def nothing() -> None:
    """No guard."""


def at(**later: float) -> Callable[[], datetime]:
    return lambda: START + timedelta(**later)


def token(login: Login, now: Callable[[], datetime] = lambda: START) -> str:
    return login.access_token(now=now, before_call=nothing)


def test_the_refresh_token_is_exchanged_as_rfc_6749_says(amazon: Loopback) -> None:
    assert token(amazon.new_login()) == "Atza|1"

    (call,) = amazon.calls
    assert call.method == "POST"
    assert call.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert call.form["grant_type"] == "refresh_token"
    assert call.form["refresh_token"].startswith("Atzr|")
    assert (call.form["client_id"], call.form["client_secret"]) == ("client", "s3cr3t")


def test_a_token_is_kept_until_a_minute_before_its_end(amazon: Loopback) -> None:
    login = amazon.new_login()

    assert [token(login, at(seconds=second)) for second in (0, 3539, 3540, 3541)] == [
        "Atza|1",
        "Atza|1",
        "Atza|2",
        "Atza|2",
    ]


def test_a_short_life_is_renewed_a_tenth_before_its_end(amazon: Loopback) -> None:
    amazon.login = then(
        said({"access_token": "first", "expires_in": 10}), said({"access_token": "second", "expires_in": 10})
    )
    login = amazon.new_login()

    assert [token(login, at(seconds=second)) for second in (0, 8.9, 9)] == ["first", "first", "second"]


def test_the_token_is_shared_by_equal_logins_only(amazon: Loopback) -> None:
    other = Login(amazon.url + LOGIN_PATH, "client", "s3cr3t", "another seller's")

    assert token(amazon.new_login()) == token(amazon.new_login()) == "Atza|1"
    assert token(other) == "Atza|2"


def test_one_thread_asks_and_the_others_wait(amazon: Loopback) -> None:
    login = amazon.new_login()
    ready = threading.Barrier(8)
    tokens: list[str] = []

    def ask() -> None:
        ready.wait(10)
        tokens.append(token(login))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert tokens == ["Atza|1"] * 8
    assert len(amazon.calls) == 1


def test_only_the_token_that_was_refused_is_forgotten(amazon: Loopback) -> None:
    login = amazon.new_login()
    first = token(login)
    login.invalidate(first)
    second = token(login)
    login.invalidate(first)

    assert (first, second, token(login)) == ("Atza|1", "Atza|2", "Atza|2")

    login.invalidate()
    assert token(login) == "Atza|3"


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (said({"error": "invalid_grant", "error_description": "revoked"}, 400), ConsentRevoked, "invalid_grant"),
        (said({"error": "invalid_client", "error_description": "no"}, 401), LoginRefused, "invalid_client"),
        (said({"error": "unauthorized_client"}, 400), LoginRefused, "unauthorized_client"),
        (Said(403, b"<html>"), Unwell, None),  # a proxy's page
        (Said(404, b""), Unwell, None),
        (said({"error": "blocked"}, 403), Unwell, "blocked"),
        (said({"error": "server_error"}, 500), Unwell, "server_error"),
        (Said(503, b""), Unwell, None),
        (refused(429, "QuotaExceeded", "slow down"), Throttled, None),
        (Said(302, b"", {"Location": "/elsewhere"}), BadAnswer, None),
        (Said(200, b'{"access_token": "Atza|'), BadAnswer, None),
        (said({"access_token": "Atza|x"}), BadAnswer, None),
        (said({"access_token": "two\nlines", "expires_in": 3600}), BadAnswer, None),
        (said(["access_token"]), BadAnswer, None),
        (Said(fault="drop"), NoAnswer, None),
        (Said(fault="silent"), NoAnswer, None),
    ],
)
def test_each_failure_has_its_class(amazon: Loopback, answer: Said, kind: type[AmazonError], code: str | None) -> None:
    amazon.login = then(answer)

    with pytest.raises(AmazonError) as caught:
        token(amazon.new_login())

    error = caught.value
    assert (type(error), error.operation, error.code) == (kind, LOGIN, code)
    assert not error.outcome_unknown, "the call itself was never sent"
    assert "s3cr3t" not in str(error)
    assert "Atz" not in str(error)


def test_a_refused_connection_was_not_sent() -> None:
    with Loopback() as gone:
        login = gone.new_login()

    with pytest.raises(NotSent):
        token(login)


def test_a_failure_is_not_remembered(amazon: Loopback) -> None:
    amazon.login = then(Said(500), said({"access_token": "fresh", "expires_in": 3600}))
    login = amazon.new_login()

    with pytest.raises(Unwell):
        token(login)
    assert token(login) == "fresh"


def test_the_guard_stops_the_login(amazon: Loopback) -> None:
    def guard() -> None:
        raise RuntimeError("a transaction is open")

    login = amazon.new_login()
    with pytest.raises(RuntimeError, match="a transaction is open"):
        login.access_token(now=at(seconds=0), before_call=guard)

    assert amazon.calls == []
    assert token(login) == "Atza|1", "the lock was given back"


def test_the_application_logs_in_without_a_seller(amazon: Loopback) -> None:
    login = GrantlessLogin(amazon.url + LOGIN_PATH, "client", "s3cr3t", timeout=(2, 0.5))
    again = GrantlessLogin(amazon.url + LOGIN_PATH, "client", "s3cr3t", timeout=(2, 0.5))
    other = GrantlessLogin(amazon.url + LOGIN_PATH, "client", "s3cr3t", scope="another", timeout=(2, 0.5))

    tokens = [found.access_token(now=at(seconds=0), before_call=nothing) for found in (login, again, other)]
    assert tokens == ["Atza|1", "Atza|1", "Atza|2"]
    assert token(amazon.new_login()) == "Atza|3", "a seller's token is another one"
    assert [call.form.get("scope") for call in amazon.calls] == ["sellingpartnerapi::notifications", "another", None]
    assert amazon.calls[0].form["grant_type"] == "client_credentials"
    assert "s3cr3t" not in repr(login)

    login.invalidate()
    amazon.login = then(said({"error": "invalid_client", "error_description": "no"}, 401))
    with pytest.raises(LoginRefused, match="invalid_client"):
        login.access_token(now=at(seconds=0), before_call=nothing)


def test_the_applications_own_token_is_shared_by_processes(amazon: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    shared: dict[str, FreshToken] = {}

    class Store:
        def fetch(self, name: str, renew: Callable[[], FreshToken]) -> FreshToken:
            return shared[name] if name in shared else shared.setdefault(name, renew())

        def forget(self, name: str, access_token: str) -> None:
            shared.pop(name)

    tokens = []
    for _ in range(2):
        monkeypatch.setattr("orderbridge.amazon.login._cache", {})  # as another process has it
        login = GrantlessLogin(amazon.url + LOGIN_PATH, "client", "s3cr3t", store=Store())
        tokens.append(login.access_token(now=at(seconds=0), before_call=nothing))
    assert tokens == ["Atza|1", "Atza|1"]
