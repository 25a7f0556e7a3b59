"""`orderbridge doctor` and `orderbridge privacy where-is` as they are typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from orderbridge.cli import doctor, where_is
from orderbridge.database.models import OrderRow, PersonalDataRow, ProcessRow
from orderbridge.database.unit_of_work import Database
from orderbridge.doctor import ok
from orderbridge.overview import NEEDED
from orderbridge.vault.key_ring import FolderKeyRing
from orderbridge.vault.keys import installation_key, new_installation_key
from orderbridge.vault.seal import seal
from schemas.failures import Original
from tests.parts.command_line import Command
from tests.parts.databases import add_order

ORDER = "114-3941689-8772232"
DIES_AT = datetime(2999, 12, 23, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "check_topics", lambda _settings: [ok("topics", "All is well.")])


def test_all_is_well(command: Command, database: Database) -> None:
    with database.unit_of_work() as work:
        for service in NEEDED:
            row = ProcessRow(process_id=service, service=service, instance=service, started_at=work.now, state="ok")
            row.seen_at = work.now
            work.session.add(row)
    result = command("doctor", "--json")
    assert result.exit_code == 0
    findings = json.loads(result.stdout)
    assert {one["severity"] for one in findings} == {"ok"}
    assert {"database", "imports", "key ring", "mail", "personal data", "secrets", "services", "topics"} == {
        one["about"] for one in findings
    }
    assert set(findings[0]) == {"severity", "about", "what", "what_to_do"}
    told = command("doctor")
    assert told.exit_code == 0
    assert "All is well." in told.stdout


def test_an_error_is_the_exit_status(command: Command, tmp_path: Path) -> None:
    (tmp_path / "orderbridge.sqlite").touch()  # no tables
    result = command("doctor", "--json")
    assert result.exit_code == 1
    errors = [one for one in json.loads(result.stdout) if one["severity"] == "error"]
    assert [one["what_to_do"].partition(".")[0] for one in errors] == ["`orderbridge migrate`"]
    assert "error" in command("doctor").stdout


def test_a_database_ahead_is_looked_over_all_the_same(command: Command, database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    findings = {one["about"]: one["severity"] for one in json.loads(command("doctor", "--json").stdout)}
    assert findings["database"] == "warning"
    assert findings["personal data"] == "ok"


def test_a_warning_is_none(command: Command, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from orderbridge.doctor import warning

    monkeypatch.setattr(doctor, "check_topics", lambda _settings: [warning("topics", "Long.", "Shorten [them].")])
    result = command("doctor")
    assert result.exit_code == 0
    assert "Shorten [them]." in result.stdout


@pytest.fixture
def token(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An order with its seal, and the ring with its key."""
    folder = tmp_path / "ring"
    monkeypatch.setenv("ORDERBRIDGE_KEY_RING", str(folder))
    ring = FolderKeyRing(folder, installation_key(new_installation_key()))
    token = seal(ring, ORDER, b"{}", DIES_AT, datetime.now(UTC))
    add_order(database, ORDER)
    with database.unit_of_work() as work:
        work.session.get_one(OrderRow, ORDER).document = _document()
        work.session.add(PersonalDataRow(order_id=ORDER, seal=token, dies_at=DIES_AT))
    return token


def _document() -> str:
    from schemas.orders import OrderDocument
    from tests.parts.contract import EXAMPLES

    return OrderDocument.model_validate({**EXAMPLES["order.imported"], "order_id": ORDER}).model_dump_json()


def on_topic(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    def read_topics(_settings: Any, _topics: Any, *, progress: Any) -> Iterator[Original]:
        for number, value in enumerate(values):
            progress(number, len(values))
            yield Original.model_construct(
                topic="order.imported",
                partition=1,
                offset=number,
                timestamp=datetime.now(UTC),
                key=ORDER.encode(),
                value=value.encode(),
                headers=(),
            )

    monkeypatch.setattr(where_is, "read_topics", read_topics)


def test_where_is(command: Command, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on_topic(monkeypatch, json.dumps({"personal_data": {"seal": token}}))
    result = command("privacy", "where-is", ORDER, "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert (told["order_id"], told["key_ring_seen"]) == (ORDER, True)
    assert [(one["place"], one["where"], one["state"]) for one in told["places"]] == [
        ("table personal_data", "seal", "sealed"),
        ("topic order.imported", "partition 1, offset 0", "sealed"),
        ("key ring", "key 29991223T090000Z", "alive"),
    ]
    assert {one["until"] for one in told["places"]} == {"2999-12-23T09:00:00Z"}
    assert token not in result.output
    assert "partition 1, offset 0" in command("privacy", "where-is", ORDER).stdout


def test_where_is_of_an_order_that_only_topics_know(
    command: Command, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_topic(monkeypatch, "{}")
    told = json.loads(command("privacy", "where-is", ORDER, "--json").stdout)
    assert [one["state"] for one in told["places"]] == ["none"]
    assert not told["key_ring_seen"]
    assert not Path(".orderbridge").exists(), "a ring was made"


def test_where_is_of_nothing(command: Command, database: Database) -> None:
    result = command("privacy", "where-is", "no number")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "No order goes by no number" in result.stderr
