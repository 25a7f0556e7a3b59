"""`orderbridge import`: what it says of a run, and that it fails at once where nothing can come of it.

The importer is the real one, on the sandbox; it goes on while the command sleeps.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

import schemas
from orderbridge.accounts.attentions import CONSENT_REVOKED, SECRET_EXPIRED, raise_attention
from orderbridge.database.models import Account, OutboxRow, Run, RunLineRow
from orderbridge.database.unit_of_work import Database
from schemas.imports import ImportDue, ImportFinished
from tests.parts.command_line import Command
from tests.parts.in_process import System
from tests.parts.sandbox_server import sandbox_server

EXAMPLE = json.loads((Path(schemas.__file__).parent / "examples" / "import.finished.json").read_text())


@pytest.fixture
def system(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """The system on the command line's database, with its clock."""

    with sandbox_server() as server, closing(System(sqlite_url, tmp_path, server)) as there, capture_logs():
        monkeypatch.setattr("orderbridge.cli.imports.open_database", lambda: closing(Database(sqlite_url, there.clock)))
        monkeypatch.setattr("orderbridge.cli.following.sleep", lambda _: there.run_until_idle())
        yield there


def test_a_run_says_what_it_did(command: Command, system: System) -> None:
    system.place_orders(count=3)
    system.advance(180)
    result = command("import", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (told["account_id"], told["problems"]) == ("main", [])
    assert (told["counts"]["seen"], told["counts"]["imported"]) == (3, 3)
    assert command("import").stdout.endswith(": 3 seen, 3 unchanged.\n")


def test_a_refused_run_is_a_failure_that_says_why(command: Command, system: System) -> None:
    system.imported()
    system.amazon.save_account(system.amazon_account().model_copy(update={"roles": []}))
    system.advance(600)
    result = command("import")
    assert result.exit_code == 1
    assert result.stdout == "The import ended with a problem: 0 seen.\n"
    assert "Amazon refuses the orders of this account (Unauthorized)" in result.stderr
    told = command("import", "--json")
    assert told.exit_code == 1
    assert "Unauthorized" in json.loads(told.stdout)["problems"][0]


def test_an_order_that_is_known_is_asked_for_again(command: Command, system: System) -> None:
    (order_id,) = system.imported()
    system.amazon.change_order(order_id, lambda order, now: order.cancel("BUYER", "mistake", now))
    system.advance(180)
    told = json.loads(command("import", "--order", order_id, "--json").stdout)
    assert (told["order_id"], told["amazon_status"], told["imported"]) == (order_id, "cancelled", False)
    assert {"status", "cancelled"} <= {*told["changes"]}
    assert system.calls("getOrder") == {"200": 1}
    for number in (order_id, f"AMZ-{order_id}"):
        again = command("import", "--order", number)
        assert again.stdout == f"{order_id} is here: cancelled, nothing has changed.\n"


def test_an_order_by_the_stores_own_number(command: Command, system: System) -> None:
    (order_id,) = system.imported()
    system.store_says(order_id=order_id, store_order_number="SHOP-77")
    system.advance(60)
    told = command("import", "--order", "SHOP-77")
    assert told.stdout.startswith(f"{order_id} is here: shipped, changed: status, ")


def test_an_order_that_is_new(command: Command, system: System) -> None:
    (order_id,) = system.place_orders()
    system.advance(180)
    result = command("import", "--order", f"AMZ-{order_id}")
    assert result.stdout == f"{order_id} is here: unshipped, imported now.\n"


@pytest.mark.parametrize("number", ["114-1234567-123456", "SHOP-1"])
def test_a_mistyped_number_is_refused_without_asking_amazon(command: Command, system: System, number: str) -> None:
    result = command("import", "--order", number)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "it cannot be one of Amazon's numbers" in result.stderr
    assert system.calls("getOrder") == {}
    with system.database.unit_of_work() as work:
        assert work.session.scalars(select(OutboxRow).where(OutboxRow.topic == "import.due")).all() == []


def test_missing_mappings_are_named(command: Command, system: System) -> None:
    for _ in range(2):
        system.place_orders(programs=["PREMIUM"])
    system.advance(180)
    for told in (command("import", "--dry-run"), command("import")):
        assert told.exit_code == 0
        words = [line for line in told.stdout.splitlines() if line.startswith("No mapping for shipping: ")]
        assert words
        assert all("orderbridge settings set main shipping_methods." in line for line in words)


def test_a_preview_needs_no_import_that_is_on(command: Command, system: System) -> None:
    system.set_account(enabled=False, invoice_number_prefix="SHOP-")
    (order_id,) = system.place_orders()
    system.advance(180)
    told = command("import", "--dry-run")
    assert told.exit_code == 0
    assert f"SHOP-{order_id}" in told.stdout
    assert "A run would do this: 1 seen, 1 imported. Nothing was done." in told.stdout
    (line,) = json.loads(command("import", "--dry-run", "--json").stdout)["lines"]
    assert (line["did"], line["order_number"]) == ("imported", f"SHOP-{order_id}")


@pytest.mark.parametrize("arguments", [[], ["--dry-run"], ["--order", "114-3941689-8772232"], ["--from", "2026-10-01"]])
def test_ctrl_c_ends_the_watching_alone(
    command: Command, system: System, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("orderbridge.cli.following.sleep", interrupt)
    result = command("import", *arguments)
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr.startswith("The import goes on by itself: `orderbridge runs list` shows")
    system.run_until_idle()
    assert "handled" in system.outcomes_of("import.due")


def test_an_order_that_amazon_does_not_know(command: Command, system: System) -> None:
    result = command("import", "--order", "114-0000000-0000000")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "114-0000000-0000000: Amazon does not know this order." in result.stderr


def test_an_order_that_is_known_and_that_amazon_has_forgotten(command: Command, system: System) -> None:
    (order_id,) = system.imported()
    system.advance(60)
    system.amazon.save_account(system.amazon_account().model_copy(update={"roles": []}))
    result = command("import", "--order", order_id)
    assert (result.exit_code, result.stdout) == (1, "")
    assert order_id in result.stderr


def test_an_account_that_is_disconnected_meanwhile(command: Command, system: System, monkeypatch: Any) -> None:
    def disconnect(_seconds: float) -> None:
        with system.database.unit_of_work() as work:
            work.session.get_one(Account, "main").refresh_token = None
        system.run_until_idle()

    monkeypatch.setattr("orderbridge.cli.following.sleep", disconnect)
    result = command("import")
    assert result.exit_code == 1
    assert "The importer did not take it: account_not_connected." in result.stderr


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (None, "There is no account main. `orderbridge accounts connect main` adds it."),
        ({"refresh_token": None}, "main is not connected. `orderbridge accounts connect main` does it."),
        ({"settings": "{}"}, "The import of main is off. `orderbridge settings set main enabled=true` switches it on."),
    ],
)
def test_what_is_in_vain_fails_at_once(
    command: Command, account: str, database: Database, change: dict[str, Any] | None, told: str
) -> None:
    with database.unit_of_work() as work:
        row = work.session.get_one(Account, account)
        if change is None:
            work.session.delete(row)
        for name, value in (change or {}).items():
            setattr(row, name, value)
    result = command("import", "--json")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"{told}\n")
    with database.unit_of_work() as work:
        assert work.session.scalars(select(OutboxRow)).all() == []


def test_without_waiting(command: Command, account: str, database: Database) -> None:
    told = json.loads(command("import", "--no-wait", "--json").stdout)
    with database.unit_of_work() as work:
        (row,) = work.session.scalars(select(OutboxRow))
    assert (row.topic, told) == ("import.due", {"account": account, "event_id": row.event_id})


def test_progress_is_shown_and_prolongs_the_wait(
    command: Command, account: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour of pages, nine minutes apart; then the importer is killed."""
    at = [0.0]
    pages = [0]

    def sleep(_seconds: float) -> None:
        at[0] += 540
        if at[0] > 3600:
            return
        pages[0] += 1
        window = {"amazon_calls": pages[0], "counts": {"seen": 100 * pages[0]}}
        with database.unit_of_work() as work:
            run = Run(run_id="1", account_id=account, kind="search", started_at=database.clock.now())
            run.progress = json.dumps(window)
            work.session.merge(run)

    monkeypatch.setattr("orderbridge.cli.following.monotonic", lambda: at[0])
    monkeypatch.setattr("orderbridge.cli.following.sleep", sleep)
    monkeypatch.setattr("orderbridge.cli.progress_display.monotonic", lambda: at[0])
    result = command("import")
    assert result.exit_code == 1
    assert "Nothing has come of it for twenty minutes." in result.stderr
    shown = [line for line in result.stderr.splitlines() if line.startswith("Importing")]
    assert shown[:2] == ["Importing: 1 page, 100 orders so far", "Importing: 2 pages, 200 orders so far"]
    assert len(shown) == 6


@pytest.mark.parametrize("arguments", [(), ("--order", "114-3941689-8772232")])
def test_that_nobody_takes_it_up_is_said_once_and_soon(
    command: Command, account: str, database: Database, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    at = [0.0]

    def sleep(_seconds: float) -> None:
        at[0] += 16

    monkeypatch.setattr("orderbridge.cli.following.monotonic", lambda: at[0])
    monkeypatch.setattr("orderbridge.cli.following.sleep", sleep)
    result = command("import", *arguments)
    assert result.exit_code == 1
    assert result.stderr.count("Nobody has taken it up yet. `orderbridge up` starts a house") == 1


def test_that_it_waits_for_amazons_quota_is_not_nobody(
    command: Command, account: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = [0.0]

    def sleep(_seconds: float) -> None:
        if not at[0]:
            with database.unit_of_work() as work:
                work.post(ImportDue(account_id=account, reason="now"))
                work.session.execute(update(OutboxRow).values(topic="importer.retry"))
        at[0] += 100

    monkeypatch.setattr("orderbridge.cli.following.monotonic", lambda: at[0])
    monkeypatch.setattr("orderbridge.cli.following.sleep", sleep)
    assert "Nobody has taken it up" not in command("import").stderr


def test_an_empty_order_number_is_wrong_usage(command: Command, account: str) -> None:
    assert command("import", "--order", "").exit_code == 2


def test_it_does_not_wait_in_vain_while_a_trouble_stands(
    command: Command, account: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = [0.0]

    def sleep(_seconds: float) -> None:
        at[0] += 1
        if at[0] == 1:
            with database.unit_of_work() as work:
                raise_attention(work, account, SECRET_EXPIRED, "The secret has expired.", "Take a new one.")

    monkeypatch.setattr("orderbridge.cli.following.monotonic", lambda: at[0])
    monkeypatch.setattr("orderbridge.cli.following.sleep", sleep)
    result = command("import")
    assert result.exit_code == 1
    assert "The secret has expired. Take a new one." in result.stderr
    assert at[0] < 10


@pytest.mark.parametrize("arguments", [[], ["--dry-run"], ["--order", "114-3941689-8772232"]])
def test_a_revoked_consent_is_said_at_once(
    command: Command, account: str, database: Database, arguments: list[str]
) -> None:
    with database.unit_of_work() as work:
        raise_attention(work, account, CONSENT_REVOKED, "The consent is revoked.", "Connect it again.")
    result = command("import", *arguments)
    assert (result.exit_code, result.stderr) == (1, "The consent is revoked. Connect it again.\n")


def test_runs_are_listed_and_shown(command: Command, account: str, database: Database) -> None:
    log = ImportFinished.model_validate(EXAMPLE)
    with database.unit_of_work() as work:
        work.session.add(
            Run(
                run_id=log.run_id,
                account_id=account,
                kind="search",
                started_at=log.started_at,
                finished_at=log.finished_at,
                progress="{}",
                log=log.model_dump_json(exclude={"lines"}),
            )
        )
        work.session.add_all(RunLineRow(run_id=log.run_id, rank=1, line=line.model_dump_json()) for line in log.lines)
    (listed,) = json.loads(command("runs", "list", "--json").stdout)
    assert (listed["run_id"], listed["amazon_calls"], listed["counts"]["imported"]) == (log.run_id, 1, 9)
    assert log.run_id[:8] in command("runs", "list").stdout
    shown = json.loads(command("runs", "show", log.run_id[:6], "--json").stdout)
    assert shown["lines"][0]["order_id"] == log.lines[0].order_id
    text = command("runs", "show").stdout
    assert "shipping: SCHEDULED" in text
    assert "skipped 1: Amazon fulfils it, and Import FBA Orders is off." in text
    assert command("runs", "show", "nothing").exit_code == 1
