"""A console over a system in which a bit of everything has happened: for whoever looks at every page.

Names and numbers are the sandbox's, which makes its buyers up; no personal data is on any page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Page
from sqlalchemy import select

from orderbridge.access.links import create_link
from orderbridge.accounts.amazon_words import SERVICE_LEVELS
from orderbridge.accounts.attentions import CONSENT_EXPIRING, raise_attention
from orderbridge.accounts.store_options import keep_options
from orderbridge.api_tokens import OPEN_PERSONAL_DATA, create_token
from orderbridge.database.models import ProcessRow
from orderbridge.database.unit_of_work import Database
from orderbridge.dead_letters import find_letters
from orderbridge.import_requests import ask_preview
from orderbridge.orders.replaying import ReplayWish, ask_for_replay
from orderbridge.orders.runs import RunFilter, latest_runs
from orderbridge.overview import SERVICES
from schemas.accounts import PaymentType, StatusOption, StoreOptions
from schemas.orders import Choice
from tests.parts.console import PASSWORD, ConsoleServer, add_account, add_user
from tests.parts.hand_clock import START
from tests.parts.in_process import System
from tests.parts.sandbox_server import sandbox_server

_QUEUES = ("New", "Unpaid", "Processing", "Partial", "Shipped", "Cancel", "Hold")
_MUG = [{"sku": "MUG-BLUE", "quantity": 1}]


@dataclass
class FilledConsole:
    """It, and the address of each of its pages (by the path in `services/console/pages.py`)."""

    url: str
    pages: dict[str, tuple[str, ...]]
    order_id: str
    """An order with a package that was refused and one that was confirmed."""
    link: str
    """A one-time link that nobody has used."""

    def sign_in(self, page: Page) -> None:
        """As the owner."""
        page.goto(f"{self.url}/login")
        page.get_by_label("Name").fill("anna")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Sign out").wait_for()


@contextmanager
def filled_console(folder: Path, more: Callable[[Database], None] | None = None) -> Iterator[FilledConsole]:
    """On SQLite in the folder; `more` is done to the database before the console opens."""
    url = f"sqlite:///{folder / 'orderbridge.sqlite'}"
    wish: dict[str, Any] = {
        "import_from": START - timedelta(days=20),
        "import_fba": True,
        "log_email": "orders@shop.example",
        "shipping_methods": {level: Choice(id="1", name="Ground") for level in SERVICE_LEVELS},
    }
    with ExitStack() as stack:
        sandbox = stack.enter_context(sandbox_server())
        system = stack.enter_context(closing(System(url, folder, sandbox, **wish)))
        _people(system)
        order_id = _trade(system)
        preview = _preview(system)
        _troubles(system)
        system.run_until_idle()
        if more is not None:
            more(system.database)
        settings = {"smtp_url": "smtp://127.0.0.1:9", "mail_from": "bridge@shop.example"}
        with system.database.unit_of_work() as work:
            link = create_link(work, "carl", "viewer")
            replay = ask_for_replay(work, ReplayWish()).replay_id
            letters = [letter.row.event_id for letter in find_letters(work)]
            runs = [run.run_id for run in latest_runs(work, RunFilter(), 50)]
            with_lines = next(one.run_id for one in latest_runs(work, RunFilter(kind="search"), 50))
        console = stack.enter_context(ConsoleServer(system.database, **settings))
        at = f"/accounts/main/preview/{preview}"
        yield FilledConsole(
            console.url,
            {
                "/": ("/",),
                "/live": ("/live",),
                "/first-steps": ("/first-steps",),
                "/dead-letters": ("/dead-letters", "/dead-letters?service=shipper&reason=invalid"),
                "/dead-letters/{event_id}": tuple(f"/dead-letters/{one}" for one in letters[:2]),
                "/login": ("/login",),
                "/join/{token}": (f"/join/{link}", "/join/none"),
                "/me": ("/me",),
                "/connect": ("/connect?account=outlet",),
                "/connect/callback": ("/connect/callback?state=forged&spapi_oauth_code=x&selling_partner_id=A1",),
                "/accounts": ("/accounts",),
                "/accounts/{account_id}/disconnect": ("/accounts/main/disconnect",),
                "/accounts/{account_id}/preview/{asked}": (at,),
                "/accounts/{account_id}/preview/{asked}/live": (f"{at}/live",),
                "/accounts/{account_id:path}/settings": ("/accounts/main/settings",),
                "/orders": ("/orders", "/orders?number=114-0000000-0000000"),
                "/orders/{order_id:path}": (f"/orders/{order_id}",),
                "/replays": ("/replays?since=2026-11-23", "/replays?since=2030-01-01", f"/replays?replay={replay}"),
                "/runs": ("/runs",),
                "/runs/{run_id}": tuple({f"/runs/{runs[0]}", f"/runs/{with_lines}"}),
                "/shipments": ("/shipments", "/shipments?state=confirmed"),
                "/tokens": ("/tokens",),
                "/users": ("/users",),
            },
            order_id,
            f"{console.url}/join/{link}",
        )


def _people(system: System) -> None:
    add_user(system.database, "anna")
    add_user(system.database, "otto", "operator")
    add_account(system.database, "outlet")
    with system.database.unit_of_work() as work:
        options = StoreOptions(
            account_id="main",
            statuses=tuple(StatusOption(id=str(number), name=name) for number, name in enumerate(_QUEUES, 1)),
            payment_types=(PaymentType(id="14", name="Amazon"), PaymentType(id="7", name="Invoice")),
            shipping_methods=(Choice(id="1", name="Ground"), Choice(id="3", name="Priority")),
        )
        keep_options(work, options, work.now)
        create_token(work, "web-store", [OPEN_PERSONAL_DATA], accounts=["main"])


def _trade(system: System) -> str:
    """Orders of some days, most of them shipped; returns the one with the longest life."""
    system.place_orders(count=2, fulfilled_by="AMAZON", created_at=START - timedelta(hours=20))
    system.place_orders(count=2, status="PENDING", created_at=START - timedelta(minutes=50))
    system.place_orders(count=1, status="CANCELLED", created_at=START - timedelta(hours=30))
    system.place_orders(count=14, created_at=START - timedelta(days=2), spread_over_seconds=150_000)
    shipped = system.imported(count=6, lines=_MUG, created_at=START - timedelta(days=1), spread_over_seconds=50_000)
    for number, order_id in enumerate(shipped):
        system.store_says(
            order_id=order_id, tracking_number=f"1Z999AA1012345678{number}", store_order_number=f"S-10{number}"
        )
    system.run_until_idle()
    (order_id,) = system.imported(lines=[{"sku": "MUG-BLUE", "quantity": 3}])
    system.fault("confirmShipment", "400")
    system.store_says(order_id=order_id, package_id="P1", tracking_number="1Z999AA10123456784", lines=_MUG)
    system.run_until_idle()
    system.store_says(order_id=order_id, package_id="P2", tracking_number="1Z12345E0291980793", lines=_MUG)
    system.run_until_idle()
    (later,) = system.imported(lines=_MUG)
    system.store_says(
        order_id=later, tracking_number="1Z999AA10123456784", ship_date=(system.now + timedelta(hours=30)).isoformat()
    )
    system.run_until_idle()
    for body in (b'{"order": "114-7654321-4852892", "carrier": "UPS", "tracking": "1Z"}', b'{"order_id": "114-'):
        system.produce("order.shipped", body, key=b"114-7654321-4852892")
    system.run_until_idle()
    system.advance(900)
    return order_id


def _preview(system: System) -> str:
    system.place_orders(count=4)
    system.advance(180)
    with system.database.unit_of_work() as work:
        asked = ask_preview(work, "main")
    system.run_until_idle()
    return asked


def _troubles(system: System) -> None:
    with system.database.unit_of_work() as work:
        raise_attention(
            work,
            "main",
            CONSENT_EXPIRING,
            "The seller's authorisation of main ends on 2026-12-20.",
            "Connect the account again: `orderbridge accounts connect main`.",
        )
        for service in SERVICES:
            if service == "listener":
                continue
            state, waits = ("waiting", "Amazon") if service == "shipper" else ("ok", None)
            lag = 0 if service in ("importer", "shipper", "redactor", "reporter") else None
            work.session.add(
                ProcessRow(
                    process_id=service,
                    service=service,
                    instance=service,
                    started_at=work.now,
                    seen_at=work.now,
                    state=state,
                    waiting_for=waits,
                    lag=lag,
                    handled=7,
                )
            )
        assert len(work.session.scalars(select(ProcessRow)).all()) == len(SERVICES) - 1
