"""Whatever stands in an address, in a filter or in a row from elsewhere: it is data, and nothing happens by it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
import requests
from sqlalchemy import func, select

from orderbridge.accounts.attentions import MAPPING_GONE, raise_attention
from orderbridge.accounts.settings import AccountSettings
from orderbridge.database.models import (
    Account,
    AccountState,
    Base,
    HandlerFailure,
    Mail,
    ProcessRow,
    UnknownOrder,
)
from orderbridge.database.unit_of_work import Database
from services.console.pages import PAGES, Page
from tests.parts.console import ConsoleServer, Visitor, add_account

XSS = "`orderbridge settings set \"'><script>alert(1)</script>` \"'><img src=x onerror=alert(2)>"
ORDER = "114-0000000-0000000"
SQL = ("' OR '1'='1", '"; DROP TABLE accounts; --', "%", "x' UNION SELECT 1 --", "\\", "(((", "1; SELECT pg_sleep(9)")
FILTERS = {
    "/orders": ("number", "account", "status", "since", "until", "after", "told"),
    "/runs": ("account", "kind", "problems", "after", "told"),
    "/runs/none": ("after",),
    "/shipments": ("account", "state", "after", "told"),
    "/dead-letters": ("service", "reason", "all", "done", "count", "after"),
    "/dead-letters/none": ("done",),
    "/connect": ("account",),
    "/connect/callback": ("state", "spapi_oauth_code", "selling_partner_id", "error"),
    "/login": ("next",),
    "/first-steps": ("account",),
}
"""What each page reads of its address, and some that it does not."""
TRICKS = (
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%5c..%5cwindows",
    "%252e%252e%252f",
    "a%00b",
    "%ff%fe",
    "%f0%9f%8e%81",
    "%27%20OR%201%3D1%20--",
    "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "%7b%7b7*7%7d%7d",
    "%0d%0aSet-Cookie:%20x=y",
    "9" * 3000,
)


def counted(database: Database) -> dict[str, int]:
    """How many rows each table has; those that a look itself writes are left out."""
    with database.unit_of_work() as work:
        return {
            name: work.session.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in Base.metadata.tables.items()
            if name not in ("console_sessions", "login_failures")
        }


def raw(visitor: Visitor, method: str, path: str, data: Any = None) -> requests.Response:
    """A request whose path nobody has tidied up."""
    headers = {"Origin": visitor.url}
    request = visitor.session.prepare_request(requests.Request(method, visitor.url, data=data, headers=headers))
    request.url = visitor.url + path
    return visitor.session.send(request, allow_redirects=False, timeout=30)


@pytest.mark.parametrize("path", FILTERS)
def test_sql_in_every_filter(console: ConsoleServer, account: str, path: str) -> None:
    visitor = console.signed_in("olga", "owner")
    before = counted(console.database)
    for name in FILTERS[path]:
        for text in SQL:
            answer = visitor.get(path, params={name: text})
            assert answer.status_code in (200, 303, 400, 404, 422), (path, name, text)
            assert "SELECT" not in answer.text.replace(quote(text), "").replace("UNION SELECT", "").replace(
                "; SELECT", ""
            ), (path, name, text)
    assert counted(console.database) == before


@pytest.mark.parametrize(
    "page", [one for one in PAGES if "{" in one.path], ids=lambda page: f"{page.method} {page.path}"
)
def test_tricks_in_every_path(console: ConsoleServer, account: str, page: Page) -> None:
    visitor = console.signed_in("olga", "owner")
    csrf = visitor.csrf("/me")
    before = counted(console.database)
    for trick in TRICKS:
        start, _, rest = page.path.partition("{")
        path = start + trick + rest.partition("}")[2].replace("{asked}", trick)
        data = {"csrf": csrf, "sure": "yes"} if page.method == "POST" else None
        answer = raw(visitor, page.method, path, data)
        assert answer.status_code in (200, 303, 400, 404, 410, 422), (path, answer.status_code)
        assert "root:" not in answer.text, path
        assert "<script>alert" not in answer.text, path
        assert ">49<" not in answer.text, path
        assert "x=y" not in answer.headers.get("set-cookie", ""), path
        assert answer.headers.get("location", "/").startswith("/"), path
        assert not answer.headers.get("location", "/").startswith("//"), path
    assert counted(console.database) == before


def planted(database: Database) -> list[str]:
    """A script wherever another system's words are kept; returns the pages that show them, as they do."""
    add_account(database, XSS[:100])
    with database.unit_of_work() as work:
        row = work.session.get_one(Account, XSS[:100])
        row.settings = AccountSettings().model_copy(update={"log_email": XSS, "enabled": True}).model_dump_json()
        work.session.add(AccountState(account_id=XSS[:100], last_order_id=XSS))
        work.session.add(HandlerFailure(service="shipper", place=XSS, exception=XSS, failed_at=work.now))
        process = {"started_at": work.now, "seen_at": work.now, "state": "waiting", "waiting_for": XSS, "handled": 0}
        work.session.add(ProcessRow(process_id="1", service="importer", instance=XSS, lag=None, **process))
        work.session.add(UnknownOrder(account_id=XSS[:100], order_id=ORDER, asked_at=work.now, why=XSS))
        named = {"event_id": "1", "letter_id": "1", "recipient": XSS, "account_id": XSS[:100], "event_type": ""}
        times = dict.fromkeys(("created_at", "due_at", "ended_at"), work.now)
        work.session.add(Mail(about="test", body="{}", answer=XSS, state="refused", **named, **times))
        raise_attention(work, XSS[:100], MAPPING_GONE, XSS, XSS)
    return ["/", "/live", "/first-steps", "/accounts", f"/orders?number={ORDER}", "/runs", "/shipments", "/tokens"]


def test_words_from_elsewhere_are_words_on_these_pages_too(database: Database) -> None:
    with ConsoleServer(database, smtp_url="smtp://127.0.0.1:9", mail_from="a@shop.com") as console:
        visitor = console.signed_in("olga", "owner")
        for path in planted(database):
            answer = visitor.get(path)
            assert answer.status_code == 200, path
            assert path in ("/shipments", "/runs") or "&lt;script&gt;" in answer.text, path
            assert "<script>" not in answer.text, path
            assert "<img" not in answer.text, path
            assert 'href="javascript' not in answer.text, path


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"state": ""},
        {"state": "forged", "spapi_oauth_code": "x", "selling_partner_id": "A1"},
        {"state": XSS, "spapi_oauth_code": XSS, "selling_partner_id": XSS},
        {"error": "access_denied"},
        {"error": XSS, "state": XSS},
        {"state": "x" * 5000},
    ],
    ids=["nothing", "empty", "forged", "script", "denied by nobody", "script in the error", "long"],
)
def test_a_callback_that_nobody_asked_for_connects_nothing(
    console: ConsoleServer, account: str, given: dict[str, str]
) -> None:
    visitor = console.signed_in("olga", "owner")
    before = counted(console.database)
    answer = visitor.get("/connect/callback", params=given)
    assert answer.status_code == 422
    assert "Not connected" in answer.text
    assert "<script>" not in answer.text
    assert "<img" not in answer.text
    assert counted(console.database) == before
    assert console.visitor().get("/connect/callback", params=given).status_code == 303, "and a stranger signs in first"
