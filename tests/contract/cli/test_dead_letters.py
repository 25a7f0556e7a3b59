"""`orderbridge dead-letters`: what waits for somebody, and what became of the rest."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from orderbridge.bus.outcomes import Rejected
from orderbridge.bus.pipeline import Pipeline
from orderbridge.bus.subscription import Subscription
from orderbridge.database.models import InboxRow, OutboxRow
from orderbridge.database.unit_of_work import Database, Work
from schemas.failures import GivenBack
from schemas.shipments import OrderShipped
from tests.parts.command_line import Command
from tests.parts.pipeline_bench import Bench, MovableClock, original


@pytest.fixture
def letters(database: Database) -> list[str]:
    """Ids of two dead letters of the shipper's: wrong input, the older first."""
    return given_up(database, datetime.now(UTC))


def given_up(database: Database, come: datetime) -> list[str]:
    bench = Bench(database, MovableClock())
    for offset in (1, 2):
        headers = [("trace", b"\xff"), ("empty", None)]
        bench.pipeline.process(original(b"\xc3(", offset=offset, headers=headers, timestamp=come))
    return [row.event_id for row in bench.posted()]


def listed(command: Command, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(command("dead-letters", "list", "--json", *options).stdout)
    return found


def test_the_newest_first(command: Command, letters: list[str]) -> None:
    rows = listed(command)
    assert [row["id"] for row in rows] == letters[::-1]
    assert rows[0].keys() == {"id", "service", "from", "reason", "message", "at"}
    assert (rows[0]["service"], rows[0]["from"]) == ("shipper", "order.shipped/0/2")
    assert letters[0] in command("dead-letters", "list").stdout


def test_show(command: Command, letters: list[str]) -> None:
    told = json.loads(command("dead-letters", "show", letters[0], "--json").stdout)
    assert (told["key"], told["value"]) == ("k", "\\xc3(")
    assert told["headers"] == {"trace": "\\xff", "empty": None}
    assert told["settled_as"] is None
    text = command("dead-letters", "show", letters[0]).stdout
    assert "from: order.shipped/0/1\n" in text
    assert "settled" not in text


def test_discard_settles_it(command: Command, letters: list[str]) -> None:
    done = json.loads(command("dead-letters", "discard", letters[0], "--json").stdout)
    assert done == {"id": letters[0], "service": "shipper", "settled_as": "discarded"}
    assert [row["id"] for row in listed(command)] == [letters[1]]
    everything = listed(command, "--all")
    assert [(row["id"], row["settled_as"]) for row in everything] == [(letters[1], None), (letters[0], "discarded")]
    assert everything[1]["settled_at"] is not None
    again = command("dead-letters", "discard", letters[0])
    assert (again.exit_code, again.stdout) == (1, "")
    assert "It is settled already: discarded at " in again.stderr


def test_replay_settles_it_and_hands_it_back(command: Command, letters: list[str], database: Database) -> None:
    done = json.loads(command("dead-letters", "replay", letters[0], "--json").stdout)
    assert done == {"id": letters[0], "service": "shipper", "settled_as": "replayed"}
    assert [row["id"] for row in listed(command)] == [letters[1]]
    assert [row["settled_as"] for row in listed(command, "--all")] == [None, "replayed"]
    with database.unit_of_work() as work:
        (body,) = work.session.scalars(select(OutboxRow.body).where(OutboxRow.topic == "shipper.retry"))
        inbox = work.session.scalars(select(InboxRow.event_id)).all()
    assert GivenBack.model_validate_json(body).original.value == b"\xc3("
    assert inbox == ["order.shipped/0/2"]


def test_one_that_could_not_be_answered_is_replayed_as_often_as_you_like(command: Command, database: Database) -> None:
    """Where the answer fails the event stands in the inbox by its place: replayed, it must not pass for a copy."""

    def refuse(_event: OrderShipped, _work: Work) -> None:
        raise Rejected("no", "No.")

    def fail_to_answer(*_: object) -> bool:
        raise RuntimeError

    pipeline = Pipeline("shipper", database, [Subscription(OrderShipped, refuse, fail_to_answer)])
    attributes = {"id": "e-1", "source": "store", "type": "order.shipped", "specversion": "1.0"}
    headers = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
    body = b'{"order_id": "1", "carrier": "ups", "tracking_number": "1"}'
    message = original(body, headers=headers, timestamp=datetime.now(UTC))
    for _ in range(3):
        assert pipeline.process(message) == "dead-letter"
        (letter,) = listed(command)
        assert command("dead-letters", "replay", letter["id"]).exit_code == 0


def test_what_came_more_than_30_days_ago_is_not_replayed_as_it_came(
    command: Command, database: Database, tmp_path: Path
) -> None:
    """Its 30 days would begin anew, and what a store said of a buyer is to lie here for no longer."""
    young, _ = given_up(database, datetime.now(UTC) - timedelta(days=29))
    old = given_up(database, datetime.now(UTC) - timedelta(days=31))[-1]
    assert command("dead-letters", "replay", young).exit_code == 0
    refused = command("dead-letters", "replay", old)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "It came more than 30 days ago" in refused.stderr
    file = tmp_path / "event.json"
    file.write_text('{"order_id": "114-3941689-8772232", "carrier": "UPS", "tracking_number": "1Z999AA10123456784"}')
    assert command("dead-letters", "replay", old, "--mended", str(file)).exit_code == 0


@pytest.mark.parametrize("name", ["show", "replay", "discard"])
def test_one_that_is_not_there(command: Command, database: Database, name: str) -> None:
    result = command("dead-letters", name, "nothing", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "There is no dead letter nothing." in result.stderr


def test_none(command: Command, database: Database) -> None:
    assert listed(command) == []
    assert command("dead-letters", "list").stdout == "No dead letters.\n"


def test_by_service_and_reason(command: Command, letters: list[str]) -> None:
    assert [row["id"] for row in listed(command, "--service", "shipper")] == letters[::-1]
    assert listed(command, "--service", "importer") == []
    (reason,) = {row["reason"] for row in listed(command)}
    assert [row["id"] for row in listed(command, "--reason", reason)] == letters[::-1]
    assert listed(command, "--reason", "another") == []


def test_what_is_mended_is_handed_over(
    command: Command, letters: list[str], database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "event.json"
    for text, why in (("{", "JSON"), ('{"order_id": 7}', "order_id"), ('["a list"]', "object")):
        file.write_text(text)
        refused = command("dead-letters", "replay", letters[0], "--mended", str(file))
        assert refused.exit_code == 1
        assert "It would be refused again" in refused.stderr
        assert why in refused.stderr.replace("\n", " ")
    assert "cannot be read" in command("dead-letters", "replay", letters[0], "--mended", "no-file").stderr
    body = '{"order_id": "114-3941689-8772232", "carrier": "UPS", "tracking_number": "1Z999AA10123456784"}'
    file.write_text(body)
    assert command("dead-letters", "replay", letters[0], "--mended", str(file)).exit_code == 0
    with database.unit_of_work() as work:
        row = work.session.scalars(select(OutboxRow).where(OutboxRow.topic == "shipper.retry")).one()
        given_back = GivenBack.model_validate_json(row.body)
    assert given_back.original.value == body.encode()
    assert dict(given_back.original.headers) == {"trace": b"\xff", "empty": None}
    assert [row["id"] for row in listed(command)] == [letters[1]]
