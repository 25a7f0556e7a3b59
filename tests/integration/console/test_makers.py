"""What a user does is known by the user's name, on pages and in the log; only an owner lets a token name another."""

from __future__ import annotations

import json

from structlog.testing import capture_logs

from orderbridge.api_tokens import NAME_THE_PERSON, OPEN_PERSONAL_DATA, all_tokens
from orderbridge.database.unit_of_work import Database
from tests.parts.console import ConsoleServer, Visitor, add_user


def make_token(visitor: Visitor, name: str, *scopes: str) -> tuple[int, str]:
    answer = visitor.send("/tokens", {"name": name, "days": "30", "scope": list(scopes)})
    return answer.status_code, answer.text


def scopes(database: Database) -> dict[str, tuple[str | None, list[str]]]:
    with database.unit_of_work() as work:
        return {row.name: (row.made_by, json.loads(row.scopes)) for row in all_tokens(work)}


def test_only_an_owner_makes_a_token_that_names_the_person(console: ConsoleServer) -> None:
    owner, operator = console.signed_in("anna"), console.signed_in("otto", "operator")
    assert NAME_THE_PERSON not in operator.get("/tokens").text
    status, text = make_token(operator, "mine", OPEN_PERSONAL_DATA, NAME_THE_PERSON)
    assert (status, f"Only an owner may make a token with the scope {NAME_THE_PERSON}." in text) == (422, True)
    assert make_token(operator, "web-store", OPEN_PERSONAL_DATA)[0] == 200
    assert make_token(owner, "console", OPEN_PERSONAL_DATA, NAME_THE_PERSON)[0] == 200
    assert scopes(console.database) == {
        "web-store": ("otto", [OPEN_PERSONAL_DATA]),
        "console": ("anna", [NAME_THE_PERSON, OPEN_PERSONAL_DATA]),
    }
    page = owner.get("/tokens").text
    assert "<dt>Made by</dt><dd>otto</dd>" in page
    assert "<dt>Made by</dt><dd>anna</dd>" in page


def test_a_user_who_goes_leaves_tokens_behind_and_it_is_said(console: ConsoleServer) -> None:
    owner, operator = console.signed_in("anna"), console.signed_in("otto", "operator")
    make_token(operator, "web-store", OPEN_PERSONAL_DATA)
    told = "Tokens that otto made are still good; the page Store tokens revokes them: web-store."
    assert told not in owner.send("/users/otto/role", {"role": "owner"}, page="/users").text
    assert told in owner.send("/users/otto/role", {"role": "viewer"}, page="/users").text
    assert told in owner.send("/users/otto/remove", {"sure": "yes"}, page="/users").text


def test_an_owner_who_is_one_no_longer_leaves_what_only_owners_make(console: ConsoleServer) -> None:
    owner, other = console.signed_in("anna"), console.signed_in("bea", "owner")
    make_token(other, "web-store", OPEN_PERSONAL_DATA)
    make_token(other, "console", OPEN_PERSONAL_DATA, NAME_THE_PERSON)
    told = owner.send("/users/bea/role", {"role": "operator"}, page="/users").text
    assert "Tokens that bea made are still good; the page Store tokens revokes them: console." in told


def test_the_log_has_who_did_it(console: ConsoleServer, account: str) -> None:
    owner = console.signed_in("anna")
    add_user(console.database, "bob", "viewer")
    with capture_logs() as logs:
        owner.send("/users", {"name": "Carl", "role": "viewer"})
        owner.send("/users/carl/link/revoke", {}, page="/users")
        owner.send("/users/bob/role", {"role": "operator"}, page="/users")
        owner.send("/users/bob/remove", {"sure": "yes"}, page="/users")
        make_token(owner, "web-store", OPEN_PERSONAL_DATA)
        settings = f"/accounts/{account}/settings"
        owner.send(settings, {"was.log_email": "", "log_email": "orders@shop.example"}, page="/me")
    told = [{name: value for name, value in line.items() if name not in ("log_level", "token")} for line in logs]
    assert told == [
        {"event": "link made", "by": "anna", "user": "carl", "role": "viewer"},
        {"event": "link revoked", "by": "anna", "user": "carl"},
        {"event": "role changed", "by": "anna", "user": "bob", "role": "operator"},
        {"event": "user removed", "by": "anna", "user": "bob"},
        {"event": "token made", "by": "anna", "scopes": [OPEN_PERSONAL_DATA], "accounts": []},
        {"event": "settings changed", "by": "anna", "account": "main", "settings": ["log_email"]},
    ]
    assert "ob_" not in str(logs)
