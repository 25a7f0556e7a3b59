"""Dead letters in the console: found, read, mended, replayed, discarded."""

from __future__ import annotations

import html

import pytest
from sqlalchemy import select

from orderbridge.database.models import OutboxRow
from orderbridge.database.unit_of_work import Database
from schemas.failures import GivenBack
from tests.parts.console import ConsoleServer
from tests.parts.pipeline_bench import Bench, MovableClock, original

GOOD = '{"order_id": "114-3941689-8772232", "carrier": "UPS", "tracking_number": "1Z999AA10123456784"}'
XSS = "<script>alert(1)</script>"


@pytest.fixture
def letters(database: Database) -> list[str]:
    """Three of the shipper's, the oldest first: two with a wrong field, one that is no JSON."""
    bench = Bench(database, MovableClock())
    for offset, body in enumerate((f'{{"order_id": 7, "carrier": "{XSS}"}}', '{"order_id": 8}', f"{XSS}")):
        headers = [("trace", XSS.encode())]
        bench.pipeline.process(original(body.encode(), key=XSS.encode(), offset=offset, headers=headers))
    return [row.event_id for row in bench.posted()]


def given_back(database: Database) -> list[GivenBack]:
    with database.unit_of_work() as work:
        rows = work.session.scalars(select(OutboxRow).where(OutboxRow.topic == "shipper.retry"))
        return [GivenBack.model_validate_json(row.body) for row in rows.all()]


def settled(database: Database, letters: list[str]) -> list[str | None]:
    with database.unit_of_work() as work:
        rows = {row.event_id: row.settled_as for row in work.session.scalars(select(OutboxRow))}
    return [rows[one] for one in letters]


def test_the_list_and_what_came(console: ConsoleServer, letters: list[str]) -> None:
    visitor = console.signed_in("vera", "viewer")
    page = visitor.get("/dead-letters").text
    assert "<strong>2</strong> of the shipper: invalid" in page
    assert all(f"/dead-letters/{one}" in page for one in letters)
    filtered = visitor.get("/dead-letters?service=shipper&reason=malformed").text
    assert [one for one in letters if f"/dead-letters/{one}" in filtered] == [letters[2]]
    assert "None." in visitor.get("/dead-letters?service=importer").text
    for one in letters:
        text = visitor.get(f"/dead-letters/{one}").text
        assert XSS not in text
        assert html.escape(XSS).replace("&#x27;", "&#39;") in text
        assert "<button>Replay" not in text, "a viewer looks"


@pytest.mark.parametrize(
    "query", ["service='%20OR%201=1--", "reason=%22;DROP%20TABLE%20outbox", "all=2", "service=" + "x" * 5000]
)
def test_whatever_stands_in_a_filter(console: ConsoleServer, letters: list[str], query: str) -> None:
    assert console.signed_in("vera", "viewer").get(f"/dead-letters?{query}").status_code == 200


@pytest.mark.parametrize("event_id", ["nobody", "..%2f..%2fetc", "'", "x" * 3000])
def test_one_that_is_not_there(console: ConsoleServer, event_id: str) -> None:
    answer = console.signed_in("vera", "viewer").get(f"/dead-letters/{event_id}")
    assert answer.status_code == 404
    assert "There is no such" in answer.text


def test_replayed_as_it_came(console: ConsoleServer, letters: list[str], database: Database) -> None:
    visitor = console.signed_in("otto", "operator")
    path = f"/dead-letters/{letters[0]}"
    answer = visitor.send(f"{path}/replay", {}, page=path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=replayed")
    assert "handed over once more" in visitor.get(answer.headers["location"]).text
    assert settled(database, letters) == ["replayed", None, None]
    (one,) = given_back(database)
    assert one.original.value == f'{{"order_id": 7, "carrier": "{XSS}"}}'.encode()


def test_mended_and_replayed(console: ConsoleServer, letters: list[str], database: Database) -> None:
    visitor = console.signed_in("otto", "operator")
    path = f"/dead-letters/{letters[2]}"
    refused = visitor.send(f"{path}/replay", {"mended": '{"order_id": 9, "x": "</textarea><b>"}'}, page=path)
    assert refused.status_code == 422
    assert "It would be refused again: order.shipped: " in refused.text
    assert html.escape('{"order_id": 9, "x": "</textarea><b>"}').replace("&quot;", "&#34;") in refused.text
    assert settled(database, letters) == [None] * 3
    assert visitor.send(f"{path}/replay", {"mended": GOOD}, page=path).status_code == 303
    (one,) = given_back(database)
    assert one.original.value == GOOD.encode()


def test_discarded_once(console: ConsoleServer, letters: list[str], database: Database) -> None:
    visitor = console.signed_in("otto", "operator")
    path = f"/dead-letters/{letters[1]}"
    assert visitor.send(f"{path}/discard", {}, page=path).status_code == 303
    again = visitor.send(f"{path}/discard", {}, page=path)
    assert again.status_code == 422
    assert "It is settled already" in again.text
    assert f"/dead-letters/{letters[1]}" not in visitor.get("/dead-letters").text
    assert f"/dead-letters/{letters[1]}" in visitor.get("/dead-letters?all=1").text


@pytest.mark.parametrize(("action", "word"), [("replay", "replayed"), ("discard", "discarded")])
def test_all_of_a_reason(
    console: ConsoleServer, letters: list[str], database: Database, action: str, word: str
) -> None:
    visitor = console.signed_in("otto", "operator")
    form = {"service": "shipper", "reason": "invalid", "action": action}
    answer = visitor.send("/dead-letters", form)
    assert f"2 letters {word}." in answer.text
    assert settled(database, letters) == [word, word, None]
    assert [one.original.offset for one in given_back(database)] == ([0, 1] if action == "replay" else [])
    for wrong in ({"reason": ""}, {"service": ""}, {"action": "burn"}):
        assert visitor.send("/dead-letters", {**form, **wrong}).status_code == 422
    assert settled(database, letters) == [word, word, None]


def test_a_viewer_settles_nothing(console: ConsoleServer, letters: list[str], database: Database) -> None:
    visitor = console.signed_in("vera", "viewer")
    for path, form in (
        (f"/dead-letters/{letters[0]}/replay", {}),
        (f"/dead-letters/{letters[0]}/discard", {}),
        ("/dead-letters", {"service": "shipper", "reason": "invalid", "action": "discard"}),
    ):
        assert visitor.send(path, form, page="/me").status_code == 403
    assert settled(database, letters) == [None] * 3
