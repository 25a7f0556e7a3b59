"""What all commands have in common: `--json`, help that teaches, and sentences where the installation is at fault."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from alembic.script import ScriptDirectory
from kafka.errors import KafkaTimeoutError
from sqlalchemy import text
from typer.core import TyperGroup

import tests.parts.kafka_python  # noqa: F401 - before the command line, which imports Kafka
from orderbridge import __version__
from orderbridge.cli import app
from orderbridge.database import migrate
from orderbridge.database.unit_of_work import Database
from orderbridge.ports import free_port
from tests.parts.command_line import Command


def leaves(at: Any, *path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(at, TyperGroup):
        if at.invoke_without_command:
            yield " ".join(path), at
        for name, below in at.commands.items():
            yield from leaves(below, *path, name)
    else:
        yield " ".join(path), at


NEWEST = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations")).get_current_head()
COMMANDS = dict(leaves(typer.main.get_command(app)))


def test_the_commands_are_those_of_the_contract() -> None:
    """Design, section 8, as far as it is built: scripts call them by these names."""
    assert set(COMMANDS) == {
        "demo",
        "up",
        "run",
        "init",
        "migrate",
        "topics",
        "topics acl",
        "resume",
        "doctor",
        "mail test",
        "recover",
        "import",
        "orders late",
        "orders list",
        "orders show",
        "runs list",
        "runs show",
        "shipments list",
        "shipments retry",
        "accounts list",
        "accounts show",
        "accounts connect",
        "accounts disconnect",
        "settings show",
        "settings set",
        "settings options",
        "carriers",
        "notifications subscribe",
        "notifications unsubscribe",
        "notifications list",
        "notifications policy",
        "emit order.shipped",
        "events tail",
        "events replay",
        "privacy where-is",
        "dead-letters list",
        "dead-letters show",
        "dead-letters replay",
        "dead-letters discard",
        "tokens create",
        "tokens list",
        "tokens revoke",
        "users list",
        "users create-link",
        "users links",
        "users revoke-link",
        "users set-role",
        "users unlock",
        "users remove",
        "privacy audit",
        "privacy redact",
        "privacy reseal",
        "privacy rotate-key",
    }


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"run"}))
def test_all_take_json(name: str) -> None:
    assert "--json" in [option for parameter in COMMANDS[name].params for option in parameter.opts]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_says_what_it_does_and_what_to_do_next(command: Command, name: str) -> None:
    result = command(*name.split(), "--help")
    assert result.exit_code == 0
    assert COMMANDS[name].help.splitlines()[0].strip() in result.stdout
    assert "Next: " in result.stdout


def test_a_folder_without_a_house_is_said_and_left_empty(command: Command, tmp_path: Path) -> None:
    result = command("accounts", "list", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "There is no house here: " in result.stderr
    assert "`orderbridge up` starts one in this folder" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_tables_says_what_to_do(command: Command, tmp_path: Path) -> None:
    (tmp_path / "orderbridge.sqlite").touch()
    result = command("accounts", "list", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no such table: accounts" in result.stderr
    assert "orderbridge migrate" in result.stderr


def test_the_release_is_told(command: Command) -> None:
    assert command("--version").stdout == f"orderbridge {__version__}\n"


def test_a_wrong_variable_is_named(command: Command) -> None:
    result = command("accounts", "list", env={"ORDERBRIDGE_TOPIC_PARTITIONS": "many"})
    assert result.exit_code == 1
    assert result.stderr.startswith("Settings: ORDERBRIDGE_TOPIC_PARTITIONS: ")


def test_a_broker_that_is_away_is_said(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_topics: str, **_options: Any) -> None:
        raise KafkaTimeoutError("no broker")

    monkeypatch.setattr("orderbridge.bus.reading.KafkaConsumer", away)
    nobody = {"ORDERBRIDGE_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}  # 9092 may be somebody's
    result = command("events", "tail", env=nobody)
    assert result.exit_code == 1
    assert "no broker" in result.stderr
    assert "ORDERBRIDGE_KAFKA_BOOTSTRAP_SERVERS" in result.stderr


def test_brackets_are_no_markup(command: Command) -> None:
    command("migrate")
    assert "There is no account [/red]." in command("settings", "show", "[/red]").stderr


@pytest.mark.parametrize(
    "line", ["no-such-command", "import --no-such-option", "run no-such-service", "shipments list --state lost"]
)
def test_wrong_usage(command: Command, line: str) -> None:
    result = command(*line.split())
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_json_line_is_one_object(command: Command) -> None:
    first = json.loads(command("migrate", "--json").stdout)
    assert first == {"before": None, "now": NEWEST}
    assert json.loads(command("migrate", "--json").stdout) == {"before": NEWEST, "now": NEWEST}
    assert command("migrate").stdout == f"The database is at {NEWEST}.\n"


def test_a_database_ahead_of_this_release_is_no_failure(command: Command, database: Database) -> None:
    """Every container waits for `migrate` of the old release to end well."""
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    result = command("migrate")
    assert result.exit_code == 0
    assert "ahead of this release" in result.stdout
    assert json.loads(command("migrate", "--json").stdout) == {"before": "9999", "now": "9999"}
