"""People in a real browser: ten wrong passwords lock a name, an owner lets it in again, and each role sees its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from orderbridge.access.sign_in import MOST_FAILURES
from tests.parts.console import PASSWORD, ConsoleServer, add_account, add_user
from tests.parts.databases import migrated
from tests.parts.patience import PATIENCE

pytestmark = pytest.mark.timeout(180)
USERS = {"anna": "owner", "otto": "operator", "vera": "viewer"}


@pytest.fixture
def console(tmp_path: Path) -> Iterator[ConsoleServer]:
    """A console with an account, and somebody of each role."""
    with migrated(f"sqlite:///{tmp_path / 'orderbridge.sqlite'}") as database:
        add_user(database, "anna")
        add_user(database, "otto", "operator")
        add_user(database, "vera", "viewer")
        add_account(database, "main")
        with ConsoleServer(database) as server:
            yield server


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """One person's browser."""
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(10_000 * PATIENCE)
        yield page


@pytest.fixture
def owners_page(browser: Browser) -> Iterator[Page]:
    """Another's."""
    with browser.new_context() as context:
        yield context.new_page()


def sign_in(page: Page, console: ConsoleServer, name: str, password: str = PASSWORD) -> None:
    page.goto(f"{console.url}/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_ten_wrong_passwords_lock_a_name_until_an_owner_unlocks_it(
    console: ConsoleServer, page: Page, owners_page: Page
) -> None:
    for number in range(1, MOST_FAILURES + 1):
        sign_in(page, console, "otto", "not the password")
        told = "Ten wrong passwords in a row" if number == MOST_FAILURES else "do not belong together"
        expect(page.get_by_role("alert")).to_contain_text(told)
    sign_in(page, console, "otto")
    expect(page.get_by_role("alert")).to_contain_text("Ten wrong passwords in a row")
    sign_in(owners_page, console, "anna")
    owners_page.get_by_role("link", name="Users", exact=True).click()
    expect(owners_page.get_by_text("Locked after ten wrong passwords")).to_be_visible()
    owners_page.get_by_role("button", name="Unlock otto").click()
    expect(owners_page.get_by_role("status")).to_have_text("otto is unlocked.")
    sign_in(page, console, "otto")
    expect(page.get_by_role("link", name="otto (operator)")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "menu", "may_save", "may_connect"),
    [
        ("vera", {"Overview", "Orders", "Shipments", "Runs", "Dead letters", "Accounts"}, False, False),
        (
            "otto",
            {"Overview", "Orders", "Shipments", "Runs", "Dead letters", "Accounts", "Store tokens"},
            True,
            True,
        ),
        (
            "anna",
            {"Overview", "Orders", "Shipments", "Runs", "Dead letters", "Accounts", "Store tokens", "Users"},
            True,
            True,
        ),
    ],
)
def test_each_role_sees_and_may_its_own(
    console: ConsoleServer, page: Page, name: str, menu: set[str], may_save: bool, may_connect: bool
) -> None:
    sign_in(page, console, name)
    expect(page.get_by_role("link", name=f"{name} ({USERS[name]})")).to_be_visible()
    assert set(page.get_by_role("navigation", name="Main").get_by_role("link").all_inner_texts()) == menu
    page.goto(f"{console.url}/accounts/main/settings")
    expect(page.get_by_role("button", name="Save")).to_have_count(1 if may_save else 0)
    box = page.get_by_label("Enable Amazon Order", exact=True)
    expect(box).to_be_enabled() if may_save else expect(box).to_be_disabled()
    page.goto(f"{console.url}/accounts")
    expect(page.get_by_role("link", name="Connect an account")).to_have_count(1 if may_connect else 0)
    expect(page.get_by_role("link", name="Disconnect Store main")).to_have_count(1 if may_connect else 0)
    for path, entry in (("/users", "Users"), ("/tokens", "Store tokens")):
        page.goto(console.url + path)
        expect(page.get_by_role("heading", level=1)).to_have_text(entry if entry in menu else "This is not for you")


def test_another_role_counts_from_the_next_page_on(console: ConsoleServer, page: Page, owners_page: Page) -> None:
    sign_in(page, console, "vera")
    sign_in(owners_page, console, "anna")
    owners_page.get_by_role("link", name="Users", exact=True).click()
    owners_page.get_by_label("Role of vera", exact=True).select_option("operator")
    owners_page.get_by_role("button", name="Change the role of vera").click()
    expect(owners_page.get_by_role("status")).to_have_text("vera is operator from now on.")
    page.goto(f"{console.url}/tokens")
    expect(page.get_by_role("heading", level=1)).to_have_text("Store tokens")
    owners_page.get_by_label("really remove vera").check()
    owners_page.get_by_role("button", name="Remove vera").click()
    page.goto(f"{console.url}/tokens")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
