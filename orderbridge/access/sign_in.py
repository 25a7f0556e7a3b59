"""Signing in: the password is checked outside of any transaction, and counted as wrong before it is checked.

Whether there is such a user shows neither in the answer nor in its time; wrong passwords are counted for names that
nobody has, too. Counting first, in one statement, is what keeps many attempts at once within the ten.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import case, delete, or_, update

from orderbridge.access.passwords import TooManyAtOnce, check_password, hash_password, is_outdated, is_right
from orderbridge.access.sessions import begin_session, end_sessions
from orderbridge.access.users import end_links, find_user, plain_name
from orderbridge.database.models import LoginFailure
from orderbridge.database.unit_of_work import Database, Work

log = structlog.get_logger()
MOST_FAILURES: Final = 10
LOCKED_FOR: Final = timedelta(hours=1)
"""From the last of them; so long without one, and they are forgotten."""


class WrongPassword(Exception):
    """There is no such user, or it is another password: nobody is told which."""


class Locked(Exception):
    """Too many wrong passwords for this name, whether there is such a user or not."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"locked until {until:%Y-%m-%d %H:%M} UTC")
        self.until = until


def sign_in(database: Database, name: str, password: str) -> str:
    """A new session's token. Raises WrongPassword, Locked, TooManyAtOnce."""
    kept = _check(database, name, password)
    fresh = hash_password(password) if is_outdated(kept) else kept
    with database.unit_of_work() as work:
        user = find_user(work, name)
        if user is None or user.password_hash != kept:  # removed or changed in this moment
            raise WrongPassword
        _forget(work, name)
        user.password_hash = fresh
        user.signed_in_at = work.now
        token = begin_session(work, user.name)
    log.info("signed in", user=user.name)
    return token


def change_password(database: Database, name: str, password: str, new: str, again: str) -> str:
    """Give a user who knows the password another. All sessions end; returns the token of a new one.

    Raises PasswordRefused, WrongPassword, Locked, TooManyAtOnce.
    """
    check_password(new, again, name)
    kept = _check(database, name, password)
    fresh = hash_password(new)
    with database.unit_of_work() as work:
        user = find_user(work, name)
        if user is None or user.password_hash != kept:
            raise WrongPassword
        _forget(work, name)
        put_password(work, name, fresh)
        token = begin_session(work, user.name)
    log.info("password changed", user=user.name)
    return token


def put_password(work: Work, name: str, password_hash: str) -> None:
    """Keep a user's new password, by its hash; all sessions and links of theirs end, and wrong ones are forgotten."""
    user = find_user(work, name)
    if user is None:
        raise WrongPassword
    user.password_hash = password_hash
    user.password_changed_at = work.now
    end_sessions(work, user.name)
    end_links(work, user.name)
    _forget(work, name)


def unlock(work: Work, name: str) -> bool:
    """Forget the wrong passwords of a name; True if it was locked."""
    locked = locked_until(work, name) is not None
    _forget(work, name)
    return locked


def locked_until(work: Work, name: str) -> datetime | None:
    """Until when nobody signs in by that name, or None."""
    row = work.session.get(LoginFailure, _hash(name), populate_existing=True)
    if row is None or row.failures < MOST_FAILURES or row.last_at + LOCKED_FOR <= work.now:
        return None
    return row.last_at + LOCKED_FOR


def _check(database: Database, name: str, password: str) -> str:
    """The hash of the password that was right. Raises WrongPassword, Locked, TooManyAtOnce."""
    with database.unit_of_work() as work:
        failures = _count(work, name)
        if failures is None:
            until = locked_until(work, name)
            raise Locked(until if until is not None else work.now)
        user = find_user(work, name)
        kept = user.password_hash if user is not None else None
    try:
        if is_right(password, kept) and kept is not None:
            return kept
    except TooManyAtOnce:  # nobody has looked at it: it was no wrong one
        with database.unit_of_work() as work:
            _take_back(work, name)
        raise
    log.warning("wrong password", failures=failures)
    if failures >= MOST_FAILURES:
        with database.unit_of_work() as work:
            if (until := locked_until(work, name)) is not None:
                raise Locked(until)
    raise WrongPassword


def _count(work: Work, name: str) -> int | None:
    """Count an attempt as failed, until it is known better: how many there are, or None if the name is locked."""
    now = work.now
    over = LoginFailure.last_at <= now - LOCKED_FOR
    counted = (
        work.insert(LoginFailure)
        .values(name_hash=_hash(name), failures=1, last_at=now)
        .on_conflict_do_update(
            index_elements=["name_hash"],
            set_={"failures": case((over, 1), else_=LoginFailure.failures + 1), "last_at": now},
            where=or_(LoginFailure.failures < MOST_FAILURES, over),
        )
        .returning(LoginFailure.failures)
    )
    failures: int | None = work.session.scalars(counted).one_or_none()
    return failures


def _take_back(work: Work, name: str) -> None:
    counted = update(LoginFailure).where(LoginFailure.name_hash == _hash(name), LoginFailure.failures > 0)
    work.session.execute(counted.values(failures=LoginFailure.failures - 1))


def _forget(work: Work, name: str) -> None:
    work.session.execute(delete(LoginFailure).where(LoginFailure.name_hash == _hash(name)))


def _hash(name: str) -> str:
    return hashlib.sha256(plain_name(name).encode("utf-8", "surrogatepass")).hexdigest()
