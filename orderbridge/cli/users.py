"""Commands on the console's users."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orderbridge.access.links import GOOD_FOR, create_first_owner_link, create_link, revoke_link, waiting_links
from orderbridge.access.sign_in import locked_until, unlock
from orderbridge.access.users import ROLES, UserRefused, all_users, plain_name, read_role, remove_user, set_role
from orderbridge.api_tokens import tokens_left_by
from orderbridge.cli.application import Json, app, console, done, fail, print_json, show, unit_of_work
from orderbridge.settings import load_settings

users_app = typer.Typer(no_args_is_help=True, help="Who may use the console.")
app.add_typer(users_app, name="users")

Name = Annotated[str, typer.Argument(help="The user's name.")]
_ROLES = "; ".join(f"{role} {words}" for role, words in ROLES.items())


@users_app.command(name="list")
def list_users(as_json: Json = False) -> None:
    """All users of the console, what each may do, and whether one is locked after wrong passwords.

    Next: `orderbridge users create-link NAME` lets one choose a password.
    """
    with unit_of_work() as work:
        rows: list[dict[str, Any]] = [
            {
                "name": user.name,
                "role": user.role,
                "signed_in_at": user.signed_in_at,
                "password_changed_at": user.password_changed_at,
                "locked_until": locked_until(work, user.name),
            }
            for user in all_users(work)
        ]
    show(rows, as_json, "Nobody yet. `orderbridge users create-link` makes the link for the first owner.")


@users_app.command(name="create-link")
def create_user_link(
    name: Annotated[
        str | None, typer.Argument(help="Whose link; without it, the link that makes the first owner.")
    ] = None,
    role: Annotated[str | None, typer.Option(help=f"Of a new user: {_ROLES}.")] = None,
    as_json: Json = False,
) -> None:
    """Make a link with which a person chooses a password, once: the first owner, a new user, or one who forgot it.

    Example: `orderbridge users create-link anna --role operator`

    Next: give the link to that person. It ends after a day; a new link for the same user takes its place.
    """
    if name is None and role is not None:
        raise typer.BadParameter("a role is for a new user: say the name too")
    public_url = load_settings().public_url
    with unit_of_work() as work:
        try:
            if name is None:
                token = create_first_owner_link(work)
            else:
                token = create_link(work, name, read_role(role) if role is not None else None)
        except UserRefused as error:
            raise typer.BadParameter(str(error)) from None
        expires_at = work.now + GOOD_FOR
    link = f"{public_url.rstrip('/')}/join/{token}"
    if as_json:
        print_json({"link": link, "expires_at": expires_at})
    else:
        console.print(link, markup=False, highlight=False, soft_wrap=True)
        console.print(f"It works once, until {expires_at:%Y-%m-%d %H:%M} UTC.", markup=False, highlight=False)


@users_app.command(name="links")
def list_links(as_json: Json = False) -> None:
    """The links that wait to be used: for whom, with which role, and who made each.

    Next: `orderbridge users revoke-link NAME` ends one before its day is over.
    """
    with unit_of_work() as work:
        rows: list[dict[str, Any]] = [
            {
                "name": link.user_name,
                "what": f"comes in as {link.role}" if link.role else "chooses a password",
                "made_by": link.made_by or "command line",
                "expires_at": link.expires_at,
            }
            for link in waiting_links(work)
        ]
    show(rows, as_json, "No link waits. `orderbridge users create-link NAME` makes one.")


@users_app.command(name="revoke-link")
def revoke_user_link(name: Name, as_json: Json = False) -> None:
    """End a link before it is used.

    Next: `orderbridge users links` shows which are left.
    """
    with unit_of_work() as work:
        try:
            revoke_link(work, name)
        except UserRefused as error:
            fail(str(error))
    done(f"The link for {plain_name(name)} is good for nothing now.", as_json, name=plain_name(name), revoked=True)


@users_app.command(name="set-role")
def set_user_role(name: Name, role: Annotated[str, typer.Argument(help=f"{_ROLES}.")], as_json: Json = False) -> None:
    """Give a user another role. It counts from the next page on; store tokens that it may not make are named.

    Example: `orderbridge users set-role anna viewer`

    Next: `orderbridge users list`
    """
    with unit_of_work() as work:
        try:
            new = read_role(role)
            set_role(work, name, new)
        except UserRefused as error:
            raise typer.BadParameter(str(error)) from None
        tokens = tokens_left_by(work, plain_name(name), new)
    told = f"{plain_name(name)} is {role}.{_still_good(tokens)}"
    done(told, as_json, name=plain_name(name), role=role, good_tokens=tokens)


@users_app.command(name="unlock")
def unlock_user(name: Name, as_json: Json = False) -> None:
    """Forget a user's wrong passwords, ten of which lock it for an hour.

    Next: `orderbridge users create-link NAME` for somebody who has forgotten the password.
    """
    with unit_of_work() as work:
        was_locked = unlock(work, name)
    if not was_locked:
        fail(f"{plain_name(name)} is not locked. `orderbridge users list` shows who is.")
    done(f"{plain_name(name)} is unlocked.", as_json, name=plain_name(name), unlocked=True)


@users_app.command(name="remove")
def remove_one_user(name: Name, as_json: Json = False) -> None:
    """Remove a user and sign it out everywhere. The last owner stays.

    Next: `orderbridge tokens revoke TOKEN`: the store tokens that a user made stay good, and are named.
    """
    with unit_of_work() as work:
        try:
            remove_user(work, name)
        except UserRefused as error:
            fail(str(error))
        tokens = tokens_left_by(work, plain_name(name), None)
    told = f"{plain_name(name)} is removed.{_still_good(tokens)}"
    done(told, as_json, name=plain_name(name), removed=True, good_tokens=tokens)


def _still_good(tokens: list[str]) -> str:
    return f" Tokens that this user made are still good: {', '.join(tokens)}." if tokens else ""
