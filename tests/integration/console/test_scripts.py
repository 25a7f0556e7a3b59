"""Words from elsewhere are words on every page, and every answer carries the headers that keep scripts out."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from orderbridge.accounts.attentions import MAPPING_GONE, raise_attention
from orderbridge.accounts.store_options import keep_options
from orderbridge.api_tokens import OPEN_PERSONAL_DATA, create_token
from orderbridge.database.unit_of_work import Database
from schemas.accounts import PaymentType, StatusOption, StoreOptions
from schemas.orders import Choice
from tests.parts.console import ConsoleServer, add_account

XSS = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"


def pages_with_foreign_words(database: Database) -> list[str]:
    """Every field that comes from elsewhere holds a script; returns the paths that show one."""
    add_account(database, XSS)
    with database.unit_of_work() as work:
        choice = Choice(id=XSS[:99], name=XSS)
        options = StoreOptions(
            account_id=XSS,
            statuses=(StatusOption(id=choice.id, name=choice.name, kind="new"),),
            payment_types=(PaymentType(id=choice.id, name=choice.name),),
            shipping_methods=(choice,),
        )
        keep_options(work, options, work.now)
        raise_attention(work, XSS, MAPPING_GONE, XSS, XSS)
        create_token(work, XSS, [OPEN_PERSONAL_DATA], accounts=[XSS])
    account = "/accounts/" + "".join(f"%{byte:02X}" for byte in XSS.encode()) + "/settings"
    return ["/accounts", account, "/tokens"]


def test_words_from_elsewhere_are_words(console: ConsoleServer) -> None:
    visitor = console.signed_in("anna")
    for path in pages_with_foreign_words(console.database):
        answer = visitor.get(path)
        assert answer.status_code == 200, path
        assert "&lt;script&gt;" in answer.text, path
        assert "<script" not in answer.text, path
        assert "<img" not in answer.text, path
        assert "onerror=alert(2)>" not in answer.text.replace("&gt;", ""), path


def test_what_was_typed_comes_back_as_words(console: ConsoleServer, account: str) -> None:
    visitor = console.signed_in("anna")
    sent = [
        ("/login", {"name": XSS, "password": "x", "next": "/" + XSS}, "/me"),
        ("/tokens", {"name": XSS, "days": XSS, "scope": XSS, "account": XSS}, None),
        ("/users", {"name": XSS, "role": XSS}, None),
        (
            "/accounts/main/settings",
            {"was.time_zone": "", "time_zone": XSS, "was.log_email": "", "log_email": XSS}
            | {"new.carrier_mapping.0.key": XSS, "new.carrier_mapping.0.value": XSS, "was.status_fba": "2"}
            | {"status_fba": XSS, "was.skip_programs": "", "skip_programs": XSS},
            None,
        ),
    ]
    for path, form, page in sent:
        answer = visitor.send(path, form, page=page)
        assert answer.status_code in (401, 422), path
        assert "&lt;script&gt;" in answer.text, path
        assert "<script" not in answer.text, path
        assert "<img" not in answer.text, path
    assert "<script" not in visitor.get("/" + XSS).text


def test_every_answer_has_the_headers(console: ConsoleServer, account: str) -> None:
    visitor = console.signed_in("anna")
    paths = ["/login", "/accounts", f"/accounts/{account}/settings", "/nothing", "/static/console.css", "/join/x"]
    for answer in [visitor.get(path) for path in paths] + [visitor.post("/tokens"), visitor.post("/accounts")]:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        kept = "no-cache" if "/static/" in urlsplit(answer.url).path else "no-store"
        assert answer.headers["cache-control"] == kept
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?! src=\"/static/)", answer.text), answer.url
        assert len(answer.content) < 100_000


@pytest.mark.parametrize("path", ["/static/../web.py", "/static/%2e%2e/web.py", "/static/..%2fweb.py", "/static/%00"])
def test_nothing_but_static_files_is_served(console: ConsoleServer, path: str) -> None:
    assert console.visitor().get(path).status_code == 404
