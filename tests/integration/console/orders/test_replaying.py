"""Orders sent to the store again from the console: one by a button, many once they are counted."""

from __future__ import annotations

import re
from html import unescape

import pytest

from schemas.orders import OrderImported
from tests.parts.console import ConsoleServer, Visitor
from tests.parts.in_process import Store, System
from tests.parts.many_accounts import another_account


def again(system: System) -> list[str]:
    return [event.order_id for event in system.events(OrderImported) if event.replay]


def test_one_order_by_its_button(anywhere: System, operator: Visitor) -> None:
    one, _ = anywhere.imported(count=2)
    at = f"/orders/{one}"
    assert "Send again to the store" in operator.get(at).text
    answer = operator.send(f"{at}/replay", {}, page=at)
    assert answer.headers["location"] == f"{at}?told=replay"
    assert "is sent to the store again" in operator.get(answer.headers["location"]).text
    anywhere.store = Store()
    anywhere.run_until_idle()
    assert again(anywhere) == [one] == list(anywhere.store.orders)
    assert "The store was sent the order once more" in operator.get(at).text


def test_many_are_counted_before_they_are_sent(anywhere: System, operator: Visitor) -> None:
    old = anywhere.imported(count=2)
    anywhere.advance(3 * 86_400)
    new = anywhere.imported(count=3)
    operator.sign_in("olga")  # sessions end after hours
    assert "Send orders to the store again" in operator.get("/orders").text
    everything = operator.get("/replays")
    assert (everything.status_code, "Send 5 orders again" in everything.text) == (200, True)
    since = f"{anywhere.now:%Y-%m-%d}"
    page = operator.get("/replays", params={"since": since}).text
    assert "Send 3 orders again" in page
    assert not again(anywhere)
    answer = operator.send("/replays", {"since": since}, page="/replays")
    at = answer.headers["location"]
    assert "0 of 3 orders sent so far" in operator.get(at).text
    anywhere.run_until_idle()
    assert "3 orders sent again." in operator.get(at).text
    assert sorted(again(anywhere)) == sorted(new)
    operator.send("/replays", {"until": since, "account": "main"}, page="/replays")
    anywhere.run_until_idle()
    assert sorted(again(anywhere)[3:]) == sorted([*old, *new])


def test_of_one_account(anywhere: System, operator: Visitor) -> None:
    anywhere.imported()
    another_account(anywhere.database)
    assert "Send 1 order again" in operator.get("/replays?account=main").text
    assert "nothing to send again" in operator.get("/replays?account=other").text
    answer = operator.send("/replays", {"account": "other"}, page="/replays")
    assert "0 orders sent again." in operator.get(answer.headers["location"]).text


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ("?since=2099-01-01", 200, "lies ahead"),
        ("?since=2026-01-02&until=2026-01-01", 200, "ends before it begins"),
        ("?since=yesterday", 400, "This is no day"),
        ("?until=9999-12-31", 400, "This is no day"),
        ("?since=0001-01-01&account=main", 200, "Send 1 order again"),
        ("?account=%3Cscript%3E", 200, "There is no account <script>."),
        ("?replay=none", 404, "There is no such replay"),
        ("?replay='%20OR%201=1", 404, "There is no such replay"),
    ],
)
def test_what_cannot_be_meant(anywhere: System, operator: Visitor, query: str, status: int, told: str) -> None:
    anywhere.imported()
    answer = operator.get("/replays" + query)
    assert (answer.status_code, told in unescape(answer.text)) == (status, True), answer.text
    assert "<script>" not in re.sub(r"<script src[^>]*>", "", answer.text)


def test_who_may(anywhere: System, console: ConsoleServer) -> None:
    (order_id,) = anywhere.imported()
    console.signed_in("owner")
    viewer, stranger = console.signed_in("vera", "viewer"), console.visitor()
    assert "Send" not in viewer.get(f"/orders/{order_id}").text
    assert "Send orders" not in viewer.get("/orders").text
    for path in (f"/orders/{order_id}/replay", "/replays"):
        assert viewer.send(path, {}, page="/me").status_code == 403
        assert stranger.send(path, {}, page="/login").status_code == 401
    anywhere.run_until_idle()
    assert not again(anywhere)
