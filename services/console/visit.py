"""A request that was let in: who asks, what was filled in, and how it is answered."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from orderbridge.access.sessions import SignedIn
from orderbridge.access.users import may
from orderbridge.database.unit_of_work import Database
from services.console.navigation import NAVIGATION
from services.console.site import Site
from services.console.templating import render

log = structlog.get_logger()
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")


class Stop(Exception):
    """An answer other than the page that was asked for: what happened, and what to do."""

    def __init__(self, status: int, title: str, text: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.text = text
        self.headers = dict(headers or {})


@dataclass
class Visit:
    """A request, read and checked. Handlers get one and return an answer."""

    database: Database
    site: Site
    path: str
    query: Mapping[str, str]
    parameters: Mapping[str, str]
    """Those of the path."""
    token: str
    """The cookie's; a new one where the browser sent none that could be ours."""
    sets_cookie: bool
    user: SignedIn | None = None
    form: FormData = field(default_factory=FormData)

    @property
    def csrf(self) -> str:
        """What every form of this session sends along: made of the cookie's token, which no other site can read."""
        return hmac.new(self.token.encode(), b"form", hashlib.sha256).hexdigest()

    @property
    def name(self) -> str:
        """The name of the user who asks. Raises LookupError on a page that is for anyone."""
        if self.user is None:
            raise LookupError("nobody has signed in")
        return self.user.name

    def said(self, name: str) -> str:
        """What was filled in; empty if nothing was."""
        value = self.form.get(name, "")
        return value if isinstance(value, str) else ""

    def note(self, what: str, **facts: Any) -> None:
        """Write into the log what this user did, once it is done. Names and numbers, no secrets."""
        log.info(what, by=self.name, **facts)

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        """A page."""
        user = self.user
        shown = [entry for entry in NAVIGATION if user is not None and may(user.role, entry.role)]
        base = {"user": user, "path": self.path, "csrf": self.csrf, "navigation": shown}
        return self._with_cookie(HTMLResponse(render(template, {**base, **context}), status))

    def redirect(self, to: str) -> Response:
        """Lead the browser to another page of ours, to be read with GET."""
        return self._with_cookie(RedirectResponse(to, 303))

    def renew(self, token: str) -> None:
        """The answer gives the browser another session."""
        self.token, self.sets_cookie = token, True

    def _with_cookie(self, answer: Response) -> Response:
        if self.sets_cookie:
            answer.set_cookie(
                self.site.cookie, self.token, path="/", httponly=True, samesite="lax", secure=self.site.secure
            )
        return answer


def local_path(text: str) -> str:
    """A path of ours, to which somebody may be led after the login; `/` for anything else."""
    return text if _LOCAL.fullmatch(text) else "/"
