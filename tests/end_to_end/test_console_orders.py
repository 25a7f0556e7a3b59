"""The pages of orders, runs and shipments in a real browser: for every eye and every screen, light and dark."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from orderbridge.api_tokens import SCOPES
from tests.parts.console import PASSWORD, ConsoleServer, add_user
from tests.parts.in_process import System
from tests.parts.open_call import OpenCalls
from tests.parts.sandbox_server import sandbox_server


@pytest.fixture
def system(sqlite_url: str, tmp_path: Path) -> Iterator[System]:
    """The whole system, with a sandbox of its own."""
    with sandbox_server() as server, closing(System(sqlite_url, tmp_path, server)) as system:
        yield system


def test_an_order_is_found_its_package_sent_again_and_its_buyer_shown(browser: Browser, system: System) -> None:
    mug = [{"sku": "MUG-BLUE", "quantity": 1}]
    refused, confirmed, *_ = system.imported(count=8, lines=mug)
    buyer = system.opened(refused)
    system.store_says(order_id=confirmed, tracking_number="1Z12345E0205271688")
    system.run_until_idle()
    system.fault("confirmShipment", "400")
    system.store_says(order_id=refused, package_id="P1", tracking_number="1Z12345E6605272234")
    system.run_until_idle()
    ship_by = system.store.orders[refused].ship_by
    assert ship_by is not None
    system.advance((ship_by - system.now).total_seconds() - 1800)
    add_user(system.database, "owner")
    with (
        OpenCalls(system) as api,
        ConsoleServer(system.database, api_url=api.url, api_token=api.token("console", *SCOPES)) as console,
        closing(browser.new_context()) as context,
    ):
        page = context.new_page()
        page.goto(f"{console.url}/orders")
        page.get_by_label("Name").fill("owner")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Orders", exact=True)).to_be_visible()
        for path in (
            "/orders",
            "/replays",
            "/replays?since=2026-11-24",
            "/orders?number=114-0000000-0000000",
            "/shipments",
            "/shipments?state=confirmed",
            "/runs",
        ):
            page.goto(console.url + path)
            _look(page, path.strip("/").replace("?", "-").replace("=", "-"))
        page.get_by_role("row").nth(1).get_by_role("link").click()
        _look(page, "run")
        page.goto(f"{console.url}/orders")
        page.get_by_role("textbox", name="Number", exact=True).fill(f"AMZ-{refused}")
        page.get_by_role("button", name="Find").click()
        expect(page.get_by_role("heading", name=f"Order AMZ-{refused}")).to_be_visible()
        _look(page, "order")
        page.get_by_label("What it is needed for").select_option("customer_service")
        page.get_by_role("button", name="Show it").click()
        expect(page.get_by_text(f"{buyer.first_name} {buyer.last_name}")).to_be_visible()
        _look(page, "order-opened")
        page.get_by_role("button", name="Send package P1").click()
        expect(page.get_by_role("status")).to_contain_text("is to be sent to Amazon again")
        system.run_until_idle()
        page.reload()
        expect(page.get_by_text("Amazon took the shipment")).to_be_visible()


def _look(page: Page, name: str) -> None:
    """Axe's judgement in each scheme, and that nothing is wider than a phone; pictures, where a folder is named."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page)
        assert found.violations_count == 0, f"{name}, {scheme}: {found.generate_report()}"
        for width in (390, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
            if folder := os.environ.get("CONSOLE_PICTURES"):
                page.screenshot(path=Path(folder) / f"{name}-{width}-{scheme}.png", full_page=True)
