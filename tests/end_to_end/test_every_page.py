"""Every page of the console in a real browser: axe finds nothing in the light or the dark, and each is small."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from services.console.pages import PAGES
from tests.parts.filled_console import FilledConsole, filled_console

pytestmark = pytest.mark.timeout(300)
FRAGMENTS = {"/live", "/accounts/{account_id}/preview/{asked}/live"}
"""Parts of pages, which a script of ours fetches."""
MOST_BYTES = 100_000


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilledConsole]:
    """The console of a system in which a bit of everything has happened."""
    with filled_console(tmp_path_factory.mktemp("filled")) as console:
        yield console


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A browser of nobody's."""
    with browser.new_context() as context:
        yield context.new_page()


def test_every_page_has_its_address(console: FilledConsole) -> None:
    assert {page.path for page in PAGES if page.method == "GET"} == set(console.pages)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_and_a_phone(console: FilledConsole, page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    seen = set()
    for anyone in (True, False):
        if not anyone:
            console.sign_in(page)
        for path, addresses in console.pages.items():
            if (path in ("/login", "/join/{token}")) is not anyone or path in FRAGMENTS:
                continue
            for address in addresses:
                answer = page.goto(console.url + address)
                assert answer is not None
                assert page.locator("h1").count() == 1, address
                found = Axe().run(page)
                assert found.violations_count == 0, f"{address}, {scheme}: {found.generate_report()}"
                for width in (390, 1440):
                    page.set_viewport_size({"width": width, "height": 900})
                    assert page.evaluate("document.documentElement.scrollWidth") <= width, (address, width)
            seen.add(path)
    assert seen == set(console.pages) - FRAGMENTS


def test_every_page_is_small(console: FilledConsole, page: Page) -> None:
    console.sign_in(page)
    for addresses in console.pages.values():
        for address in addresses:
            answer = page.request.get(console.url + address)
            assert answer.status in (200, 410, 422), (address, answer.status)
            assert len(answer.body()) < MOST_BYTES, (address, len(answer.body()))
