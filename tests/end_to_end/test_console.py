"""The console in a real browser: the first owner, the login, every setting, and no page that axe objects to."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from typer.testing import CliRunner

import tests.parts.kafka_python  # noqa: F401 - before the command line, which imports Kafka
from orderbridge.access.sessions import end_sessions
from orderbridge.accounts.attentions import MAPPING_MISSING, raise_attention
from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.store_options import keep_options
from orderbridge.cli import app
from orderbridge.database.models import Account, AccountState
from orderbridge.database.unit_of_work import Database
from schemas.accounts import PaymentType, StatusOption, StoreOptions
from schemas.orders import Choice
from tests.parts.command_line import LIVE
from tests.parts.console import PASSWORD, ConsoleServer, add_user
from tests.parts.databases import migrated
from tests.parts.patience import PATIENCE

pytestmark = pytest.mark.timeout(180)
AXE = Axe()
PAGES = ["/", "/dead-letters", "/accounts", "/accounts/main/settings", "/tokens", "/users", "/me", "/nothing-here"]
ANOTHER = {
    "log_email": "orders@example.com, boss@example.com",
    "send_log_when": "daily",
    "status_merchant": "9",
    "status_fba": "4",
    "status_pending": "9",
    "status_shipped": "2",
    "status_cancelled": "6",
    "payment_type_default": "7",
    "invoice_number_prefix": "A-",
    "invoice_number_prefix_fba": "F-",
    "invoice_number_prefix_prime": "P-",
    "invoice_number_prefix_business": "B-",
    "import_every_minutes": "15",
    "time_zone": "Europe/Berlin",
    "personal_data_clock": "delivered",
    "personal_data_days": "14",
    "late_warning_hours": "12",
    "import_from": "2026-11-01",
    "skip_placed_before": "2026-10-01",
}
"""What is filled in or chosen; boxes are ticked or not, mappings get a line."""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An SQLite file with an account, what its store offers, and a trouble."""
    with migrated(f"sqlite:///{tmp_path_factory.mktemp('console') / 'orderbridge.sqlite'}") as database:
        with database.unit_of_work() as work:
            account = Account(account_id="main", marketplace_ids='["ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"]', **LIVE)
            account.refresh_token, account.connected_at = "sealed", work.now
            account.settings = AccountSettings().model_dump_json()
            state = AccountState(account_id="main", last_order_id="114-3941689-8772232", last_run_at=work.now)
            work.session.add_all([account, state])
            options = StoreOptions(
                account_id="main",
                statuses=tuple(
                    StatusOption(id=str(number), name=name)
                    for number, name in (
                        (1, "New"),
                        (9, "Unpaid"),
                        (2, "Processing"),
                        (4, "Shipped"),
                        (5, "Cancel"),
                        (6, "Hold"),
                    )
                ),
                payment_types=(PaymentType(id="14", name="Amazon"), PaymentType(id="7", name="Bank")),
                shipping_methods=(Choice(id="1", name="Ground"), Choice(id="3", name="Priority")),
            )
            keep_options(work, options, work.now)
            raise_attention(work, "main", MAPPING_MISSING, "Amazon says SAME_DAY.", "Map it to a method of the store.")
        yield database


@pytest.fixture(scope="module")
def console(database: Database) -> Iterator[ConsoleServer]:
    """The console over it."""
    with ConsoleServer(database) as server:
        yield server


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page with cookies of its own. Whatever its policy blocks, or a script throws, fails the test."""
    with browser.new_page() as page:
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.set_default_timeout(10_000 * PATIENCE)
        yield page
        assert [one for one in complaints if "status of 4" not in one] == []


def command(database: Database, *arguments: str) -> Any:
    url = database.engine.url.render_as_string(hide_password=False)
    result = CliRunner().invoke(app, [*arguments, "--json"], env={"ORDERBRIDGE_DATABASE_URL": url})
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def olga(database: Database) -> str:
    """An owner, beside the first if there is one."""
    add_user(database, "olga")
    return "olga"


def sign_in(page: Page, console: ConsoleServer, name: str) -> None:
    page.goto(f"{console.url}/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_from_the_first_link_to_every_setting(page: Page, console: ConsoleServer, database: Database) -> None:
    link = command(database, "users", "create-link")["link"]
    page.goto(link.replace("http://127.0.0.1:8400", console.url))
    _look(page, "join")
    page.get_by_label("Name").fill("Anna")
    for label in ("Password", "The same password again"):
        page.get_by_label(label, exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Keep it and sign in").click()
    expect(page.get_by_role("link", name="anna (owner)")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    _look(page, "login")
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill("a wrong password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Accounts", exact=True).click()
    page.get_by_role("link", name="Settings of main").click()

    before = command(database, "settings", "show")
    for name, value in ANOTHER.items():
        field = page.locator(f'[name="{name}"]')
        field.select_option(value) if field.evaluate("it => it.tagName") == "SELECT" else field.fill(value)
    for name, setting in AccountSettings.model_fields.items():
        if setting.annotation is bool:
            box = page.get_by_label(str(setting.title), exact=True)
            box.set_checked(not before[name])
    page.locator('[name="payment_types.CreditCard"]').select_option("7")
    page.locator('[name="shipping_methods.EXPEDITED"]').select_option("3")
    page.locator('[name="new.carrier_mapping.0.key"]').fill("dhl-paket")
    page.locator('[name="new.carrier_mapping.0.value"]').fill("DHL")
    page.locator('[name="skip_marketplaces"][value="A2EUQ1WTGCTBG2"]').check()
    page.locator('[name="skip_programs"][value="AMAZON_BUSINESS"]').check()
    page.get_by_label("Time zone").fill("Mars/Olympus")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("1 field needs another look")
    expect(page.get_by_label("Time zone")).to_have_value("Mars/Olympus")
    _look(page, "settings-wrong", ("light",))
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Enable Amazon Order: no → yes")
    _look(page, "settings-saved", ("dark",))

    after = command(database, "settings", "show")
    assert {name for name in AccountSettings.model_fields if after[name] == before[name]} == set()
    assert after["log_email"] == "orders@example.com, boss@example.com"
    assert after["status_merchant"] == {"id": "9", "name": "Unpaid"}
    assert after["payment_types"] == {"CreditCard": {"id": "7", "name": "Bank"}}
    assert after["shipping_methods"] == {"EXPEDITED": {"id": "3", "name": "Priority"}}
    assert after["carrier_mapping"] == {"dhl-paket": "DHL"}
    assert (after["skip_marketplaces"], after["skip_programs"]) == (["A2EUQ1WTGCTBG2"], ["AMAZON_BUSINESS"])
    assert after["import_from"] == "2026-10-31T23:00:00Z", "midnight in Berlin"


def test_an_overview_whose_session_has_ended_leads_to_the_login(
    page: Page, console: ConsoleServer, database: Database, olga: str
) -> None:
    """What it showed last would look well for ever."""
    sign_in(page, console, olga)
    page.goto(console.url)
    with page.expect_response("**/live") as answer:
        pass
    assert answer.value.status == 200
    with database.unit_of_work() as work:
        end_sessions(work, olga)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=15_000 * PATIENCE)


def test_a_token_and_a_user_are_made_and_shown_once(
    page: Page, console: ConsoleServer, database: Database, olga: str
) -> None:
    sign_in(page, console, olga)
    page.get_by_role("link", name="Store tokens").click()
    page.get_by_label("Whose it is").fill("web-store")
    page.get_by_role("button", name="Make it").click()
    expect(page.locator(".secret")).to_have_text(_starting("ob_"))
    _look(page, "token-made")
    (made,) = command(database, "tokens", "list")
    assert (made["name"], made["state"]) == ("web-store", "good")
    page.get_by_role("link", name="Users").click()
    page.get_by_label("Name").fill("bob")
    page.get_by_role("radio", name="operator").check()
    page.get_by_role("button", name="Make a link").click()
    expect(page.locator(".secret")).to_have_text(_starting(f"{console.url}/join/"))
    _look(page, "user-invited")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_objects_to_no_page(page: Page, console: ConsoleServer, olga: str, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    sign_in(page, console, olga)
    for path in PAGES:
        page.goto(console.url + path)
        _look(page, path.strip("/").replace("/", "-") or "first", schemes=(scheme,))


def test_it_fits_a_phone_and_is_walked_by_keyboard(page: Page, console: ConsoleServer, olga: str) -> None:
    sign_in(page, console, olga)
    page.set_viewport_size({"width": 390, "height": 844})
    for path in PAGES:
        page.goto(console.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    page.goto(f"{console.url}/accounts")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the page")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    expect(page.locator("nav [aria-current=page]")).to_have_text("Accounts")


def _starting(text: str) -> re.Pattern[str]:
    return re.compile(f"^{re.escape(text)}")


def _look(page: Page, name: str, schemes: tuple[Any, ...] = ("light", "dark")) -> None:
    """Axe's judgement on the page as it stands, in each scheme; pictures of it, where a folder for them is named."""
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        found = AXE.run(page)
        assert found.violations_count == 0, f"{name}, {scheme}: {found.generate_report()}"
        if folder := os.environ.get("CONSOLE_PICTURES"):
            for width in (390, 1440):
                page.set_viewport_size({"width": width, "height": 900})
                page.screenshot(path=Path(folder) / f"{name}-{width}-{scheme}.png", full_page=True)
            page.set_viewport_size({"width": 1280, "height": 720})
