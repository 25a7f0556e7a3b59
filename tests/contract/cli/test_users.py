"""`orderbridge users`: the way in for the first owner, and back in for one who forgot the password."""

from __future__ import annotations

import json

import pytest

from orderbridge.access.links import create_link, find_link, use_link
from orderbridge.access.sign_in import MOST_FAILURES, Locked, WrongPassword, sign_in
from orderbridge.api_tokens import OPEN_PERSONAL_DATA, create_token
from orderbridge.database.unit_of_work import Database
from tests.parts.command_line import Command

PASSWORD = "correct horse battery"


def link(command: Command, *arguments: str) -> str:
    result = command("users", "create-link", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    address: str = json.loads(result.stdout)["link"]
    assert address.startswith("http://127.0.0.1:8400/join/")
    return address.rpartition("/")[2]


@pytest.fixture
def anna(command: Command, database: Database) -> str:
    """An owner, by the first link."""
    use_link(database, link(command), "anna", PASSWORD, PASSWORD)
    return "anna"


def test_the_first_owner_comes_by_a_link(command: Command, database: Database) -> None:
    assert "create-link" in command("users", "list").stdout
    token = link(command)
    use_link(database, token, "anna", PASSWORD, PASSWORD)
    assert sign_in(database, "anna", PASSWORD)
    (row,) = json.loads(command("users", "list", "--json").stdout)
    assert (row["name"], row["role"], row["locked_until"]) == ("anna", "owner", None)
    again = command("users", "create-link")
    assert (again.exit_code, "an owner already" in again.stderr) == (2, True)


def test_the_link_is_that_of_the_public_address(command: Command, database: Database) -> None:
    told = command("users", "create-link", env={"ORDERBRIDGE_PUBLIC_URL": "https://console.example.com/"}).stdout
    address, until = told.splitlines()
    assert address.startswith("https://console.example.com/join/")
    assert until.startswith("It works once, until ")


def test_an_owner_who_forgot_the_password_comes_back_in(command: Command, database: Database, anna: str) -> None:
    for _ in range(MOST_FAILURES):
        with pytest.raises((WrongPassword, Locked)):
            sign_in(database, anna, "forgotten, alas")
    assert json.loads(command("users", "list", "--json").stdout)[0]["locked_until"] is not None
    use_link(database, link(command, "Anna"), "", "another long password", "another long password")
    assert sign_in(database, anna, "another long password")


def test_locked_users_are_unlocked(command: Command, database: Database, anna: str) -> None:
    for _ in range(MOST_FAILURES):
        with pytest.raises((WrongPassword, Locked)):
            sign_in(database, anna, "forgotten, alas")
    assert command("users", "unlock", anna).stdout == "anna is unlocked.\n"
    assert sign_in(database, anna, PASSWORD)
    again = command("users", "unlock", anna)
    assert (again.exit_code, "anna is not locked" in again.stderr) == (1, True)


def test_roles_are_given_and_users_removed(command: Command, database: Database, anna: str) -> None:
    token = link(command, "bob", "--role", "viewer")
    with database.unit_of_work() as work:
        assert find_link(work, token).what == "new-user"
    use_link(database, token, "", PASSWORD, PASSWORD)
    assert command("users", "set-role", "bob", "operator").stdout == "bob is operator.\n"
    roles = {row["name"]: row["role"] for row in json.loads(command("users", "list", "--json").stdout)}
    assert roles == {"anna": "owner", "bob": "operator"}
    with database.unit_of_work() as work:
        create_token(work, "web-store", [OPEN_PERSONAL_DATA], made_by="bob")
    told = command("users", "set-role", "bob", "viewer").stdout
    assert " ".join(told.split()) == "bob is viewer. Tokens that this user made are still good: web-store."
    removed = json.loads(command("users", "remove", "Bob", "--json").stdout)
    assert removed == {"name": "bob", "removed": True, "good_tokens": ["web-store"]}
    last = command("users", "remove", anna)
    assert (last.exit_code, "the last owner" in last.stderr) == (1, True)


def test_links_that_wait_are_listed_and_revoked(command: Command, database: Database, anna: str) -> None:
    link(command, "bob", "--role", "viewer")
    with database.unit_of_work() as work:
        create_link(work, anna, None, made_by=anna)
    rows = json.loads(command("users", "links", "--json").stdout)
    assert [(row["name"], row["what"], row["made_by"]) for row in rows] == [
        ("anna", "chooses a password", "anna"),
        ("bob", "comes in as viewer", "command line"),
    ]
    assert command("users", "revoke-link", "Bob").stdout == "The link for bob is good for nothing now.\n"
    again = command("users", "revoke-link", "bob")
    assert (again.exit_code, "no link for bob" in again.stderr) == (1, True)
    assert [row["name"] for row in json.loads(command("users", "links", "--json").stdout)] == ["anna"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("create-link", "bob"), "no user bob yet"),
        (("create-link", "bob", "--role", "king"), "choose one of viewer, operator, owner"),
        (("create-link", "--role", "viewer"), "say the name too"),
        (("create-link", "anna", "--role", "viewer"), "a user anna already"),
        (("create-link", "<b>", "--role", "viewer"), "1 to 60 letters"),
        (("set-role", "bob", "viewer"), "no user bob"),
        (("set-role", "anna", "viewer"), "the last owner"),
    ],
)
def test_what_cannot_be_is_wrong_usage(command: Command, anna: str, arguments: tuple[str, ...], told: str) -> None:
    result = command("users", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in " ".join(result.stderr.split())
