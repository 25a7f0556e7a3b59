"""What may be a password, and that a wrong one takes as long as one of nobody."""

from __future__ import annotations

import threading
from typing import Literal

import pytest
from argon2 import PasswordHasher

from orderbridge.access import passwords
from orderbridge.access.passwords import PasswordRefused, TooManyAtOnce, check_password, hash_password, is_right

GOOD = "correct horse battery"


@pytest.mark.parametrize(
    ("password", "again", "told"),
    [
        ("eleven char", "eleven char", "at least 12"),
        ("x" * 201, "x" * 201, "at most 200"),
        ("aaaaaaaaaaaaaa", "aaaaaaaaaaaaaa", "easily guessed"),
        ("Anna-is-my-name", "Anna-is-my-name", "easily guessed"),
        (GOOD, GOOD + " ", "not the same"),
    ],
)
def test_what_can_be_no_password_is_refused(password: str, again: str, told: str) -> None:
    with pytest.raises(PasswordRefused, match=told):
        check_password(password, again, "anna")


def test_twelve_characters_of_any_script_do() -> None:
    check_password("twelve-chars", "twelve-chars", "anna")
    check_password("пароль из слов", "пароль из слов", "anna")


def test_it_is_kept_as_argon2id_with_a_salt() -> None:
    first, second = hash_password(GOOD), hash_password(GOOD)
    assert first != second
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")  # RFC 9106, section 4, the second choice
    assert is_right(GOOD, first)
    assert not is_right(GOOD + "!", first)


def test_a_composed_letter_is_the_same_letter() -> None:
    assert is_right("cafe\u0301 in the morning", hash_password("caf\u00e9 in the morning"))


@pytest.mark.parametrize("kept", [None, "", "no hash at all"])
def test_without_a_good_hash_nothing_is_right(kept: str | None) -> None:
    assert not is_right(GOOD, kept)


def test_nobodys_password_is_hashed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of an answer must not tell whether there is such a user: both are one whole argon2id."""
    hashed: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            hashed.append(str(hash).rpartition("$")[0].rpartition("$")[0])
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    passwords.nobodys_hash.cache_clear()  # a test before this one may have made a weak one
    assert not is_right("wrong password", hash_password(GOOD))
    assert not is_right("wrong password", None)
    assert len(hashed) == 2
    assert len(set(hashed)) == 1, "with the same parameters"


def test_only_so_many_are_hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_AT_ONCE", threading.BoundedSemaphore(1))
    monkeypatch.setattr(passwords, "_WAIT_SECONDS", 0.01)
    with passwords._AT_ONCE, pytest.raises(TooManyAtOnce):
        is_right(GOOD, None)
    assert not is_right(GOOD, None)
