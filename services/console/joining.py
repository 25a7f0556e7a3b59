"""One-time links: the first owner, a new user, or somebody who forgot the password chooses one."""

from __future__ import annotations

from starlette.responses import Response

from orderbridge.access.links import LinkRefused, find_link, use_link
from orderbridge.access.passwords import PasswordRefused
from orderbridge.access.sessions import end_session
from orderbridge.access.users import UserRefused
from services.console.visit import Stop, Visit


def show_link(visit: Visit) -> Response:
    """The form. To look at a link does not use it up: mail programs look at links, too."""
    return _form(visit)


def use_the_link(visit: Visit) -> Response:
    """Keep the password, and go on as that user."""
    try:
        token = use_link(
            visit.database,
            visit.parameters["token"],
            visit.said("name"),
            visit.said("password"),
            visit.said("again"),
        )
    except UserRefused as refusal:
        return _form(visit, 422, name_problem=str(refusal))
    except PasswordRefused as refusal:
        return _form(visit, 422, password_problem=str(refusal))
    except LinkRefused as refusal:
        raise _over(refusal) from None
    with visit.database.unit_of_work() as work:
        end_session(work, visit.token)
    visit.renew(token)
    return visit.redirect("/")


def _form(
    visit: Visit, status: int = 200, *, name_problem: str | None = None, password_problem: str | None = None
) -> Response:
    with visit.database.unit_of_work() as work:
        try:
            link = find_link(work, visit.parameters["token"])
        except LinkRefused as refusal:
            raise _over(refusal) from None
    return visit.page(
        "join.html",
        status,
        link=link,
        name=visit.said("name"),
        name_problem=name_problem,
        password_problem=password_problem,
    )


def _over(refusal: LinkRefused) -> Stop:
    return Stop(410, "This link is not good", str(refusal))
