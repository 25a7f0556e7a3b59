"""In a real browser: a seller clicks through the sandbox's Seller Central, and every page is one for everybody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from sandbox.authorisations import APPLICATION_ID, REDIRECT_URI
from sandbox.clock import SystemClock
from sandbox.database import Database
from sandbox.seller_central import SellerCentral
from tests.parts.sandbox_server import SandboxServer, sandbox_server

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with sandbox_server() as server, closing(Database()) as database:
        server.play(SellerCentral(database, SystemClock()))
        yield server


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def scripts(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def page(browser: Browser, scripts: bool) -> Iterator[Page]:
    """A browser that nobody has signed in; the application's own page is played."""
    with browser.new_context(java_script_enabled=scripts) as context:
        page = context.new_page()
        page.route(f"{REDIRECT_URI}**", lambda route: route.fulfill(body="Back at the shop"))
        yield page


def link(sandbox: SandboxServer) -> str:
    query = {"application_id": APPLICATION_ID, "state": "a-state", "redirect_uri": REDIRECT_URI}
    return f"{sandbox.url}/apps/authorize/consent?{urlencode(query)}"


def look(page: Page, scripts: bool, heading: str) -> None:
    """The page is the one expected, and says what it is; axe, which is a script, finds nothing wrong, light or dark."""
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    expect(page.get_by_role("banner")).to_contain_text("SANDBOX. This is not Amazon")
    if scripts:
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            violations = Axe().run(page).response["violations"]
            assert [(one["id"], one["nodes"][0]["html"]) for one in violations] == []


def back(page: Page) -> dict[str, Any]:
    page.wait_for_url(f"{REDIRECT_URI}**")
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def sign_in(page: Page, scripts: bool, email: str) -> None:
    look(page, scripts, "Sign in to Seller Central")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill("sandbox-password")
    page.get_by_role("button", name="Sign in").click()


def test_with_2_step_verification(page: Page, scripts: bool, sandbox: SandboxServer) -> None:
    page.goto(link(sandbox))
    sign_in(page, scripts, "main@sandbox.example")
    look(page, scripts, "2-step verification")
    page.get_by_label("Code").fill("000000")
    page.get_by_label("Code").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("That is not the code")
    look(page, scripts, "2-step verification")
    page.get_by_label("Code").fill("123456")
    page.get_by_label("Code").press("Enter")
    look(page, scripts, "Authorize an application")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Authorize an application")  # the checkbox is missing
    page.get_by_label("I authorize this third party").check()
    page.get_by_role("button", name="Confirm").click()
    look(page, scripts, "You are almost done authorizing")
    page.get_by_role("button", name="Continue").click()
    told = back(page)
    assert sorted(told) == ["selling_partner_id", "spapi_oauth_code", "state"]
    assert told["state"] == "a-state"


def test_without_2_step_verification_and_the_end_of_the_grant(
    page: Page, scripts: bool, sandbox: SandboxServer
) -> None:
    page.goto(link(sandbox))
    sign_in(page, scripts, "newcomer@sandbox.example")
    page.get_by_label("I authorize this third party").check()
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Continue").click()
    assert "spapi_oauth_code" in back(page)
    page.goto(f"{sandbox.url}/apps/manage")
    look(page, scripts, "Manage your apps")
    page.get_by_role("button", name="Disable app").click()
    expect(page.get_by_role("status")).to_contain_text("no access to your account any more")
    look(page, scripts, "Manage your apps")


def test_cancel(page: Page, scripts: bool, sandbox: SandboxServer) -> None:
    page.goto(link(sandbox))
    sign_in(page, scripts, "newcomer@sandbox.example")
    page.get_by_role("button", name="Cancel").click()  # without the checkbox
    assert back(page) == {"error": "access_denied", "state": "a-state"}


def test_a_wrong_link_and_a_wrong_password(page: Page, scripts: bool, sandbox: SandboxServer) -> None:
    page.goto(f"{sandbox.url}/apps/authorize/consent?application_id=another&state=x")
    look(page, scripts, "This application cannot be authorized")
    page.goto(link(sandbox))
    page.get_by_label("E-mail").fill("nobody@sandbox.example")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no seller")
    look(page, scripts, "Sign in to Seller Central")
