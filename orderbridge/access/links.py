"""One-time links: the first owner's, a new user's, and that of somebody who forgot the password.

A link is for choosing a password. It works once, for a day, and only its token's hash is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

import structlog
from sqlalchemy import delete, select

from orderbridge.access.passwords import check_password, hash_password
from orderbridge.access.sessions import begin_session, hash_of, new_token
from orderbridge.access.sign_in import put_password
from orderbridge.access.users import (
    Role,
    UserRefused,
    end_links,
    find_user,
    has_owner,
    need_owner,
    plain_name,
    read_name,
)
from orderbridge.database.models import ConsoleLink, ConsoleUser
from orderbridge.database.unit_of_work import Database, Work

log = structlog.get_logger()
GOOD_FOR: Final = timedelta(days=1)


class LinkRefused(Exception):
    """The link does nothing (any more); the message says what to do."""

    def __init__(self) -> None:
        super().__init__(
            "It was used, is older than a day, or another has taken its place. Ask an owner for a new one; on the "
            "machine itself `orderbridge users create-link` makes one."
        )


@dataclass(frozen=True)
class Link:
    """A link that is good now."""

    what: Literal["first-owner", "new-user", "new-password"]
    user_name: str | None


def create_first_owner_link(work: Work) -> str:
    """The token of a link that makes the first owner. Raises UserRefused where there is one."""
    if has_owner(work):
        raise UserRefused("There is an owner already, who makes further users; name a user for a link of theirs.")
    return _keep(work, None, None, None)


def first_owner_is_awaited(work: Work) -> bool:
    """Whether there is no owner yet, and no link that would make one."""
    mine = select(ConsoleLink.token_hash).where(ConsoleLink.user_name.is_(None), ConsoleLink.expires_at > work.now)
    return not has_owner(work) and work.session.scalars(mine.limit(1)).first() is None


def create_link(work: Work, name: str, role: Role | None, *, made_by: str | None = None) -> str:
    """The token of a user's link, in the place of an earlier one: for another password, or with a role for a new user.

    `made_by` is the owner who has it made; None is who has the machine. Raises UserRefused where that is no owner any
    more, where there is no such user and no role, where a role is given for one that is there, and for a name that can
    be none.
    """
    if made_by is not None:
        need_owner(work, made_by)
    name = read_name(name)
    known = find_user(work, name)
    if known is None and role is None:
        raise UserRefused(f"There is no user {name} yet: say with a role what the new one may do.")
    if known is not None and role is not None:
        raise UserRefused(
            f"There is a user {name} already, who is {known.role}; a link needs no role, or another name."
        )
    end_links(work, name)
    return _keep(work, name, role, made_by)


def waiting_links(work: Work) -> list[ConsoleLink]:
    """The users' links that are good now, by name: at most one for each."""
    good = select(ConsoleLink).where(ConsoleLink.user_name.is_not(None), ConsoleLink.expires_at > work.now)
    return list(work.session.scalars(good.order_by(ConsoleLink.user_name)))


def revoke_link(work: Work, name: str) -> None:
    """End a user's link before its day is over. Raises UserRefused if there is none."""
    if not end_links(work, name):
        raise UserRefused(
            f"There is no link for {plain_name(name)} that is still good: it was used, or its day is over."
        )


def find_link(work: Work, token: str) -> Link:
    """What a link is for. Raises LinkRefused if it is not good now."""
    row = work.session.get(ConsoleLink, hash_of(token), with_for_update=True, populate_existing=True)
    if row is None or row.expires_at <= work.now:
        raise LinkRefused
    if row.user_name is None:
        if has_owner(work):
            raise LinkRefused
        return Link("first-owner", None)
    there = find_user(work, row.user_name) is not None
    if there is not (row.role is None):
        raise LinkRefused
    return Link("new-password" if there else "new-user", row.user_name)


def use_link(database: Database, token: str, name: str, password: str, again: str) -> str:
    """Choose the password, and a name where the link has none. Returns a new session's token.

    Raises LinkRefused, UserRefused, PasswordRefused, TooManyAtOnce.
    """
    with database.unit_of_work() as work:
        link = find_link(work, token)
    name = link.user_name or read_name(name)
    check_password(password, again, name)
    password_hash = hash_password(password)
    with database.unit_of_work() as work:
        link = find_link(work, token)  # it may have been used in this moment
        row = work.session.get_one(ConsoleLink, hash_of(token))
        role = row.role or "owner"
        if link.what == "first-owner" and (not work.try_lock("the first owner") or has_owner(work)):
            raise LinkRefused  # somebody else becomes it in this moment, by another link
        # With this link go all that are for the same: the first owner's are several, none of which has a name.
        work.session.execute(delete(ConsoleLink).where(ConsoleLink.user_name == row.user_name))
        if link.what == "new-password":
            put_password(work, name, password_hash)
        else:
            _add(work, name, password_hash, role)
        session = begin_session(work, name)
    log.info("link used", what=link.what, user=name)
    return session


def _add(work: Work, name: str, password_hash: str, role: str) -> None:
    """A new user."""
    if find_user(work, name) is not None:
        raise UserRefused(f"There is a user {name} already: take another name.")
    now = work.now
    work.session.add(
        ConsoleUser(name=name, password_hash=password_hash, role=role, created_at=now, password_changed_at=now)
    )
    work.session.flush()


def _keep(work: Work, name: str | None, role: Role | None, made_by: str | None) -> str:
    token, now = new_token(), work.now
    link = ConsoleLink(token_hash=hash_of(token), user_name=name, role=role, made_by=made_by)
    link.made_at, link.expires_at = now, now + GOOD_FOR
    work.session.add(link)
    return token
