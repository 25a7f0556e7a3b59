"""Users, the lock-out, sessions and one-time links, on both databases, by a clock moved by hand."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select

from orderbridge.access import sign_in as signing
from orderbridge.access.passwords import TooManyAtOnce, is_right
from orderbridge.access.sessions import IDLE_FOR, LONGEST, begin_session, end_session, find_session
from orderbridge.access.sign_in import (
    LOCKED_FOR,
    MOST_FAILURES,
    Locked,
    WrongPassword,
    change_password,
    locked_until,
    sign_in,
    unlock,
)
from orderbridge.access.users import UserRefused, need_user, remove_user, set_role
from orderbridge.database.models import ConsoleSession, ConsoleUser, LoginFailure
from orderbridge.database.unit_of_work import Database
from tests.parts.console import PASSWORD, add_user
from tests.parts.hand_clock import HandClock

OTHER = "another long password"


@pytest.fixture
def anna(database: Database) -> str:
    """An owner."""
    add_user(database, "anna")
    return "anna"


def fail(database: Database, name: str, times: int) -> None:
    for _ in range(times):
        with pytest.raises((WrongPassword, Locked)):
            sign_in(database, name, "a wrong password")


def user_of(database: Database, token: str) -> str | None:
    with database.unit_of_work() as work:
        found = find_session(work, token)
    return found.name if found is not None else None


# --- the lock-out


@pytest.mark.parametrize("name", ["anna", "nobody"])
def test_ten_wrong_passwords_lock_a_name_whether_there_is_such_a_user_or_not(
    database: Database, clock: HandClock, anna: str, name: str
) -> None:
    for _ in range(MOST_FAILURES - 1):
        with pytest.raises(WrongPassword):
            sign_in(database, name, "a wrong password")
        clock.advance(minutes=1)
    with pytest.raises(Locked) as locked:
        sign_in(database, name, "a wrong password")
    assert locked.value.until == clock.now() + LOCKED_FOR
    clock.advance(minutes=59)
    with pytest.raises(Locked) as still:
        sign_in(database, name.upper(), PASSWORD)
    assert still.value.until == locked.value.until, "asking on does not make it longer"


def test_the_lock_ends_by_itself_after_an_hour(database: Database, clock: HandClock, anna: str) -> None:
    fail(database, anna, MOST_FAILURES)
    clock.advance(minutes=60)
    with pytest.raises(WrongPassword):  # and it begins to count anew
        sign_in(database, anna, "a wrong password")
    assert user_of(database, sign_in(database, anna, PASSWORD)) == "anna"


def test_the_right_password_forgets_wrong_ones(database: Database, anna: str) -> None:
    for _ in range(2):
        fail(database, anna, MOST_FAILURES - 1)
        sign_in(database, anna, PASSWORD)
    with database.unit_of_work() as work:
        assert work.session.scalar(select(func.count()).select_from(LoginFailure)) == 0


def test_unlocked_by_an_owner(database: Database, anna: str) -> None:
    fail(database, anna, MOST_FAILURES)
    with database.unit_of_work() as work:
        assert locked_until(work, anna) is not None
        assert unlock(work, "Anna")
        assert not unlock(work, anna)
    assert sign_in(database, anna, PASSWORD)


def test_many_guesses_at_once_are_ten_guesses(database: Database, anna: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def counting(password: str, kept: str | None) -> bool:
        tried.append(password)
        return is_right(password, kept)

    monkeypatch.setattr(signing, "is_right", counting)
    threads = [threading.Thread(target=fail, args=(database, anna, 5)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tried) == MOST_FAILURES


def test_what_nobody_had_time_to_check_counts_for_nothing(
    database: Database, anna: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> bool:
        raise TooManyAtOnce

    with monkeypatch.context() as patch:
        patch.setattr(signing, "is_right", busy)
        for _ in range(MOST_FAILURES + 1):
            with pytest.raises(TooManyAtOnce):
                sign_in(database, anna, PASSWORD)
    assert sign_in(database, anna, PASSWORD)


def test_a_wrong_present_password_counts_too(database: Database, anna: str) -> None:
    for _ in range(MOST_FAILURES - 1):
        with pytest.raises(WrongPassword):
            change_password(database, anna, "a wrong password", OTHER, OTHER)
    with pytest.raises(Locked):
        change_password(database, anna, "a wrong password", OTHER, OTHER)


def test_a_hash_of_older_parameters_is_made_anew(database: Database, anna: str) -> None:
    with database.unit_of_work() as work:
        need_user(work, anna).password_hash = PasswordHasher(time_cost=2, memory_cost=64, parallelism=1).hash(PASSWORD)
    sign_in(database, anna, PASSWORD)
    with database.unit_of_work() as work:
        assert ",t=1," in need_user(work, anna).password_hash
    assert sign_in(database, anna, PASSWORD)


# --- sessions


def test_only_a_hash_of_the_token_is_kept(database: Database, anna: str) -> None:
    token = sign_in(database, anna, PASSWORD)
    with database.unit_of_work() as work:
        rows = work.session.scalars(select(ConsoleSession)).all()
        assert all(token not in str(vars(row)) for row in rows)
        assert find_session(work, rows[0].token_hash) is None, "what is kept opens nothing"


def test_a_session_ends_when_it_is_idle(database: Database, clock: HandClock, anna: str) -> None:
    token = sign_in(database, anna, PASSWORD)
    for _ in range(3):
        clock.advance(seconds=IDLE_FOR.total_seconds() - 60)
        assert user_of(database, token) == anna
    clock.advance(seconds=IDLE_FOR.total_seconds())
    assert user_of(database, token) is None


def test_a_session_ends_after_seven_days_however_much_it_is_used(
    database: Database, clock: HandClock, anna: str
) -> None:
    token, began = sign_in(database, anna, PASSWORD), clock.now()
    while clock.now() + timedelta(hours=6) < began + LONGEST:
        clock.advance(hours=6)
        assert user_of(database, token) == anna
    clock.advance(hours=6)
    assert user_of(database, token) is None


def test_another_password_ends_all_sessions(database: Database, anna: str) -> None:
    old = [sign_in(database, anna, PASSWORD) for _ in range(2)]
    token = change_password(database, anna, PASSWORD, OTHER, OTHER)
    assert [user_of(database, one) for one in (*old, token)] == [None, None, anna]
    with pytest.raises(WrongPassword):
        sign_in(database, anna, PASSWORD)
    assert sign_in(database, anna, OTHER)


def test_signed_out_is_signed_out(database: Database, anna: str) -> None:
    one, other = (sign_in(database, anna, PASSWORD) for _ in range(2))
    with database.unit_of_work() as work:
        end_session(work, one)
    assert (user_of(database, one), user_of(database, other)) == (None, anna)


def test_a_removed_user_is_signed_out_and_a_role_counts_at_once(database: Database, anna: str) -> None:
    token = add_user(database, "bob", "viewer")
    with database.unit_of_work() as work:
        set_role(work, "bob", "operator")
        found = find_session(work, token)
        assert found is not None
        assert found.role == "operator"
        remove_user(work, "bob")
        assert find_session(work, token) is None
        assert begin_session(work, "bob")
    with pytest.raises(WrongPassword):
        sign_in(database, "bob", PASSWORD)


def test_the_last_owner_stays(database: Database, anna: str) -> None:
    for attempt in (lambda work: remove_user(work, "anna"), lambda work: set_role(work, "anna", "viewer")):
        with pytest.raises(UserRefused, match="the last owner"), database.unit_of_work() as work:
            attempt(work)
    add_user(database, "bob", "owner")
    with database.unit_of_work() as work:
        assert set_role(work, "anna", "viewer")


def test_two_owners_who_remove_each_other_leave_one(database: Database, anna: str) -> None:
    add_user(database, "bob", "owner")
    both = threading.Barrier(2)

    def remove(name: str) -> None:
        both.wait()
        with database.unit_of_work() as work:
            try:
                remove_user(work, name)
            except UserRefused:
                work.rollback()

    threads = [threading.Thread(target=remove, args=(name,)) for name in ("anna", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.unit_of_work() as work:
        assert len(work.session.scalars(select(ConsoleUser)).all()) == 1
