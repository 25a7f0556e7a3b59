"""The pages on which a seller authorises an application, and ends that.

Source: developer guide, "Website authorization workflow": the address of the consent page and its parameters, and what
comes back with the seller. The paths of the other pages, and their words, are made up.
"""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from sandbox import pages
from sandbox.accounts import CLIENT_ID, Account
from sandbox.authorisations import APPLICATION_ID
from sandbox.seller_central import SellerCentral

_COOKIE = "sandbox_seller"
_SIGNED_IN_FOR = timedelta(hours=1)
_CONSENT, _MANAGE = "/apps/authorize/consent", "/apps/manage"


class _Wrong(Exception):
    """The address of the consent page asks for something that is not to be had; the text says what."""


def consent_routes(central: SellerCentral) -> APIRouter:
    """Sign-in, consent, "Manage your apps"."""
    router = APIRouter()
    sessions = _Sessions(central)

    @router.get(_CONSENT)
    async def consent(request: Request) -> Response:
        return _asked(central, sessions, request) or _form(sessions, request)

    @router.post(_CONSENT)
    async def answer(request: Request) -> Response:
        if (refused := _asked(central, sessions, request)) is not None:
            return refused
        form, query = await _posted(request), request.query_params
        if form.get("answer") == "cancel":
            # A guess: no document says what Amazon does then. RFC 6749, section 4.1.2.1, has this for all servers.
            return _back(central, {"error": "access_denied", "state": query["state"]})
        if form.get("agree") != "yes":
            return _form(sessions, request, unchecked=True)
        account = sessions.account(request)
        assert account is not None  # noqa: S101 - `_asked` has looked
        central.authorisations.grant(account)
        claims = {"account": account.account, "state": query["state"], "redirect_uri": query.get("redirect_uri")}
        return pages.almost_done(central.tokens.issue("request", claims))

    @router.post("/apps/authorize/continue")
    async def go_back(request: Request) -> Response:
        account = sessions.account(request)
        try:
            claims = central.tokens.read("request", (await _posted(request)).get("request", ""))
        except ValueError:
            claims = {}
        if account is None or claims.get("account") != account.account:
            return pages.page("Start again", "<p>Go back to the application, and begin there.</p>", status=403)
        code = central.authorisations.code(account, claims["redirect_uri"])
        query = {"state": claims["state"], "selling_partner_id": account.seller_id, "spapi_oauth_code": code}
        return _back(central, query)

    @router.get(_MANAGE)
    async def manage(request: Request) -> Response:
        account = sessions.account(request)
        return _manage(account) if account is not None else sessions.ask(request)

    @router.post(_MANAGE)
    async def end(request: Request) -> Response:
        account = sessions.account(request)
        if account is None:
            return sessions.ask(request)
        central.authorisations.end(account)
        return _manage(account.model_copy(update={"consent": False}), ended=True)

    @router.get("/ap/signin")
    async def sign_in() -> Response:
        return pages.sign_in()

    @router.post("/ap/signin")
    async def signed_in(request: Request) -> Response:
        form = await _posted(request)
        account = central.sign_in(form.get("email", ""), form.get("password", ""))
        if account is None:
            return pages.sign_in(form.get("email", ""), wrong=True)
        if account.one_time_code is None:
            return sessions.open(request, account)
        answer = RedirectResponse(f"/ap/mfa?{request.url.query}", 303)
        return sessions.remember(answer, account, verified=False)

    @router.get("/ap/mfa")
    async def one_time_code() -> Response:
        return pages.one_time_code()

    @router.post("/ap/mfa")
    async def verified(request: Request) -> Response:
        account = sessions.account(request, verified=False)
        if account is None or account.one_time_code is None:
            return RedirectResponse(f"/ap/signin?{request.url.query}", 303)
        given = (await _posted(request)).get("code", "").strip()
        if not hmac.compare_digest(given.encode(), account.one_time_code.encode()):
            return pages.one_time_code(wrong=True)
        return sessions.open(request, account)

    @router.post("/ap/signout")
    async def sign_out(request: Request) -> Response:
        answer = RedirectResponse(f"/ap/signin?{request.url.query}", 303)
        answer.delete_cookie(_COOKIE)
        return answer

    return router


class _Sessions:
    """Who has signed in, by a cookie, and where he wanted to go, by a signed address: none leads away from here."""

    def __init__(self, central: SellerCentral) -> None:
        self._central = central

    def account(self, request: Request, *, verified: bool = True) -> Account | None:
        """The seller who has signed in, with his code where he needs one; not `verified`: still without it."""
        try:
            claims = self._central.tokens.read("seller", request.cookies.get(_COOKIE, ""))
        except ValueError:
            return None
        if claims["verified"] != verified or self._central.clock.now().timestamp() >= claims["expires"]:
            return None
        return self._central.account(claims["account"])

    def remember(self, answer: Response, account: Account, *, verified: bool) -> Response:
        """The answer, with the seller's cookie."""
        expires = (self._central.clock.now() + _SIGNED_IN_FOR).timestamp()
        claims: dict[str, Any] = {"account": account.account, "verified": verified, "expires": expires}
        answer.set_cookie(_COOKIE, self._central.tokens.issue("seller", claims), httponly=True, samesite="lax")
        return answer

    def ask(self, request: Request) -> Response:
        """Let the seller sign in first, and then come back to where he is."""
        return RedirectResponse(f"/ap/signin?{self.way_back(request)}", 303)

    def way_back(self, request: Request) -> str:
        """This page, as a query for the pages of the sign-in."""
        here = f"{request.url.path}?{request.url.query}"
        return urlencode({"to": self._central.tokens.issue("to", {"path": here})})

    def open(self, request: Request, account: Account) -> Response:
        """He is in: back to where he wanted to go."""
        try:
            path = self._central.tokens.read("to", request.query_params.get("to", ""))["path"]
        except ValueError:
            path = _MANAGE
        return self.remember(RedirectResponse(path, 303), account, verified=True)


def _asked(central: SellerCentral, sessions: _Sessions, request: Request) -> Response | None:
    """What stands before the consent page: an address that is wrong, or that nobody has signed in."""
    try:
        _check(central, dict(request.query_params))
    except _Wrong as wrong:
        # Never back to an address that nobody has registered.
        return pages.page("This application cannot be authorized", "", status=400, alert=str(wrong))
    return sessions.ask(request) if sessions.account(request) is None else None


def _check(central: SellerCentral, query: dict[str, str]) -> None:
    if query.get("application_id") != APPLICATION_ID:
        raise _Wrong(f"There is no application of this application_id. The sandbox has one: {APPLICATION_ID}")
    if not query.get("state"):
        raise _Wrong("The parameter state is missing: without it the application cannot tell who comes back.")
    if query.get("version") not in (None, "beta"):
        raise _Wrong("The parameter version may be left out, or be beta for an application that is still a draft.")
    if query.get("redirect_uri") not in (None, central.redirect_uri):
        raise _Wrong(f"The redirect_uri is not the application's. Registered is {central.redirect_uri}")


def _form(sessions: _Sessions, request: Request, *, unchecked: bool = False) -> Response:
    account = sessions.account(request)
    assert account is not None  # noqa: S101 - `_asked` has looked
    sign_out = f"/ap/signout?{sessions.way_back(request)}"
    return pages.consent(account.email, APPLICATION_ID, account.roles, sign_out, unchecked=unchecked)


def _back(central: SellerCentral, query: dict[str, str]) -> Response:
    joint = "&" if urlsplit(central.redirect_uri).query else "?"
    headers = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    return RedirectResponse(f"{central.redirect_uri}{joint}{urlencode(query)}", 303, headers)


def _manage(account: Account, *, ended: bool = False) -> Response:
    application = APPLICATION_ID if account.client_id == CLIENT_ID else account.client_id
    return pages.manage(account.email, application if account.consent else None, ended=ended)


async def _posted(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
