"""A standing house, looked at in a browser: whoever stops a part sees it turn red by itself."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.parts.console import PASSWORD
from tests.parts.standing_house import StandingHouse

SECONDS = 30_000
"""Milliseconds within which a glance tells."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[StandingHouse]:
    """`orderbridge up`."""
    house = StandingHouse(tmp_path, "up")
    try:
        house.wait_until_it_stands()
        yield house
    finally:
        house.kill_everything()


def first_owner(page: Page, house: StandingHouse) -> None:
    """By the link that the console prints at its first start."""
    printed = re.search(r"http://[^ ]+/join/[A-Za-z0-9_-]+", house.output.read_text())
    assert printed is not None
    page.goto(printed[0])
    page.locator("#name").fill("olga")
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.locator("main button").click()


@pytest.mark.timeout(240)
def test_a_part_that_stops_is_red_within_thirty_seconds(house: StandingHouse, browser: Browser) -> None:
    page = browser.new_page()
    first_owner(page, house)
    page.goto(house.addresses["console"])
    for part in ("importer", "shipper", "redactor", "ticker", "console", "api"):
        expect(page.locator(".picture .part-well .name", has_text=part)).to_be_visible(timeout=SECONDS)
    (shipper,) = [one for one in house.processes() if "shipper" in one.cmdline()]
    shipper.send_signal(signal.SIGSTOP)
    expect(page.locator(".picture .part-bad .name", has_text="shipper")).to_be_visible(timeout=SECONDS)
    expect(page.locator(".parts li", has_text="silent since")).to_contain_text("shipper")
    expect(page.locator(".picture .part-well .name", has_text="importer")).to_be_visible()
    shipper.send_signal(signal.SIGCONT)
    expect(page.locator(".picture .part-well .name", has_text="shipper")).to_be_visible(timeout=SECONDS)
    page.close()
