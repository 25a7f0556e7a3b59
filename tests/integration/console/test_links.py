"""One-time links, and the lock-out as visitors see it."""

from __future__ import annotations

import re
import threading
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from orderbridge.access.links import LinkRefused, create_first_owner_link, create_link, find_link, use_link
from orderbridge.access.passwords import hash_password
from orderbridge.access.sessions import find_session
from orderbridge.access.sign_in import MOST_FAILURES, Locked, WrongPassword, change_password, sign_in
from orderbridge.access.users import UserRefused, remove_user, set_role
from orderbridge.database.models import ConsoleLink, ConsoleUser
from orderbridge.database.unit_of_work import Database
from tests.parts.console import PASSWORD, ConsoleServer, add_user
from tests.parts.hand_clock import HandClock

OTHER = "another long password"


@pytest.fixture
def anna(database: Database) -> str:
    """An owner."""
    add_user(database, "anna")
    return "anna"


def user_of(database: Database, token: str) -> str | None:
    with database.unit_of_work() as work:
        found = find_session(work, token)
    return found.name if found is not None else None


def lock(database: Database, name: str) -> None:
    for _ in range(MOST_FAILURES):
        with pytest.raises((WrongPassword, Locked)):
            sign_in(database, name, "a wrong password")


def test_the_first_owner_is_made_once(database: Database, clock: HandClock) -> None:
    with database.unit_of_work() as work:
        one, other, late = (create_first_owner_link(work) for _ in range(3))
        for row in work.session.scalars(select(ConsoleLink)):
            assert one not in str(vars(row))
    clock.advance(hours=23)
    assert user_of(database, use_link(database, one, "Anna", PASSWORD, PASSWORD)) == "anna"
    for token in (one, other, late):
        with pytest.raises(LinkRefused):
            use_link(database, token, "mallory", PASSWORD, PASSWORD)
    with pytest.raises(UserRefused, match="an owner already"), database.unit_of_work() as work:
        create_first_owner_link(work)


def test_of_many_first_owners_at_once_there_is_one(database: Database) -> None:
    with database.unit_of_work() as work:
        tokens = [create_first_owner_link(work) for _ in range(4)]
    refused: list[str] = []

    def use(number: int, token: str) -> None:
        try:
            use_link(database, token, f"user-{number}", PASSWORD, PASSWORD)
        except LinkRefused:
            refused.append(token)

    threads = [threading.Thread(target=use, args=one) for one in enumerate(tokens)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 3
    with database.unit_of_work() as work:
        assert len(work.session.scalars(select(ConsoleUser)).all()) == 1


def test_a_link_ends_after_a_day(database: Database, clock: HandClock) -> None:
    with database.unit_of_work() as work:
        token = create_first_owner_link(work)
    clock.advance(hours=24)
    with pytest.raises(LinkRefused), database.unit_of_work() as work:
        find_link(work, token)


def test_a_forgotten_password_is_chosen_anew(database: Database, anna: str) -> None:
    session = sign_in(database, anna, PASSWORD)
    lock(database, anna)
    with database.unit_of_work() as work:
        older, token = create_link(work, anna, None), create_link(work, anna, None)
    with pytest.raises(LinkRefused):
        use_link(database, older, "", OTHER, OTHER)
    use_link(database, token, "bob", OTHER, OTHER)
    assert user_of(database, session) is None, "whoever had the old one is out"
    assert user_of(database, sign_in(database, anna, OTHER)) == anna, "and it is unlocked"


def test_a_link_is_only_for_what_it_was_made_for(database: Database, anna: str) -> None:
    with database.unit_of_work() as work:
        with pytest.raises(UserRefused, match="no user bob yet"):
            create_link(work, "bob", None)
        with pytest.raises(UserRefused, match="a user anna already"):
            create_link(work, "Anna ", "viewer")
        with pytest.raises(UserRefused, match="1 to 60 letters"):
            create_link(work, "<b>", "viewer")
        invitation = create_link(work, "bob", "viewer")
        reset = create_link(work, anna, None)
        assert find_link(work, invitation).user_name == "bob"
        work.session.add(
            ConsoleUser(
                name="bob",
                password_hash=hash_password(PASSWORD),
                role="owner",
                created_at=work.now,
                password_changed_at=work.now,
            )
        )
        work.session.flush()
        remove_user(work, anna)
    for token in (invitation, reset):  # bob is there already; anna is gone
        with pytest.raises(LinkRefused):
            use_link(database, token, "", OTHER, OTHER)


# --- as visitors see them


def test_the_lock_out_says_for_how_long_and_tells_nobody_who_there_is(console: ConsoleServer) -> None:
    add_user(console.database, "anna")
    told: dict[str, list[str]] = {}
    for name in ("anna", "nobody"):
        visitor = console.visitor()
        answers = [visitor.sign_in(name, "a wrong password") for _ in range(11)]
        assert [one.status_code for one in answers] == [401] * 9 + [429] * 2
        told[name] = [re.sub(r'value="[^"]*"', "", one.text) for one in answers]
    assert told["anna"] == told["nobody"]
    assert "this name is locked until 10:00 UTC" in told["anna"][-1]
    assert "orderbridge users unlock" in told["anna"][-1]
    assert console.visitor().sign_in("anna").status_code == 429, "not even with the right one"


def test_an_owner_unlocks(console: ConsoleServer) -> None:
    owner = console.signed_in("anna")
    add_user(console.database, "bob", "viewer")
    for _ in range(10):
        console.visitor().sign_in("bob", "a wrong password")
    assert "Locked after ten wrong passwords, until 2026-11-24 10:00 UTC" in owner.get("/users").text
    assert "bob is unlocked." in owner.send("/users/bob/unlock", {}, page="/users").text
    assert console.visitor().sign_in("bob").status_code == 303


def test_a_link_works_once_and_looking_at_it_does_not_use_it_up(console: ConsoleServer) -> None:
    owner = console.signed_in("anna")
    shown = owner.send("/users", {"name": "Bob", "role": "viewer"}).text
    (link,) = re.findall(r'<code class="secret">([^<]+)</code>', shown)
    path = urlsplit(link).path
    assert link.startswith(console.url + "/join/")
    bob = console.visitor()
    assert bob.get(path).status_code == bob.get(path).status_code == 200
    short = bob.send(path, {"password": "short", "again": "short"})
    assert (short.status_code, "at least 12" in short.text) == (422, True)
    assert bob.send(path, {"password": PASSWORD, "again": PASSWORD}).headers["location"] == "/"
    assert "bob" in bob.get("/me").text
    used = console.visitor().get(path)
    assert (used.status_code, "Ask an owner for a new one" in used.text) == (410, True)
    assert path not in owner.get("/users").text, "it was shown once"


def test_a_link_does_not_make_another_user_than_its_own(console: ConsoleServer) -> None:
    add_user(console.database, "anna")
    with console.database.unit_of_work() as work:
        token = create_link(work, "bob", "viewer")
    visitor = console.visitor()
    form = {"name": "anna", "role": "owner", "password": PASSWORD, "again": PASSWORD}
    assert visitor.send(f"/join/{token}", form).status_code == 303
    assert "Your role is viewer" in visitor.get("/me").text


# --- what is left of whoever may no longer make links


@pytest.mark.parametrize("gone", ["removed", "viewer"])
def test_who_is_owner_no_longer_does_not_come_back_by_a_link(database: Database, anna: str, gone: str) -> None:
    add_user(database, "mallory")
    with database.unit_of_work() as work:
        tokens = [
            create_link(work, "backdoor", "owner", made_by="mallory"),
            create_link(work, anna, None, made_by="mallory"),
        ]
        other = create_link(work, "carl", "viewer", made_by=anna)
    with database.unit_of_work() as work:
        if gone == "removed":
            remove_user(work, "Mallory")
        else:
            set_role(work, "Mallory", "viewer")
    for token in tokens:
        with pytest.raises(LinkRefused):
            use_link(database, token, "", OTHER, OTHER)
    with pytest.raises(UserRefused, match="mallory is no owner"), database.unit_of_work() as work:
        create_link(work, "backdoor", "owner", made_by="mallory")  # asked for before, done after
    assert user_of(database, use_link(database, other, "", OTHER, OTHER)) == "carl"


def test_a_changed_password_ends_the_links_for_another(database: Database, anna: str) -> None:
    with database.unit_of_work() as work:
        token, invitation = create_link(work, anna, None), create_link(work, "carl", "viewer", made_by=anna)
    change_password(database, anna, PASSWORD, OTHER, OTHER)
    with pytest.raises(LinkRefused):
        use_link(database, token, "", PASSWORD, PASSWORD)
    with database.unit_of_work() as work:
        assert find_link(work, invitation).user_name == "carl"


def test_links_that_wait_are_shown_and_revoked(console: ConsoleServer, clock: HandClock) -> None:
    owner = console.signed_in("anna")
    with console.database.unit_of_work() as work:
        create_link(work, "dora", "viewer")
    clock.advance(hours=1)
    shown = owner.send("/users", {"name": "Bob", "role": "operator"}).text
    (link,) = re.findall(r'<code class="secret">([^<]+)</code>', shown)
    page = owner.get("/users").text
    assert "bob, as operator: made by anna, good until 2026-11-25 10:00 UTC" in page
    assert "dora, as viewer: made by the command line, good until 2026-11-25 09:00 UTC" in page
    assert "The link for bob is good for nothing now." in owner.send("/users/bob/link/revoke", {}, page="/users").text
    assert "bob, as operator" not in owner.get("/users").text
    assert "no link for bob" in owner.send("/users/bob/link/revoke", {}, page="/users").text
    assert console.visitor().get(urlsplit(link).path).status_code == 410
    clock.advance(hours=23)
    assert "dora" not in console.signed_in("eve").get("/users").text, "its day is over"
