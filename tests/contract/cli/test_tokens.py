"""`orderbridge tokens` and `orderbridge privacy audit`."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orderbridge.api_tokens import NAME_THE_PERSON, OPEN_PERSONAL_DATA, create_token, find_token
from orderbridge.database.models import ApiTokenRow, Opening
from orderbridge.database.unit_of_work import Database
from tests.parts.command_line import Command

INSTALL = Path(__file__).parents[3] / "docs/operations/install.md"


def created(command: Command, *arguments: str) -> dict[str, Any]:
    result = command("tokens", "create", *arguments, "--json")
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def listed(command: Command) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(command("tokens", "list", "--json").stdout)
    return rows


def test_a_secret_is_shown_once_and_kept_by_nobody(command: Command, database: Database, account: str) -> None:
    told = created(command, "web-store", "--account", account)
    with database.unit_of_work() as work:
        row = work.session.get_one(ApiTokenRow, told["token_id"])
        assert told["secret"] not in str(vars(row))
        token = find_token(work, told["secret"])
    assert token is not None
    assert (token.name, token.accounts) == ("web-store", frozenset({"main"}))
    assert token.scopes == frozenset({"personal-data:read"})
    assert told["secret"] not in command("tokens", "list").stdout
    assert "shown once" in command("tokens", "create", "another").stdout


def test_the_consoles_token_as_documented_has_what_the_console_needs(command: Command, database: Database) -> None:
    """It always names the person who looks; a token that may not say so opens nothing."""
    documented = INSTALL.read_text()
    (arguments,) = re.findall(r"orderbridge (tokens create console\b[^`\n]*)$", documented, re.M)
    told = json.loads(command(*arguments.split(), "--json").stdout)
    with database.unit_of_work() as work:
        token = find_token(work, told["secret"])
    assert token is not None
    assert token.scopes == {OPEN_PERSONAL_DATA, NAME_THE_PERSON}


def test_the_list_says_which_are_good_and_when_they_were_used(command: Command, database: Database) -> None:
    first = created(command, "one", "--days", "1")
    created(command, "two")
    with database.unit_of_work() as work:
        assert find_token(work, first["secret"]) is not None
    assert [(row["name"], row["state"], row["last_used_at"] is not None) for row in listed(command)] == [
        ("two", "good", False),
        ("one", "good", True),
    ]
    with database.unit_of_work() as work:
        work.session.get_one(ApiTokenRow, first["token_id"]).expires_at -= timedelta(days=2)
    assert [row["state"] for row in listed(command)] == ["good", "expired"]


def test_the_list_says_who_made_it(command: Command, database: Database) -> None:
    with database.unit_of_work() as work:
        create_token(work, "from-the-console", ["personal-data:read"], made_by="otto")
    created(command, "from-here", "--scope", "personal-data:on-behalf")
    assert {row["name"]: row["made_by"] for row in listed(command)} == {"from-the-console": "otto", "from-here": None}
    assert "otto" in command("tokens", "list").stdout


def test_a_revoked_token_is_good_for_nothing(command: Command, database: Database) -> None:
    told = created(command, "web-store")
    assert command("tokens", "revoke", told["token_id"]).exit_code == 0
    with database.unit_of_work() as work:
        assert find_token(work, told["secret"]) is None
    again = command("tokens", "revoke", "web-store")
    assert (again.exit_code, "no token web-store" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("", "--days", "3"), "1 to 100 printable"),
        (("a\nb",), "1 to 100 printable"),
        (("x", "--days", "366"), "1 to 365 days"),
        (("x", "--days", "0"), "1 to 365 days"),
        (("x", "--scope", "everything"), "no scope"),
        (("x", "--account", "nobody"), "no account nobody"),
    ],
)
def test_what_is_no_token_is_refused(
    command: Command, database: Database, arguments: tuple[str, ...], told: str
) -> None:
    result = command("tokens", "create", *arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert listed(command) == []


@pytest.fixture
def log(database: Database) -> None:
    """Three lines of the audit log."""
    lines = (("shop", "1", "display", "open"), ("shop", "2", "tax", "redacted"), ("desk", None, "display", "refused"))
    with database.unit_of_work() as work:
        for number, (name, order, purpose, state) in enumerate(lines):
            opening = Opening(token_id=f"id-{name}", token_name=name, order_id=order, account_id=order and "main")
            opening.asked_at = work.now + timedelta(minutes=number)
            opening.purpose, opening.state = purpose, state
            work.session.add(opening)


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    ("arguments", "states"),
    [
        ((), ["refused", "redacted", "open"]),
        (("--order", "1"), ["open"]),
        (("--order", "no-such-order"), []),
        (("--token", "shop"), ["redacted", "open"]),
        (("--token", "id-desk"), ["refused"]),
        (("--purpose", "tax"), ["redacted"]),
        (("--state", "open"), ["open"]),
        (("--since", "2099-01-01T00:00:00Z"), []),
        (("--since", "2020-01-01T00:00:00Z", "--most", "1"), ["refused"]),
    ],
)
def test_the_audit_log_is_filtered(command: Command, arguments: tuple[str, ...], states: list[str]) -> None:
    rows = json.loads(command("privacy", "audit", *arguments, "--json").stdout)
    assert [row["state"] for row in rows] == states


@pytest.mark.parametrize("arguments", [("--purpose", "fun"), ("--state", "lost"), ("--since", "yesterday")])
def test_a_filter_that_is_none_is_said(command: Command, database: Database, arguments: tuple[str, ...]) -> None:
    result = command("privacy", "audit", *arguments)
    assert (result.exit_code, arguments[1] in result.stderr) == (2, True)
