"""The console's users and what each may do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal, cast, get_args

from sqlalchemy import ColumnElement, delete, or_, select

from orderbridge.access.sessions import end_sessions
from orderbridge.database.models import ConsoleLink, ConsoleUser
from orderbridge.database.unit_of_work import Work

Role = Literal["viewer", "operator", "owner"]
ROLES: Final[dict[Role, str]] = {
    "viewer": "sees everything but personal data, and changes nothing",
    "operator": "sees everything, changes settings, makes store tokens, mends what went wrong",
    "owner": "does everything, and says who may use the console",
}
"""Each role and what it may do; a later one may do what an earlier one may."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,59}")


class UserRefused(ValueError):
    """It cannot be done to this user; the message says why and what to do."""


def may(role: str, needed: Role) -> bool:
    """Whether a user of that role may do what needs the other."""
    order = list(ROLES)
    return role in order and order.index(role) >= order.index(needed)


def read_name(text: str) -> str:
    """A user's name as it is kept. Raises UserRefused for what can be none."""
    name = plain_name(text)
    if not _NAME.fullmatch(name):
        raise UserRefused("A name has 1 to 60 letters, digits and . _ @ + -, such as anna or anna@example.com.")
    return name


def plain_name(text: str) -> str:
    """What somebody typed for a name, in the form in which names are compared."""
    return text.strip().lower()


def read_role(text: str) -> Role:
    """A role by its name. Raises UserRefused."""
    if text not in get_args(Role):
        raise UserRefused(f"There is no such role; choose one of {', '.join(ROLES)}.")
    return cast(Role, text)


def all_users(work: Work) -> list[ConsoleUser]:
    """Every user, by name."""
    return list(work.session.scalars(select(ConsoleUser).order_by(ConsoleUser.name)))


def find_user(work: Work, name: str) -> ConsoleUser | None:
    """The user of that name, locked until the transaction ends."""
    return work.session.get(ConsoleUser, plain_name(name), with_for_update=True, populate_existing=True)


def need_user(work: Work, name: str) -> ConsoleUser:
    """The same. Raises UserRefused if there is none."""
    user = find_user(work, name)
    if user is None:
        raise UserRefused(f"There is no user {name}. `orderbridge users list` shows them.")
    return user


def has_owner(work: Work) -> bool:
    """Whether anybody may say who uses the console."""
    return (
        work.session.scalars(select(ConsoleUser.name).where(ConsoleUser.role == "owner").limit(1)).first() is not None
    )


def set_role(work: Work, name: str, role: Role) -> bool:
    """Give a user another role, which counts from the next page on; False if it is that already.

    The links that a former owner made end with that: one of them might be for an owner again.
    Raises UserRefused for an unknown user, and for the last owner.
    """
    _lock_owners(work)
    user = need_user(work, name)
    if user.role == role:
        return False
    _keep_an_owner(work, user)
    user.role = role
    if not may(role, "owner"):
        _end_links(work, ConsoleLink.made_by == user.name)
    return True


def remove_user(work: Work, name: str) -> None:
    """Remove a user, with sessions and links: those for this user, and those that this user made for anybody.

    Raises UserRefused for an unknown one, and for the last owner.
    """
    _lock_owners(work)
    user = need_user(work, name)
    _keep_an_owner(work, user)
    end_sessions(work, user.name)
    _end_links(work, or_(ConsoleLink.user_name == user.name, ConsoleLink.made_by == user.name))
    work.session.delete(user)


def end_links(work: Work, user_name: str) -> bool:
    """Have the links for a user, who is there or is to come, be good for nothing; False if there are none."""
    return _end_links(work, ConsoleLink.user_name == plain_name(user_name))


def need_owner(work: Work, name: str) -> None:
    """Raises UserRefused unless that user is an owner, who stays one until the transaction ends."""
    if name not in _lock_owners(work):
        raise UserRefused(f"{name} is no owner any more: only owners say who may use the console.")


def _end_links(work: Work, which: ColumnElement[bool]) -> bool:
    ended = work.session.scalars(delete(ConsoleLink).where(which).returning(ConsoleLink.token_hash))
    return bool(ended.all())


def _lock_owners(work: Work) -> Sequence[str]:
    """The owners' names. Two owners who remove each other at once take turns."""
    owners = select(ConsoleUser.name).where(ConsoleUser.role == "owner").order_by(ConsoleUser.name)
    return work.session.scalars(owners.with_for_update()).all()


def _keep_an_owner(work: Work, user: ConsoleUser) -> None:
    another = select(ConsoleUser.name).where(ConsoleUser.role == "owner", ConsoleUser.name != user.name).limit(1)
    if user.role == "owner" and work.session.scalars(another).first() is None:
        raise UserRefused(f"{user.name} is the last owner: make another user an owner first.")
