"""What every request passes before a page is made: whose it is, whether it may, and that it comes from our own page."""

from __future__ import annotations

import asyncio
import hmac
import re

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from orderbridge.access.sessions import find_session, new_token
from orderbridge.access.users import Role, may
from orderbridge.database.unit_of_work import Database
from services.console.site import Site
from services.console.visit import Stop, Visit

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_FORM = "application/x-www-form-urlencoded"
BODY_SECONDS = 30.0
MOST_FIELDS = 2000


async def admit(request: Request, database: Database, site: Site, role: Role | None, *, polled: bool) -> Visit:
    """The request, if it may do what needs the role (None: anyone may). Raises Stop.

    `polled`: a script asks by itself, so that nobody has used the session.
    """
    if any("\0" in str(value) for value in (*request.path_params.values(), *request.query_params.values())):
        raise Stop(400, "This address cannot be read", "There is a NUL character in it. Begin at the first page.")
    given = request.cookies.get(site.cookie, "")
    known = _TOKEN.fullmatch(given) is not None
    visit = Visit(
        database=database,
        site=site,
        path=request.url.path,
        query=request.query_params,
        parameters=request.path_params,
        token=given if known else new_token(),
        sets_cookie=not known,
    )
    if known:
        await run_in_threadpool(_recognise, visit, used=not polled)
    changes = request.method == "POST"
    if role is not None:
        _check_role(visit, role, changes)
    if changes:
        _check_origin(request, site)
        visit.form = await _form(request)
        if not hmac.compare_digest(visit.said("csrf").encode(), visit.csrf.encode()):
            raise Stop(
                403,
                "This form is not good any more",
                "It belongs to another session, perhaps from before you signed in or out. Nothing was changed. Open "
                "the page anew and fill it in again.",
            )
    return visit


def _recognise(visit: Visit, *, used: bool) -> None:
    with visit.database.unit_of_work() as work:
        visit.user = find_session(work, visit.token, used=used)


def _check_role(visit: Visit, role: Role, changes: bool) -> None:
    if visit.user is None:
        raise SignInFirst(visit, changes)
    if not may(visit.user.role, role):
        raise Stop(
            403,
            "This is not for you",
            f"It takes the role {role}; you are {visit.user.role}. An owner can change that on the page Users.",
        )


class SignInFirst(Stop):
    """Nobody has signed in. A page leads to the login; what was to be changed is not."""

    def __init__(self, visit: Visit, changes: bool) -> None:
        super().__init__(
            401,
            "Sign in first",
            "You are signed out, perhaps because nothing was done for eight hours. Nothing was changed. Sign in, go "
            "back to the page and do it again.",
        )
        self.visit = visit
        self.changes = changes


def _check_origin(request: Request, site: Site) -> None:
    """Browsers name the page a form comes from; a program need not, and has the form's token to show."""
    origin = request.headers.get("origin")
    if origin is not None and not site.is_own_origin(origin, request.headers.get("host", "")):
        raise Stop(
            403,
            "This comes from another site",
            f"Nothing was changed. The console is at {site.origin}: open it there. If this is its right address, "
            "ORDERBRIDGE_PUBLIC_URL must be set to it.",
        )


async def _form(request: Request) -> FormData:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise Stop(415, "This is no form", f"Forms are sent as {_FORM}. Nothing was changed.")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            form = await request.form(max_fields=MOST_FIELDS)
    except (TimeoutError, ClientDisconnect):
        raise Stop(408, "The form did not arrive", "Nothing was changed. Send it again.") from None
    except HTTPException:
        raise Stop(400, "The form cannot be read", "Nothing was changed. Open the page anew.") from None
    if any("\0" in part for pair in form.multi_items() for part in pair if isinstance(part, str)):
        raise Stop(400, "The form cannot be read", "There is a NUL character in it. Nothing was changed.")
    return form
