"""Replays through the API: a store asks for what it lost, of its own accounts alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from orderbridge.api_client import ApiClient
from orderbridge.api_tokens import REPLAY
from orderbridge.replay_call import NotReplayed, ReplayCall
from orderbridge.store import Store
from schemas.orders import OrderImported
from services.api import replays
from tests.integration.services.conftest import Start
from tests.parts.in_process import Store as ModelStore
from tests.parts.in_process import System
from tests.parts.many_accounts import another_account
from tests.parts.open_call import OpenCalls

PATH = "/api/v1/replays"


@pytest.fixture
def calls(anywhere: System) -> Iterator[OpenCalls]:
    with OpenCalls(anywhere) as calls:
        yield calls


def ask(calls: OpenCalls, secret: str, **wish: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    return calls.request("POST", PATH, data=json.dumps(wish).encode(), headers=headers)


def look(calls: OpenCalls, secret: str, path: str) -> requests.Response:
    return calls.request("GET", path, headers={"Authorization": f"Bearer {secret}"})


def test_an_emptied_store_asks_for_everything(anywhere: System, calls: OpenCalls) -> None:
    anywhere.imported(count=3)
    before, anywhere.store = anywhere.store, ModelStore()
    secret = calls.token("a-store", REPLAY)
    answer = ask(calls, secret)
    assert answer.status_code == 202
    assert (answer.json()["orders"], answer.json()["done"]) == (3, False)
    at = answer.headers["location"]
    assert look(calls, secret, at).json() == {**answer.json(), "sent": 0}
    anywhere.run_until_idle()
    assert look(calls, secret, at).json() == {**answer.json(), "sent": 3, "done": True}
    assert anywhere.store.orders.keys() == before.orders.keys()
    assert look(calls, calls.token("another", REPLAY, accounts=["main"]), at).status_code == 404  # it was for all


def test_a_token_has_its_own_accounts_sent_again_alone(anywhere: System, calls: OpenCalls) -> None:
    (order_id,) = anywhere.imported()
    another_account(anywhere.database)
    mine = calls.token("mine", REPLAY, accounts=["main"])
    foreign = calls.token("foreign", REPLAY, accounts=["other"])
    unknown = ask(calls, mine, order_id="114-0000000-0000000")
    for answer in (
        ask(calls, foreign, order_id=order_id),
        ask(calls, foreign, account_id="main"),
        ask(calls, mine, account_id="no-such"),
        ask(calls, calls.token("all", REPLAY), account_id="no-such"),
    ):
        assert (answer.status_code, answer.text) == (404, unknown.text)
    nothing = ask(calls, foreign)
    assert (nothing.status_code, nothing.json()["orders"], nothing.json()["done"]) == (202, 0, True)
    assert look(calls, foreign, nothing.headers["location"]).json() == nothing.json()
    assert ask(calls, mine, order_id=f"AMZ-{order_id}").status_code == 202
    accepted = ask(calls, mine)
    assert accepted.json()["orders"] == 1
    assert look(calls, mine, accepted.headers["location"]).status_code == 200
    assert look(calls, foreign, accepted.headers["location"]).status_code == 404
    anywhere.run_until_idle()
    assert len([event for event in anywhere.events(OrderImported) if event.replay]) == 2


@pytest.mark.parametrize(
    "wish",
    [
        {"since": "2099-01-01T00:00:00Z"},
        {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"order_id": "114-0000000-0000000", "since": "2026-01-01T00:00:00Z"},
        {"since": "yesterday"},
        {"everything": True},
    ],
)
def test_what_cannot_be_meant_is_told(system: System, wish: dict[str, Any]) -> None:
    system.imported()
    with OpenCalls(system) as calls:
        answer = ask(calls, calls.token("a-store", REPLAY), **wish)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["detail"]


def test_a_token_that_asks_for_ever_is_told_when_it_may_again(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "REPLAYS_AT_ONCE", 2)
    system.imported()
    with OpenCalls(system) as calls:
        secret = calls.token("a-store", REPLAY)
        assert [ask(calls, secret).status_code for _ in range(3)] == [202, 202, 429]
        system.clock.advance(int(ask(calls, secret).headers["retry-after"]))
        assert ask(calls, secret).status_code == 202


def test_a_store_in_python_asks(start: Start) -> None:
    system = start()
    (order_id,) = system.imported()
    with OpenCalls(system) as calls:
        call = ReplayCall(ApiClient(calls.url, calls.token("a-store", REPLAY), wait_seconds=0))
        with Store("127.0.0.1:1", replay_call=call) as store:
            assert store.replay(order_id=order_id).orders == 1
            assert store.replay(since=system.store.orders[order_id].placed_at).orders == 1
            system.advance(1)
            assert store.replay(since=system.now).done, "nothing has changed since"
            with pytest.raises(NotReplayed, match="API answered 404"):
                store.replay(order_id="114-0000000-0000000")
        with pytest.raises(NotReplayed, match="does not have the scope replay"):
            ReplayCall(ApiClient(calls.url, calls.secret)).ask()
    with pytest.raises(NotReplayed, match="ORDERBRIDGE_API_URL"):
        Store("127.0.0.1:1").replay()
