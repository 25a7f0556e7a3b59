"""`orderbridge events replay`: orders sent to the store again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from orderbridge.cli import replaying
from orderbridge.orders.replaying import ReplayWish, plan_replay
from schemas.orders import OrderImported
from tests.parts.command_line import Command
from tests.parts.in_process import System
from tests.parts.sandbox_server import sandbox_server


@pytest.fixture
def system(command: Command, tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """The system on the command line's database, with its clock."""
    with sandbox_server() as server, closing(System(sqlite_url, tmp_path, server)) as there, capture_logs():
        monkeypatch.setattr(replaying, "open_database", lambda: nullcontext(there.database))
        yield there


def again(system: System) -> list[str]:
    system.run_until_idle()
    return [event.order_id for event in system.events(OrderImported) if event.replay]


def test_one_order_by_any_number(command: Command, system: System) -> None:
    one, _ = system.imported(count=2)
    told = json.loads(command("events", "replay", f"AMZ-{one}", "--json").stdout)
    assert (told["orders"], told["sent"], told["done"]) == (1, 0, False)
    assert again(system) == [one]


def test_since_and_until(command: Command, system: System) -> None:
    one, two = system.imported(count=2)
    day = f"{system.now:%Y-%m-%d}"
    assert command("events", "replay", "--since", day).stdout == "2 orders are to be sent again.\n"
    assert sorted(again(system)) == sorted((one, two))
    system.advance(1)
    moment = system.now.isoformat()
    result = command("events", "replay", "--since", moment)
    assert (result.exit_code, "nothing to send again" in result.stdout) == (0, True)
    told = json.loads(command("events", "replay", "--since", moment, "--wait", "--json").stdout)
    assert (told["orders"], told["sent"], told["done"]) == (0, 0, True)
    assert command("events", "replay", "--until", moment, "--account", "main").exit_code == 0


def test_many_are_asked_about(command: Command, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "ASKS_ABOVE", 1)
    system.imported(count=2)
    refused = command("events", "replay", "--all")
    assert (refused.exit_code, refused.stderr) == (1, "2 orders would be sent again. Say --yes if they are to be.\n")
    assert again(system) == []
    assert command("events", "replay", "--all", "--yes").exit_code == 0
    assert len(again(system)) == 2


def test_it_waits_until_they_are_sent(command: Command, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    system.imported(count=2)
    monkeypatch.setattr(replaying, "sleep", lambda _: system.run_until_idle())
    told = json.loads(command("events", "replay", "--all", "--wait", "--json").stdout)
    assert (told["orders"], told["sent"], told["done"]) == (2, 2, True)


@pytest.mark.parametrize(
    ("line", "status", "told"),
    [
        ("", 2, "name one ORDER"),
        ("114-0000000-0000000 --all", 2, "name one ORDER"),
        ("--since yesterday", 2, "neither a day"),
        ("--since 2026-02-30", 2, "neither a day"),
        ("114-0000000-0000000", 1, "No order goes by this number"),
        ("--all --account nobody", 1, "There is no account nobody"),
        ("--since 2199-01-01", 1, "lies ahead"),
    ],
)
def test_what_cannot_be_meant(command: Command, system: System, line: str, status: int, told: str) -> None:
    system.imported()
    result = command("events", "replay", *line.split())
    assert (result.exit_code, result.stdout) == (status, "")
    assert told in result.stderr.replace("\n", " ")


def test_the_plan_is_not_the_doing(system: System) -> None:
    system.imported()
    with system.database.unit_of_work() as work:
        assert plan_replay(work, ReplayWish()).total == 1
    assert again(system) == []
