"""Dead letters in the console: found, read, mended, replayed, discarded."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from orderbridge.database.models import OutboxRow
from orderbridge.database.unit_of_work import Database
from schemas.failures import GivenBack
from tests.parts.console import ConsoleServer, Visitor
from tests.parts.pipeline_bench import Bench, MovableClock, original

GOOD = '{"order_id": "114-3941689-8772232", "carrier": "UPS", "tracking_number": "1Z999AA10123456784"}'
XSS = "<script>alert(1)</script>"


@pytest.fixture
def letters(database: Database) -> list[str]:
    """Three of the shipper's, the oldest first: two with a wrong field, one that is no JSON."""
    return given_up(database, f'{{"order_id": 7, "carrier": "{XSS}"}}', '{"order_id": 8}', f"{XSS}")


def given_up(database: Database, *bodies: str, first: int = 0, days: int = 0) -> list[str]:
    """All letters there are, once these have come, too; `first` is the first's offset, `days` their age."""
    bench = Bench(database, MovableClock())
    for offset, body in enumerate(bodies, first):
        headers = [("trace", XSS.encode())]
        come = datetime.now(UTC) - timedelta(days=days)
        message = original(body.encode(), key=XSS.encode(), offset=offset, headers=headers, timestamp=come)
        bench.pipeline.process(message)
    return [row.event_id for row in bench.posted() if row.topic == "shipper.dead-letter"]


def form_of_all(visitor: Visitor, action: str, reason: str = "invalid") -> dict[str, str]:
    """The form that settles all of the shipper's with this reason, as the page has it just now."""
    forms = re.findall(
        r'<form method="post" action="/dead-letters">(.*?)</form>', visitor.get("/dead-letters").text, re.S
    )
    filled = [dict(re.findall(r'name="([a-z_]+)" value="([^"]*)"', form)) for form in forms]
    (found,) = [one for one in filled if (one["action"], one["reason"]) == (action, reason)]
    return found


def given_back(database: Database) -> list[GivenBack]:
    with database.unit_of_work() as work:
        rows = work.session.scalars(select(OutboxRow).where(OutboxRow.topic == "shipper.retry"))
        return [GivenBack.model_validate_json(row.body) for row in rows.all()]


def settled(database: Database, letters: list[str]) -> list[str | None]:
    with database.unit_of_work() as work:
        rows = {row.event_id: row.settled_as for row in work.session.scalars(select(OutboxRow))}
    return [rows[one] for one in letters]


def test_the_list_and_what_came(console: ConsoleServer, letters: list[str]) -> None:
    visitor = console.signed_in("otto", "operator")
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


def test_a_viewer_reads_why_and_not_what_came(console: ConsoleServer, database: Database) -> None:
    """What a store said may hold what it knows of a buyer: in a field of its own, a header, a key."""
    bench = Bench(database, MovableClock())
    body = '{"order_id": "114-3941689-8772232", "name": "Jane Buyer"}'
    bench.pipeline.process(original(body.encode(), key=b"Jane's key", headers=[("who", b"Jane's header")]))
    (letter,) = [row.event_id for row in bench.posted() if row.topic == "shipper.dead-letter"]
    viewer, operator = console.signed_in("vera", "viewer"), console.signed_in("otto", "operator")
    for path in ("/dead-letters", f"/dead-letters/{letter}"):
        text = viewer.get(path).text
        assert "Jane" not in text
        assert all(told in text for told in ("invalid", "carrier: Field required", "order.shipped/0/0")), path
    assert "only operators and owners see it" in text
    assert "<button>Replay" not in text
    assert operator.get(f"/dead-letters/{letter}").text.count("Jane") == 4, "key, header, body, and the form to mend it"


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
    form = form_of_all(visitor, action)
    answer = visitor.send("/dead-letters", form)
    assert answer.status_code == 303, "a reload settles nothing"
    assert f"2 letters {word}." in visitor.get(answer.headers["location"]).text
    assert settled(database, letters) == [word, word, None]
    assert [one.original.offset for one in given_back(database)] == ([0, 1] if action == "replay" else [])
    for wrong in ({"reason": ""}, {"service": ""}, {"action": "burn"}):
        assert visitor.send("/dead-letters", {**form, **wrong}).status_code == 422
    assert settled(database, letters) == [word, word, None]


def test_what_came_after_the_page_was_made_stays(
    console: ConsoleServer, letters: list[str], database: Database
) -> None:
    visitor = console.signed_in("otto", "operator")
    form = form_of_all(visitor, "discard")
    later = given_up(database, '{"order_id": 9}', first=3)
    for done in (2, 0):
        answer = visitor.send("/dead-letters", form)
        assert f"{done} letters discarded." in visitor.get(answer.headers["location"]).text
        assert settled(database, later) == ["discarded", "discarded", None, None]


@pytest.mark.parametrize("up_to", ["", "all", "-1", "1.5", "٣", "9" * 19])
def test_all_of_a_page_that_says_not_how_far(
    console: ConsoleServer, letters: list[str], database: Database, up_to: str
) -> None:
    visitor = console.signed_in("otto", "operator")
    assert visitor.send("/dead-letters", {**form_of_all(visitor, "discard"), "up_to": up_to}).status_code == 422
    assert settled(database, letters) == [None] * 3


def test_what_is_refused_is_said_at_once(console: ConsoleServer, database: Database) -> None:
    letters = given_up(database, '{"order_id": 7}', '{"order_id": 8}')
    with database.unit_of_work() as work:
        row = work.session.scalars(select(OutboxRow).where(OutboxRow.event_id == letters[1])).one()
        row.body = row.body.replace('"reason":"invalid"', '"reason":"event_id_reused"')
    visitor = console.signed_in("otto", "operator")
    answer = visitor.send("/dead-letters", form_of_all(visitor, "replay", "event_id_reused"))
    assert (answer.status_code, "0 letters replayed. 1 letter stay: Its event id" in answer.text) == (200, True)
    assert settled(database, letters) == [None, None]


def test_one_that_is_too_old_keeps_no_other(console: ConsoleServer, database: Database) -> None:
    """A service was away for a day: its oldest letters are younger than what they are about."""
    given_up(database, '{"order_id": 7}', days=45)
    letters = given_up(database, '{"order_id": 8}', '{"order_id": 9}', first=1)
    visitor = console.signed_in("otto", "operator")
    answer = visitor.send("/dead-letters", form_of_all(visitor, "replay"))
    assert (answer.status_code, "2 letters replayed. 1 letter stay: It came more than 30" in answer.text) == (200, True)
    assert settled(database, letters) == [None, "replayed", "replayed"]


@pytest.mark.parametrize("query", ["done=burnt&count=2", "done=replayed", "done=replayed&count=many", "count=2"])
def test_an_address_that_says_what_was_not_done(console: ConsoleServer, query: str) -> None:
    assert 'role="status"' not in console.signed_in("vera", "viewer").get(f"/dead-letters?{query}").text


def test_a_viewer_settles_nothing(console: ConsoleServer, letters: list[str], database: Database) -> None:
    visitor = console.signed_in("vera", "viewer")
    for path, form in (
        (f"/dead-letters/{letters[0]}/replay", {}),
        (f"/dead-letters/{letters[0]}/discard", {}),
        ("/dead-letters", {"service": "shipper", "reason": "invalid", "action": "discard", "up_to": "9"}),
    ):
        assert visitor.send(path, form, page="/me").status_code == 403
    assert settled(database, letters) == [None] * 3
