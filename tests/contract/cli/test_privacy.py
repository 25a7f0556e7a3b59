"""`orderbridge privacy`: redact before the day, rotate the installation's key."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from orderbridge.cli import key_rotation
from orderbridge.database.models import OrderRow, PersonalDataRow, StoreOrderNumber
from orderbridge.database.unit_of_work import Database
from orderbridge.vault.key_ring import FolderKeyRing
from orderbridge.vault.keys import installation_key, new_installation_key
from schemas.privacy import RedactionDue
from tests.parts.command_line import Command
from tests.parts.databases import add_order, outbox
from tests.parts.hand_clock import START

ORDERS = [f"114-0000000-000000{number}" for number in range(5)]
NOT_HERE = "114-9999999-9999999"


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderKeyRing:
    monkeypatch.setenv("ORDERBRIDGE_KEY_RING", str(tmp_path / "ring"))
    return FolderKeyRing(tmp_path / "ring", installation_key(new_installation_key()))


@pytest.fixture
def orders(database: Database) -> list[str]:
    """The last was redacted already; the one before it Amazon fulfils."""
    for order_id in ORDERS:
        add_order(database, order_id)
    with database.unit_of_work() as work:
        for order_id in ORDERS:
            gone = work.now if order_id == ORDERS[4] else None
            row = PersonalDataRow(
                order_id=order_id, seal=None if gone else "e30", dies_at=work.now + timedelta(days=9), redacted_at=gone
            )
            work.session.add(row)
            work.session.get_one(OrderRow, order_id).order_number = f"AMZ-{order_id}"
        work.session.get_one(OrderRow, ORDERS[3]).fulfilled_by = "amazon"
        work.session.add(StoreOrderNumber(store_order_number="20317", order_id=ORDERS[1]))
        for order_id in ORDERS[:2]:
            work.session.add(StoreOrderNumber(store_order_number="20318", order_id=order_id))
    return ORDERS


def asked(database: Database) -> list[str]:
    return sorted(row.key for row in outbox(database) if row.event_type == RedactionDue.event_type)


def test_by_any_of_its_numbers(command: Command, database: Database, orders: list[str], ring: FolderKeyRing) -> None:
    result = command("privacy", "redact", orders[0], "20317", f"AMZ-{orders[2]}")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"{orders[0]} is redacted.",
        "20317 is redacted.",
        f"AMZ-{orders[2]} is redacted.",
    ]
    assert sorted(ring.redacted_orders()) == asked(database) == orders[:3]
    command("privacy", "redact", orders[0])
    assert asked(database) == orders[:3], "the second asks for no more"


def test_a_list_with_what_is_not_here(
    command: Command, database: Database, orders: list[str], ring: FolderKeyRing, tmp_path: Path
) -> None:
    lines = [
        "# Amazon's notice",
        "",
        f"Order {orders[0]}; deadline 2026-12-01",
        orders[3],
        orders[4],
        NOT_HERE,
        "20318",
        "x",
    ]
    (tmp_path / "notice.txt").write_text("\r\n".join(lines), encoding="utf-8-sig")
    result = command("privacy", "redact", "--from", "notice.txt", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert [(one["order_id"], one["result"]) for one in told["orders"]] == [
        (orders[0], "redacted"),
        (orders[3], "no_personal_data"),
        (orders[4], "already_redacted"),
        (NOT_HERE, "not_here"),
        (None, "several_orders"),
        (None, "unknown"),
    ]
    assert (told["redacted"], told["unknown"], told["marked_in_key_ring"]) == (1, 1, True)
    assert "3 numbers of 6 went by no order that is here" in result.stderr
    assert sorted(ring.redacted_orders()) == sorted([orders[0], orders[3], orders[4], NOT_HERE])
    assert asked(database) == [orders[0], NOT_HERE], "the importer's ring may be another"


def test_each_number_of_a_line_counts(
    command: Command, database: Database, orders: list[str], ring: FolderKeyRing, tmp_path: Path
) -> None:
    (tmp_path / "notice.txt").write_text(f"Orders {orders[0]}, AMZ-{orders[1]} and {orders[2]}\n{orders[0]}\n20317\n")
    result = command("privacy", "redact", "--from", "notice.txt", "--json")
    assert [one["order_id"] for one in json.loads(result.stdout)["orders"]] == [*orders[:3], orders[1]]
    assert asked(database) == orders[:3]


def test_a_folder_that_is_no_ring_counts_as_none(
    command: Command, database: Database, orders: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mark in it would protect nothing, and nobody would be told."""
    monkeypatch.setenv("ORDERBRIDGE_KEY_RING", str(tmp_path / "empty"))
    (tmp_path / "empty").mkdir()
    result = command("privacy", "redact", orders[0], NOT_HERE)
    assert "The key ring cannot be seen here" in result.stdout
    assert asked(database) == [orders[0], NOT_HERE]
    assert not list((tmp_path / "empty").iterdir())


def test_standard_input(command: Command, database: Database, orders: list[str], ring: FolderKeyRing) -> None:
    assert command("privacy", "redact", "--from", "-", input=f"{orders[0]}\n{orders[1]}\n").exit_code == 0
    assert asked(database) == orders[:2]
    assert ring.is_redacted(orders[1])


def test_without_sight_of_the_ring_the_redactor_marks(
    command: Command, database: Database, orders: list[str], tmp_path: Path
) -> None:
    result = command("privacy", "redact", orders[0], NOT_HERE)
    assert result.exit_code == 1
    assert "The key ring cannot be seen here" in result.stdout
    assert "the redactor marks it" in result.stdout
    assert asked(database) == [orders[0], NOT_HERE]
    assert not (tmp_path / ".orderbridge").exists(), "looking makes no ring"


@pytest.mark.parametrize("arguments", [(), ("--from", "nowhere.txt")])
def test_wrong_usage(command: Command, database: Database, arguments: tuple[str, ...]) -> None:
    assert command("privacy", "redact", *arguments).exit_code == 2
    assert asked(database) == []


def test_the_key_is_rotated(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals: list[bool] = []
    monkeypatch.setattr(key_rotation, "refuse_core_dumps", lambda: refusals.append(True))  # for good, in a process
    old, new = new_installation_key(), new_installation_key()
    ring = FolderKeyRing(tmp_path / "ring", installation_key(old))
    moment = ring.moment_for(START + timedelta(days=30))
    key = ring.key(moment, START)
    keys = {"ORDERBRIDGE_KEY_RING": str(tmp_path / "ring"), "ORDERBRIDGE_VAULT_KEY": old}
    missing = command("privacy", "rotate-key", env=keys)
    assert (missing.exit_code, "ORDERBRIDGE_VAULT_KEY_NEW is not set" in missing.stderr) == (1, True)
    same = command("privacy", "rotate-key", env={**keys, "ORDERBRIDGE_VAULT_KEY_NEW": old})
    assert (same.exit_code, "is the key that" in same.stderr) == (1, True)
    wrong = {**keys, "ORDERBRIDGE_VAULT_KEY": new_installation_key(), "ORDERBRIDGE_VAULT_KEY_NEW": new}
    refused = command("privacy", "rotate-key", env=wrong)
    assert (refused.exit_code, "is not the key under which" in refused.stderr) == (1, True)
    assert ring.existing_key(moment, START) == key
    result = command("privacy", "rotate-key", "--json", env={**keys, "ORDERBRIDGE_VAULT_KEY_NEW": new})
    assert json.loads(result.stdout) == {"keys": 1, "key_ring": str(tmp_path / "ring")}
    assert FolderKeyRing(tmp_path / "ring", installation_key(new)).existing_key(moment, START) == key
    assert refusals
