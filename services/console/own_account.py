"""The page of whoever has signed in: the password, and the sessions."""

from __future__ import annotations

from starlette.responses import Response

from orderbridge.access.passwords import PasswordRefused
from orderbridge.access.sessions import end_sessions, new_token
from orderbridge.access.sign_in import Locked, WrongPassword, change_password
from orderbridge.access.users import ROLES
from services.console.signing_in import locked_words
from services.console.visit import Visit


def show_me(visit: Visit) -> Response:
    """Who I am, and what I may do."""
    return _page(visit)


def change_my_password(visit: Visit) -> Response:
    """Another password, for whoever knows the present one; every other browser is signed out."""
    try:
        token = change_password(
            visit.database, visit.name, visit.said("password"), visit.said("new"), visit.said("again")
        )
    except PasswordRefused as refusal:
        return _page(visit, 422, new_problem=str(refusal))
    except WrongPassword:
        return _page(visit, 422, problem="This is not your present password.")
    except Locked as locked:
        return _page(visit, 429, problem=locked_words(locked))
    visit.renew(token)
    return _page(visit, notice="Your password is changed. Every other browser was signed out.")


def sign_out_everywhere(visit: Visit) -> Response:
    """End all sessions of mine, this one too."""
    with visit.database.unit_of_work() as work:
        end_sessions(work, visit.name)
    visit.renew(new_token())
    return visit.redirect("/login")


def _page(
    visit: Visit,
    status: int = 200,
    *,
    notice: str | None = None,
    problem: str | None = None,
    new_problem: str | None = None,
) -> Response:
    return visit.page("me.html", status, roles=ROLES, notice=notice, problem=problem, new_problem=new_problem)
