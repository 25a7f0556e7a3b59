"""A standing house, seen in a browser: an account is connected, looked at, disconnected; a part that stops is red."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.parts.console import PASSWORD
from tests.parts.standing_house import StandingHouse

pytestmark = pytest.mark.timeout(240)
SECONDS = 30_000
"""Milliseconds within which a glance tells."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandingHouse]:
    """`orderbridge up`."""
    house = StandingHouse(tmp_path_factory.mktemp("house"), "up")
    try:
        house.wait_until_it_stands()
        yield house
    finally:
        house.kill_everything()


@pytest.fixture(scope="module")
def page(house: StandingHouse, browser: Browser) -> Iterator[Page]:
    """The first owner's browser, let in by the link that the console prints at its first start."""
    page = browser.new_page()
    printed = re.search(r"http://[^ ]+/join/[A-Za-z0-9_-]+", house.output.read_text())
    assert printed is not None
    page.goto(printed[0])
    page.locator("#name").fill("olga")
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.locator("main button").click()
    yield page
    page.close()


def look(page: Page, heading: str) -> None:
    """The page of this heading, and nothing that axe finds wrong."""
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    violations = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in violations] == []


def agree_at_amazon(page: Page, email: str, code: str | None = None) -> None:
    """What a seller does in Seller Central, which does not know him yet."""
    page.context.clear_cookies(name="sandbox_seller")
    page.get_by_role("link", name="Go to Seller Central").click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill("sandbox-password")
    page.get_by_role("button", name="Sign in").click()
    if code is not None:
        page.get_by_label("Code").fill(code)
        page.get_by_label("Code").press("Enter")
    page.get_by_label("I authorize this third party").check()
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Continue").click()


def connect(page: Page, house: StandingHouse, name: str) -> None:
    page.goto(f"{house.addresses['console']}/connect")
    look(page, "Connect a seller account")
    page.get_by_label("Name of the account").fill(name)
    page.get_by_role("button", name="Initiate Onboard Process").click()
    look(page, "Now at Amazon")


def test_a_seller_connects_looks_and_disconnects(house: StandingHouse, page: Page) -> None:
    connect(page, house, "shop")
    agree_at_amazon(page, "newcomer@sandbox.example")
    look(page, "shop is connected")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("was used already")
    page.goto(f"{house.addresses['console']}/accounts")
    page.get_by_role("button", name="Preview of shop").click()
    expect(page.get_by_text("Nothing was imported.")).to_be_visible(timeout=SECONDS)
    look(page, "What the next import of shop would bring")
    page.goto(f"{house.addresses['console']}/accounts")
    page.get_by_role("link", name="Disconnect Store shop").click()
    look(page, "Disconnect shop?")
    page.get_by_role("button", name="Disconnect Store").click()
    look(page, "shop is disconnected")
    page.goto(f"{house.addresses['console']}/accounts")
    expect(page.get_by_role("link", name="Connect shop")).to_be_visible()


def test_with_2_step_verification_and_for_whom_it_was_not_meant(house: StandingHouse, page: Page) -> None:
    connect(page, house, "main")
    agree_at_amazon(page, "main@sandbox.example", "123456")
    look(page, "main is connected")
    connect(page, house, "another")
    agree_at_amazon(page, "main@sandbox.example", "123456")
    look(page, "Not connected")
    page.goto(f"{house.addresses['console']}/connect/callback?state=forged&spapi_oauth_code=x&selling_partner_id=A1")
    expect(page.get_by_role("alert")).to_contain_text("Nobody here has asked for this consent")


def test_a_private_app_by_its_token(house: StandingHouse, page: Page) -> None:
    page.goto(f"{house.addresses['console']}/connect?account=private")
    page.get_by_label("Refresh token").fill("Atzr|made-up")
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Amazon did not accept it")
    assert "made-up" not in page.content()


def test_a_part_that_stops_is_red_within_thirty_seconds(house: StandingHouse, page: Page) -> None:
    page.goto(house.addresses["console"])
    for part in ("importer", "shipper", "redactor", "ticker", "console", "api", "reporter"):
        expect(page.locator(".picture .part-well .name", has_text=part)).to_be_visible(timeout=SECONDS)
    look(page, "Overview")
    (shipper,) = [one for one in house.processes() if "shipper" in one.cmdline()]
    shipper.send_signal(signal.SIGSTOP)
    expect(page.locator(".picture .part-bad .name", has_text="shipper")).to_be_visible(timeout=SECONDS)
    expect(page.locator(".parts li", has_text="silent since")).to_contain_text("shipper")
    expect(page.locator(".picture .part-well .name", has_text="importer")).to_be_visible()
    shipper.send_signal(signal.SIGCONT)
    expect(page.locator(".picture .part-well .name", has_text="shipper")).to_be_visible(timeout=SECONDS)
