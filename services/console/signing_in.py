"""The login, and its end."""

from __future__ import annotations

from starlette.responses import Response

from orderbridge.access.sessions import end_session, new_token
from orderbridge.access.sign_in import Locked, WrongPassword, sign_in
from services.console.visit import Visit, local_path

WRONG = "This name and this password do not belong together. Check both, and the Caps Lock key."


def show_login(visit: Visit) -> Response:
    """The form; who has signed in already goes on."""
    wanted = local_path(visit.query.get("next", "/"))
    return visit.redirect(wanted) if visit.user is not None else _form(visit, wanted)


def log_in(visit: Visit) -> Response:
    """Begin a session with a token of its own, and go on to where the visitor wanted."""
    wanted = local_path(visit.said("next"))
    try:
        token = sign_in(visit.database, visit.said("name"), visit.said("password"))
    except WrongPassword:
        return _form(visit, wanted, 401, WRONG)
    except Locked as locked:
        return _form(visit, wanted, 429, locked_words(locked))
    with visit.database.unit_of_work() as work:
        end_session(work, visit.token)
    visit.renew(token)
    return visit.redirect(wanted)


def log_out(visit: Visit) -> Response:
    """End the session, here and in the database."""
    with visit.database.unit_of_work() as work:
        end_session(work, visit.token)
    visit.renew(new_token())
    return visit.redirect("/login")


def locked_words(locked: Locked) -> str:
    """What a visitor is told, whether there is such a user or not."""
    return (
        f"Ten wrong passwords in a row: this name is locked until {locked.until:%H:%M} UTC. An owner can unlock it on "
        "the page Users, and on the machine itself `orderbridge users unlock` does."
    )


def _form(visit: Visit, wanted: str, status: int = 200, problem: str | None = None) -> Response:
    return visit.page("login.html", status, next=wanted, name=visit.said("name"), problem=problem)
