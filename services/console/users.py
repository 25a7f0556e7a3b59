"""The page of users, for owners: who there is, links for new ones, roles, locks."""

from __future__ import annotations

from starlette.responses import Response

from orderbridge.access.links import create_link, revoke_link, waiting_links
from orderbridge.access.sign_in import locked_until, unlock
from orderbridge.access.users import (
    ROLES,
    Role,
    UserRefused,
    all_users,
    plain_name,
    read_role,
    remove_user,
    set_role,
)
from orderbridge.api_tokens import tokens_left_by
from orderbridge.database.unit_of_work import Work
from services.console.visit import Visit


def list_users(visit: Visit) -> Response:
    """Everybody, and the forms."""
    return _page(visit)


def invite_user(visit: Visit) -> Response:
    """A link for a new user, shown this once."""
    return _with_link(visit, visit.said("name"), visit.said("role"))


def make_link(visit: Visit) -> Response:
    """A link for a user who forgot the password, shown this once."""
    return _with_link(visit, visit.parameters["name"], None)


def end_link(visit: Visit) -> Response:
    """Revoke a link that nobody has used yet."""
    name = visit.parameters["name"]
    try:
        with visit.database.unit_of_work() as work:
            revoke_link(work, name)
    except UserRefused as refusal:
        return _page(visit, 422, problem=str(refusal))
    visit.note("link revoked", user=name)
    return _page(visit, notice=f"The link for {name} is good for nothing now.")


def change_role(visit: Visit) -> Response:
    """Another role."""
    name, role = visit.parameters["name"], visit.said("role")
    try:
        with visit.database.unit_of_work() as work:
            changed = set_role(work, name, read_role(role))
            tokens = _still_good(work, name, read_role(role))
    except UserRefused as refusal:
        return _page(visit, 422, problem=str(refusal))
    if changed:
        visit.note("role changed", user=name, role=role)
    if name == visit.name and role != "owner":
        return visit.redirect("/")  # this page is not theirs any more
    return _page(visit, notice=f"{name} is {role} from now on.{tokens}" if changed else f"{name} was {role} already.")


def unlock_user(visit: Visit) -> Response:
    """Forget wrong passwords."""
    name = visit.parameters["name"]
    with visit.database.unit_of_work() as work:
        was_locked = unlock(work, name)
    if was_locked:
        visit.note("user unlocked", user=name)
    return _page(visit, notice=f"{name} is unlocked." if was_locked else f"{name} was not locked any more.")


def remove_one_user(visit: Visit) -> Response:
    """Remove a user, if the box beside the button is ticked."""
    name = visit.parameters["name"]
    if visit.said("sure") != "yes":
        return _page(visit, 422, problem=f"{name} was not removed: tick the box beside the button, too.")
    try:
        with visit.database.unit_of_work() as work:
            remove_user(work, name)
            tokens = _still_good(work, name, None)
    except UserRefused as refusal:
        return _page(visit, 422, problem=str(refusal))
    visit.note("user removed", user=name)
    return visit.redirect("/login") if name == visit.name else _page(visit, notice=f"{name} is removed.{tokens}")


def _still_good(work: Work, name: str, role: Role | None) -> str:
    """What a user leaves behind who may not make such tokens any more."""
    tokens = tokens_left_by(work, plain_name(name), role)
    if not tokens:
        return ""
    return f" Tokens that {name} made are still good; the page Store tokens revokes them: {', '.join(tokens)}."


def _with_link(visit: Visit, name: str, role: str | None) -> Response:
    try:
        with visit.database.unit_of_work() as work:
            token = create_link(work, name, read_role(role) if role is not None else None, made_by=visit.name)
    except UserRefused as refusal:
        where = {"invite_problem": str(refusal)} if role is not None else {"problem": str(refusal)}
        return _page(visit, 422, **where)
    name = plain_name(name)
    visit.note("link made", user=name, role=role)
    return _page(visit, link=f"{visit.site.origin}/join/{token}", link_for=name)


def _page(
    visit: Visit,
    status: int = 200,
    *,
    notice: str | None = None,
    problem: str | None = None,
    invite_problem: str | None = None,
    link: str | None = None,
    link_for: str | None = None,
) -> Response:
    with visit.database.unit_of_work() as work:
        rows = [(user, locked_until(work, user.name)) for user in all_users(work)]
        waiting = waiting_links(work)
    return visit.page(
        "users.html",
        status,
        rows=rows,
        waiting=waiting,
        roles=ROLES,
        notice=notice,
        problem=problem,
        invite_problem=invite_problem,
        typed={"name": visit.said("name"), "role": visit.said("role")} if invite_problem else {"name": "", "role": ""},
        link=link,
        link_for=link_for,
    )
