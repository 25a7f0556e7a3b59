"""A standing house, seen in a browser: an account is connected, looked at, disconnected; a part that stops is red."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from confluent_kafka import Producer
from playwright.sync_api import Browser, Locator, Page, expect

from tests.parts.console import PASSWORD
from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until
from tests.parts.standing_house import StandingHouse

pytestmark = pytest.mark.timeout(240)
SECONDS = 30_000 * PATIENCE
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


def dead_letters(page: Page, house: StandingHouse, reason: str) -> Locator:
    """The links to the letters of the shipper's with this reason."""
    page.goto(f"{house.addresses['console']}/dead-letters?service=shipper&reason={reason}")
    return page.locator('.parts a[href^="/dead-letters/"]')


def test_a_poisoned_event_is_found_mended_and_replayed(house: StandingHouse, page: Page) -> None:
    """Two that a store wrote by hand: one is no JSON and is mended, one has a wrong field and is discarded."""
    wish = {"count": 1, "fulfilled_by": "merchant", "lines": 1}
    (order_id,) = house.post("sandbox", "/_sandbox/orders", wish)["order_ids"]
    said = f'{{"order_id": "{order_id}", "carrier": "UPS", "tracking_number": "1Z12345E0205271688"'
    store = Producer({"bootstrap.servers": house.addresses["kafka"]})
    store.produce("order.shipped", said.encode(), order_id.encode())
    store.produce("order.shipped", f'{{"order": "{order_id}"}}'.encode(), order_id.encode())
    assert store.flush(30) == 0
    for reason in ("malformed", "invalid"):
        letters = partial(dead_letters, page, house, reason)
        wait_until(lambda: letters().count() == 1, seconds=60, what=f"a letter: {reason}")  # noqa: B023  (within the turn)
    look(page, "Dead letters")
    dead_letters(page, house, "malformed").click()
    look(page, "Dead letter of the shipper")
    expect(page.get_by_label("The event as it came")).to_contain_text(order_id)
    page.get_by_label("Mend it, and replay that").fill(said.replace("carrier", "courier") + "}")
    page.get_by_role("button", name="Replay this").click()
    expect(page.get_by_role("alert")).to_contain_text("It would be refused again")
    look(page, "Dead letter of the shipper")
    page.get_by_label("Mend it, and replay that").fill(said + "}")
    page.get_by_role("button", name="Replay this").click()
    expect(page.get_by_role("status")).to_contain_text("It was handed over once more.")
    assert dead_letters(page, house, "malformed").count() == 0
    dead_letters(page, house, "invalid").click()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("status")).to_contain_text("It is discarded.")

    def at_amazon() -> list[Any]:
        return list(house.get("sandbox", "/_sandbox/books")["orders"][order_id]["packages"].values())

    wait_until(lambda: bool(at_amazon()), seconds=60, what="the package is at Amazon", interval=0.5)
    (package,) = at_amazon()
    assert (package["content"]["trackingNumber"], package["calls"]) == ("1Z12345E0205271688", 1)
    page.goto(f"{house.addresses['console']}/orders?number={order_id}")
    expect(page.get_by_text("It was replayed.")).to_be_visible()


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
