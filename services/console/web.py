"""The console over HTTP: each page behind the gate, each failure a page that says what to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from orderbridge.access.passwords import TooManyAtOnce, nobodys_hash
from orderbridge.database.engine import is_outage
from orderbridge.database.unit_of_work import Database
from services.console.gate import SignInFirst, admit
from services.console.pages import PAGES, Page
from services.console.shield import Shield
from services.console.site import Site
from services.console.templating import render
from services.console.visit import Stop

log = structlog.get_logger()
_UNKNOWN = "Perhaps what it showed is gone. Begin at the first page."


class _Static(StaticFiles):
    """Our style sheets and scripts: kept by browsers, and asked for anew each time whether they are still good."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        answer = super().file_response(*arguments, **options)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def create_console(database: Database, site: Site) -> FastAPI:
    """The app. It keeps nothing in memory, so any number of processes may run it."""
    nobodys_hash()
    console = FastAPI(
        openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, middleware=[Middleware(Shield, site)]
    )
    for page in PAGES:
        console.add_route(page.path, _endpoint(page, database, site), methods=[page.method])
    console.mount("/static", _Static(directory=Path(__file__).parent / "static"))

    @console.exception_handler(HTTPException)
    async def refused(_request: Request, error: HTTPException) -> Response:
        titles = {404: "There is no such page", 405: "This cannot be asked for in this way"}
        return _stopped(Stop(error.status_code, titles.get(error.status_code, str(error.detail)), _UNKNOWN))

    return console


def _endpoint(page: Page, database: Database, site: Site) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            visit = await admit(request, database, site, page.role, polled=page.polled)
            return await run_in_threadpool(page.handler, visit)
        except SignInFirst as first:
            if first.changes:
                return _stopped(first)
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse("/login" + ("" if wanted == "/" else f"?next={quote(wanted, safe='')}"), 303)
        except Stop as stop:
            return _stopped(stop)
        except TooManyAtOnce:
            return _stopped(
                Stop(
                    503,
                    "Too many people sign in at once",
                    "Try again in some seconds.",
                    headers={"Retry-After": "5"},
                )
            )
        except Exception as error:
            if is_outage(error):
                log.warning("the database is away", exception_type=type(error).__name__)
                text = "Nothing was changed. Try again in a moment; `orderbridge doctor` says what is wrong."
                return _stopped(Stop(503, "The database is away", text, headers={"Retry-After": "5"}))
            log.error("a page failed", path=page.path, exc_info=error)
            text = "This is a fault of ours. Perhaps nothing was changed: look before you try again. The console's log "
            return _stopped(Stop(500, "Something went wrong", f"{text}has where it happened."))

    return answer


def _stopped(stop: Stop) -> Response:
    return HTMLResponse(render("error.html", {"stop": stop}), stop.status, stop.headers)
