"""Sessions of the console: 256 random bits in a cookie, of which only a hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select

from orderbridge.database.models import ConsoleSession, ConsoleUser
from orderbridge.database.unit_of_work import Work

IDLE_FOR: Final = timedelta(hours=8)
LONGEST: Final = timedelta(days=7)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class SignedIn:
    """The user of a session, as it is now."""

    name: str
    role: str


def new_token() -> str:
    """256 random bits, of 43 characters."""
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """What is kept of a token: plain SHA-256 is enough for random bits, which nobody guesses."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def begin_session(work: Work, user_name: str) -> str:
    """A new session's token. It is always a new one: a token from before the login is good for nothing after it."""
    token, now = new_token(), work.now
    work.session.add(
        ConsoleSession(
            token_hash=hash_of(token), user_name=user_name, begun_at=now, seen_at=now, expires_at=now + LONGEST
        )
    )
    return token


def find_session(work: Work, token: str, *, used: bool = True) -> SignedIn | None:
    """Whose session it is, if it is good now. Notes that it was used, unless a script asks by itself (`used`)."""
    found = work.session.execute(
        select(ConsoleSession, ConsoleUser)
        .join(ConsoleUser, ConsoleUser.name == ConsoleSession.user_name)
        .where(ConsoleSession.token_hash == hash_of(token))
    ).one_or_none()
    if found is None:
        return None
    session, user = found
    now = work.now
    if session.expires_at <= now or session.seen_at + IDLE_FOR <= now:
        work.session.delete(session)
        return None
    if used and session.seen_at <= now - _MINUTE:
        session.seen_at = now
    return SignedIn(user.name, user.role)


def end_session(work: Work, token: str) -> None:
    """Sign this browser out."""
    work.session.execute(delete(ConsoleSession).where(ConsoleSession.token_hash == hash_of(token)))


def end_sessions(work: Work, user_name: str) -> None:
    """Sign a user out everywhere."""
    work.session.execute(delete(ConsoleSession).where(ConsoleSession.user_name == user_name))
