"""The storefront in a real browser: its pages for every eye, and an order's way through it and the console alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from schemas.personal_data import PersonalDataState
from tests.parts.console import PASSWORD
from tests.parts.contract import EXAMPLES
from tests.parts.patience import PATIENCE
from tests.parts.standing_house import StandingHouse
from tests.parts.storefront import BEGINNING, ITEM, ORDER, Pages, Scribe

pytestmark = pytest.mark.timeout(240)
SECONDS = 30_000
"""Milliseconds for what goes through the whole house."""
STORE = EXAMPLES["order.imported"]["store"]
REJECTED, CONFIRMED = "rejected", "confirmed"


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    """A store that has seen something of everything."""
    scribe = Scribe(tmp_path / "storefront.sqlite")
    scribe.read("order.imported", cancel_requested={"requested_by": "buyer"})
    for number in range(2, 9):
        queue = {"id": "9", "name": "Unpaid"} if number % 3 == 0 else STORE["status"]
        store = {**STORE, "status": queue, "order_number": f"AMZ-{number}", "inventory": "deduct_on_import"}
        scribe.read("order.imported", order_id=str(number), store=store, placed_at=f"2026-11-{number * 3:02}T10:00:00Z")
    fba = PersonalDataState.none().model_dump(mode="json", exclude_none=True)
    scribe.read("order.imported", order_id="fba", fulfilled_by="amazon", personal_data=fba)
    gone = PersonalDataState.redacted(BEGINNING, "US").model_dump(mode="json", exclude_none=True)
    scribe.read("order.redacted", order_id="gone", sequence=2**50, personal_data=gone)
    for number, what in enumerate(("confirmed", "rejected", "held", "warned")):
        line = {"order_item_id": ITEM, "quantity": 1}
        scribe.ship(f"s{number}", package_id=f"P{number}", tracking_number="1Z999AA10123456784", lines=[line])
        scribe.read(f"shipment.{what}", caused_by=f"s{number}")
    scribe.read("shipment.due-soon", order_id=ORDER)
    scribe.books.place_own_order()
    scribe.books.count("MUG-BLUE", 40)
    scribe.read("account.settings", connected=False)
    with Pages(tmp_path / "storefront.sqlite") as pages:
        yield pages


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page. Whatever its policy blocks fails the test."""
    with browser.new_page() as page:
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.set_default_timeout(10_000 * PATIENCE)
        yield page
        assert [one for one in complaints if "status of 4" not in one and "favicon" not in one] == []


def test_axe_objects_to_no_page_and_each_fits_a_phone(page: Page, pages: Pages) -> None:
    own = next(order.order_id for order in pages.shop.books.orders() if order.alerted_at)
    for name, path in {
        "queue-new": "/",
        "queue-empty": "/?queue=Partial",
        "order": f"/orders/{ORDER}?package=P1",
        "order-fba": "/orders/fba",
        "order-redacted": "/orders/gone",
        "order-own": f"/orders/{own}",
        "stock": "/stock",
        "sales": "/sales",
        "alerts": "/alerts",
        "no-order": "/orders/none",
    }.items():
        page.goto(pages.url + path)
        look(page, name)


def test_the_keyboard_reaches_the_ship_form(page: Page, pages: Pages) -> None:
    page.goto(f"{pages.url}/orders/2")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.get_by_label("Carrier").focus()
    page.keyboard.type("UPS")
    page.keyboard.press("Tab")
    page.keyboard.type("1Z999AA10123456784")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Package P1")).to_contain_text("Waits for Kafka.")


# --- an order's way, in a standing house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[StandingHouse]:
    """`orderbridge up`."""
    house = StandingHouse(tmp_path, "up", "--speed", "100")
    try:
        house.wait_until_it_stands()
        yield house
    finally:
        house.kill_everything()


def test_an_orders_way_from_import_to_confirmed(house: StandingHouse, page: Page) -> None:
    console, store = house.addresses["console"], house.addresses["storefront"]
    lines = [{"sku": "MUG-BLUE", "quantity": 2}]
    (order_id,) = house.post("sandbox", "/_sandbox/orders", {"count": 1, "lines": lines})["order_ids"]
    first_owner(page, house)

    def imported() -> bool:
        page.goto(f"{console}/runs")
        press(page, "Import now")
        page.goto(f"{store}/")
        return page.get_by_role("link", name=order_id).is_visible()

    until(page, imported)
    expect(page.locator("nav [aria-current]", has_text="New")).to_contain_text("1")
    page.get_by_role("link", name=f"AMZ-{order_id}").click()
    expect(page.locator("dt", has_text="First name")).to_be_visible()
    buyer = [page.locator(f"dt:text-is('{name}') + dd").inner_text() for name in ("Address", "Phone", "E-mail")]
    assert all(buyer)
    assert "Amazon Replaced" not in buyer

    # More than was ordered: refused, with what to do.
    page.get_by_label("Carrier").fill("UPS")
    page.get_by_label("Tracking number").fill("1Z999AA10123456784")
    page.locator("fieldset input").fill("5")
    press(page, "Ship it")
    package = page.get_by_role("region", name="Package P1")
    until(page, lambda: has_state(page, "P1", REJECTED))
    expect(package).to_contain_text("more_than_ordered")
    expect(package.locator("strong")).to_contain_text("quantit")
    look(page, "way-rejected", ("light",))
    page.goto(f"{console}/orders/{order_id}")
    expect(page.get_by_text("more_than_ordered").first).to_be_visible()

    # Corrected; the rest in a second package, dated too far ahead at first.
    page.goto(f"{store}/orders/{order_id}")
    page.get_by_role("link", name="Correct package P1").click()
    expect(page.get_by_label("Tracking number")).to_have_value("1Z999AA10123456784")
    expect(page.locator("fieldset input")).to_have_value("5")
    page.locator("fieldset input").fill("1")
    press(page, "Ship it")
    until(page, lambda: has_state(page, "P1", CONFIRMED))
    page.goto(f"{store}/?queue=Partial")
    page.get_by_role("link", name=f"AMZ-{order_id}").click()
    expect(page.locator("fieldset input")).to_have_value("1")
    page.get_by_label("Carrier").fill("UPS")
    page.get_by_label("Tracking number").fill("1Z999AA10123456793")
    page.get_by_label("Ship date").fill("2099-01-01")
    press(page, "Ship it")
    until(page, lambda: has_state(page, "P2", REJECTED))
    expect(page.get_by_role("region", name="Package P2")).to_contain_text("ship_date_too_far")
    page.get_by_role("link", name="Correct package P2").click()
    page.get_by_label("Ship date").fill("")
    press(page, "Ship it")
    until(page, lambda: has_state(page, "P2", CONFIRMED))
    look(page, "way-confirmed", ("light",))

    page.goto(f"{console}/orders/{order_id}")
    expect(page.get_by_text("Amazon took the shipment")).to_have_count(2)
    page.goto(f"{store}/?queue=Shipped")
    expect(page.get_by_role("link", name=f"AMZ-{order_id}")).to_be_visible()
    page.goto(f"{store}/stock")
    expect(page.get_by_role("row", name="MUG-BLUE 98")).to_be_visible()
    kept = b"".join(file.read_bytes() for file in house.folder.rglob("storefront.sqlite*"))
    assert order_id.encode() in kept
    assert [value for value in buyer if value.encode() in kept] == [], "it keeps the seal alone"
    page.get_by_role("link", name="main").click()
    expect(page).to_have_url(f"{console}/accounts/main/settings")


def first_owner(page: Page, house: StandingHouse) -> None:
    """Let in by the link that the console prints at its first start."""
    printed = re.search(r"http://[^ ]+/join/[A-Za-z0-9_-]+", house.output.read_text())
    assert printed is not None
    page.goto(printed[0])
    page.locator("#name").fill("olga")
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.locator("main button").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def press(page: Page, name: str) -> None:
    """Press a button of a form, and have the page that answers it."""
    with page.expect_navigation():
        page.get_by_role("button", name=name).click()


def has_state(page: Page, package: str, state: str) -> bool:
    """Whether the order's page, opened anew, shows the package in this state."""
    page.reload()
    return page.get_by_role("region", name=f"Package {package}").locator(f".state.{state}").is_visible()


def until(page: Page, condition: Any) -> None:
    """Look again, as a person does, until it is so."""
    for _ in range(SECONDS // 500):
        if condition():
            return
        page.wait_for_timeout(500)
    raise AssertionError(page.locator("main").inner_text())


def look(page: Page, name: str, schemes: tuple[Any, ...] = ("light", "dark")) -> None:
    """Axe's judgement in each scheme, and that nothing is wider than a phone; pictures, where a folder is named."""
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page)
        assert found.violations_count == 0, f"{name}, {scheme}: {found.generate_report()}"
        for width in (390, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
            if folder := os.environ.get("STOREFRONT_PICTURES"):
                page.screenshot(path=Path(folder) / f"{name}-{width}-{scheme}.png", full_page=True)
