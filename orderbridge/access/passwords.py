"""Passwords: how long they are, and how they are kept (argon2id with the parameters of RFC 9106)."""

from __future__ import annotations

import secrets
import threading
import unicodedata
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 12
LONGEST: Final = 200
_AT_ONCE = threading.BoundedSemaphore(2)  # each takes 64 MiB for a moment
_WAIT_SECONDS = 5.0
_hasher = PasswordHasher()


class PasswordRefused(ValueError):
    """This cannot be a password; the message says what was expected."""


class TooManyAtOnce(Exception):
    """More passwords are being checked than this process has memory for: to be asked again in a moment."""


def check_password(password: str, again: str, name: str) -> None:
    """Raises PasswordRefused unless this is a password for that user, typed alike twice."""
    if len(password) < SHORTEST:
        raise PasswordRefused(f"A password has at least {SHORTEST} characters; a few words in a row are good.")
    if len(password) > LONGEST:
        raise PasswordRefused(f"A password has at most {LONGEST} characters.")
    if len(set(password.casefold())) < 4 or name.casefold() in password.casefold():
        raise PasswordRefused("This is easily guessed: take one with more different characters, and without the name.")
    if password != again:
        raise PasswordRefused("The two passwords are not the same: type them again.")


def hash_password(password: str) -> str:
    """What is kept of it. Raises TooManyAtOnce."""
    with _turn():
        return _hasher.hash(_plain(password))


def is_right(password: str, kept: str | None) -> bool:
    """Whether this is the password that was kept. Without one (there is no such user) it takes as long to say no.

    Raises TooManyAtOnce.
    """
    if len(password) > LONGEST:
        return False  # of a user or not: none has such a password
    with _turn():
        try:
            return _hasher.verify(kept or nobodys_hash(), _plain(password)) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(kept: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(kept)


@cache
def nobodys_hash() -> str:
    """A hash of no password, made once: a process that answers people calls this at its start."""
    return _hasher.hash(secrets.token_urlsafe(32))


class _turn:
    def __enter__(self) -> None:
        if not _AT_ONCE.acquire(timeout=_WAIT_SECONDS):
            raise TooManyAtOnce

    def __exit__(self, *_: object) -> None:
        _AT_ONCE.release()


def _plain(password: str) -> str:
    # One password, whichever way a keyboard composes its letters (NIST SP 800-63B, section 5.1.1.2).
    return unicodedata.normalize("NFKC", password)
