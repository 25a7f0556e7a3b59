"""Attempts on the console that must fail: forged forms, planted sessions, foreign hosts, open redirects, scripts."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from orderbridge.access.links import create_link
from orderbridge.access.sessions import find_session, new_token
from orderbridge.accounts.attentions import MAPPING_GONE, raise_attention
from orderbridge.accounts.store_options import keep_options
from orderbridge.api_tokens import OPEN_PERSONAL_DATA, create_token
from orderbridge.database.models import Account, ApiTokenRow, ConsoleSession
from orderbridge.database.unit_of_work import Database
from schemas.accounts import PaymentType, StatusOption, StoreOptions
from schemas.orders import Choice
from services.console.shield import LONGEST_BODY
from tests.integration.console.conftest import add_account
from tests.parts.console import PASSWORD, ConsoleServer, Visitor, add_user

XSS = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"


def settings_of(database: Database, account: str) -> str:
    with database.unit_of_work() as work:
        return work.session.get_one(Account, account).settings


# --- forged forms


@pytest.mark.parametrize(
    "csrf", [None, "", "0" * 64, "ä", "of another session"], ids=["missing", "empty", "forged", "no-hex", "another's"]
)
def test_a_form_without_its_sessions_token_changes_nothing(
    console: ConsoleServer, account: str, csrf: str | None
) -> None:
    visitor = console.signed_in("anna")
    if csrf == "of another session":
        other = console.visitor()
        other.sign_in("anna")
        csrf = other.csrf("/me")
    form = {"was.enabled": "false", "enabled": "true", **({"csrf": csrf} if csrf is not None else {})}
    before = settings_of(console.database, account)
    answer = visitor.post(f"/accounts/{account}/settings", form)
    assert (answer.status_code, "Nothing was changed" in answer.text) == (403, True)
    assert settings_of(console.database, account) == before
    form["csrf"] = visitor.csrf("/me")
    assert visitor.post(f"/accounts/{account}/settings", form).status_code == 200
    assert settings_of(console.database, account) != before, "with the token it is taken"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", ""])
def test_a_form_of_another_site_is_refused_whatever_it_carries(
    console: ConsoleServer, account: str, origin: str
) -> None:
    visitor = console.signed_in("anna")
    form = {"name": "x", "days": "1", "scope": OPEN_PERSONAL_DATA}
    answer = visitor.send("/tokens", form, headers={"Origin": origin})
    assert answer.status_code == 403
    with console.database.unit_of_work() as work:
        assert work.session.scalars(select(ApiTokenRow)).all() == []


def test_the_login_is_guarded_too(console: ConsoleServer) -> None:
    add_user(console.database, "anna")
    visitor = console.visitor()
    assert visitor.post("/login", {"name": "anna", "password": PASSWORD}).status_code == 403
    assert visitor.get("/accounts").status_code == 303


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_what_is_no_form_is_not_read(console: ConsoleServer, kind: str) -> None:
    visitor = console.signed_in("anna")
    assert visitor.post("/tokens", b"{}", headers={"Content-Type": kind}).status_code == 415


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x=" + b"y" * LONGEST_BODY, 413),
        (b"&".join(b"x=1" for _ in range(3000)), 400),
        (b"csrf=%00", 400),
        (b"%ff%fe=%", 403),
        (b"", 403),
    ],
    ids=["long", "many", "nul", "no-utf-8", "empty"],
)
def test_bodies_that_are_none_are_answered(console: ConsoleServer, body: bytes, status: int) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert console.signed_in("anna").post("/tokens", body, headers=kind).status_code == status


# --- sessions


def test_a_session_that_was_planted_is_worth_nothing_after_the_login(console: ConsoleServer) -> None:
    add_user(console.database, "anna")
    victim, planted = console.visitor(), new_token()
    victim.session.cookies.set("orderbridge", planted, domain="127.0.0.1", path="/")
    assert victim.sign_in("anna").status_code == 303
    assert victim.token != planted
    attacker = console.visitor()
    attacker.session.cookies.set("orderbridge", planted)
    assert attacker.get("/accounts").status_code == 303
    assert victim.get("/accounts").status_code == 200


def test_the_login_ends_the_session_that_this_browser_had(console: ConsoleServer) -> None:
    visitor = console.signed_in("anna")
    before = visitor.token
    assert before is not None
    add_user(console.database, "bob", "viewer")
    csrf = visitor.csrf("/me")
    visitor.post("/login", {"csrf": csrf, "name": "bob", "password": PASSWORD})
    with console.database.unit_of_work() as work:
        assert find_session(work, before) is None
    assert "bob" in visitor.get("/me").text


def test_the_cookie_is_out_of_reach(console: ConsoleServer) -> None:
    add_user(console.database, "anna")
    visitor = console.visitor()
    cookie = visitor.sign_in("anna").headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert "Max-Age" not in cookie, "it ends with the browser, at the latest"


def test_with_tls_before_it_the_cookie_is_secure(database: Database) -> None:
    with ConsoleServer(database, public_url="https://console.example.com") as server:
        headers = server.visitor().get("/login", headers={"Host": "console.example.com"}).headers
    assert {"Secure", "HttpOnly"} <= set(headers["set-cookie"].split("; "))
    assert headers["set-cookie"].startswith("__Host-orderbridge=")
    assert headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("cookie", ["", "x", "a" * 43, "a" * 5000, "../../etc/passwd", "'; DROP TABLE accounts; --"])
def test_a_cookie_that_is_none_is_nobody(console: ConsoleServer, cookie: str) -> None:
    answer = console.visitor().get("/accounts", headers={"Cookie": f"orderbridge={cookie}"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Faccounts")


def test_signing_out_ends_the_session_in_the_database(console: ConsoleServer) -> None:
    visitor = console.signed_in("anna")
    token = visitor.token
    assert visitor.send("/logout", {}, page="/me").headers["location"] == "/login"
    again = console.visitor()
    again.session.cookies.set("orderbridge", token)
    assert again.get("/me").status_code == 303


def test_sign_out_everywhere(console: ConsoleServer) -> None:
    visitor, other = console.signed_in("anna"), console.visitor()
    other.sign_in("anna")
    assert visitor.send("/me/sessions/end", {}, page="/me").status_code == 303
    assert (visitor.get("/me").status_code, other.get("/me").status_code) == (303, 303)
    with console.database.unit_of_work() as work:
        assert work.session.scalars(select(ConsoleSession)).all() == []


# --- hosts and ways out


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8400", "127.0.0.1.evil.example", "", "a b"])
@pytest.mark.parametrize("path", ["/login", "/static/console.css", "/nothing"])
def test_a_foreign_host_is_refused(console: ConsoleServer, host: str, path: str) -> None:
    answer = console.visitor().get(path, headers={"Host": host})
    assert answer.status_code in (400, 421)  # the server itself refuses what can be no host
    assert "<form" not in answer.text


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/%0d%0aX: y\r\nX: y", "javascript:alert(1)"],
)
def test_the_login_leads_to_no_other_site(console: ConsoleServer, wanted: str) -> None:
    add_user(console.database, "anna")
    visitor = console.visitor()
    page = visitor.get("/login", params={"next": wanted})
    assert 'name="next" value="/"' in page.text
    answer = visitor.sign_in("anna", next=wanted)
    assert answer.headers["location"] == "/"
    assert visitor.get("/login", params={"next": wanted}).headers["location"] == "/"


def test_the_login_leads_to_where_one_wanted(console: ConsoleServer, account: str) -> None:
    add_user(console.database, "anna")
    visitor = console.visitor()
    to = visitor.get(f"/accounts/{account}/settings").headers["location"]
    assert to == "/login?next=%2Faccounts%2Fmain%2Fsettings"
    (wanted,) = re.findall(r'name="next" value="([^"]+)"', visitor.get(to).text)
    assert visitor.sign_in("anna", next=wanted).headers["location"] == "/accounts/main/settings"


# --- scripts


def pages_with_foreign_words(database: Database, visitor: Visitor) -> list[str]:
    """Every field that comes from elsewhere holds a script; returns the paths that show one."""
    add_account(database, XSS)
    with database.unit_of_work() as work:
        choice = {"id": XSS[:99], "name": XSS}
        options = StoreOptions(
            account_id=XSS,
            statuses=(StatusOption(**choice, kind="new"),),
            payment_types=(PaymentType(**choice),),
            shipping_methods=(Choice(**choice),),
        )
        keep_options(work, options, work.now)
        raise_attention(work, XSS, MAPPING_GONE, XSS, XSS)
        create_token(work, XSS, [OPEN_PERSONAL_DATA], accounts=[XSS])
    account = "/accounts/" + "".join(f"%{byte:02X}" for byte in XSS.encode()) + "/settings"
    return ["/accounts", account, "/tokens"]


def test_words_from_elsewhere_are_words(console: ConsoleServer) -> None:
    visitor = console.signed_in("anna")
    for path in pages_with_foreign_words(console.database, visitor):
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


# --- the lock-out, and links


def test_the_lock_out_says_for_how_long_and_tells_nobody_who_there_is(console: ConsoleServer) -> None:
    add_user(console.database, "anna")
    told: dict[str, list[str]] = {}
    for name in ("anna", "nobody"):
        visitor = console.visitor()
        answers = [visitor.sign_in(name, "a wrong password") for _ in range(11)]
        assert [one.status_code for one in answers] == [401] * 9 + [429] * 2
        told[name] = [re.sub(r'value="[^"]*"', "", one.text) for one in answers]
    assert told["anna"] == told["nobody"]
    assert "this name is locked until 10:00 UTC" in told["anna"][-1]
    assert "orderbridge users unlock" in told["anna"][-1]
    assert console.visitor().sign_in("anna").status_code == 429, "not even with the right one"


def test_an_owner_unlocks(console: ConsoleServer) -> None:
    owner = console.signed_in("anna")
    add_user(console.database, "bob", "viewer")
    for _ in range(10):
        console.visitor().sign_in("bob", "a wrong password")
    assert "Locked after ten wrong passwords, until 2026-11-24 10:00 UTC" in owner.get("/users").text
    assert "bob is unlocked." in owner.send("/users/bob/unlock", {}, page="/users").text
    assert console.visitor().sign_in("bob").status_code == 303


def test_a_link_works_once_and_looking_at_it_does_not_use_it_up(console: ConsoleServer) -> None:
    owner = console.signed_in("anna")
    shown = owner.send("/users", {"name": "Bob", "role": "viewer"}).text
    (link,) = re.findall(r'<code class="secret">([^<]+)</code>', shown)
    path = urlsplit(link).path
    assert link.startswith(console.url + "/join/")
    bob = console.visitor()
    assert bob.get(path).status_code == bob.get(path).status_code == 200
    short = bob.send(path, {"password": "short", "again": "short"})
    assert (short.status_code, "at least 12" in short.text) == (422, True)
    assert bob.send(path, {"password": PASSWORD, "again": PASSWORD}).headers["location"] == "/"
    assert "bob" in bob.get("/me").text
    used = console.visitor().get(path)
    assert (used.status_code, "Ask an owner for a new one" in used.text) == (410, True)
    assert path not in owner.get("/users").text, "it was shown once"


def test_a_link_does_not_make_another_user_than_its_own(console: ConsoleServer) -> None:
    add_user(console.database, "anna")
    with console.database.unit_of_work() as work:
        token = create_link(work, "bob", "viewer")
    visitor = console.visitor()
    form = {"name": "anna", "role": "owner", "password": PASSWORD, "again": PASSWORD}
    assert visitor.send(f"/join/{token}", form).status_code == 303
    assert "As viewer you may" in visitor.get("/me").text
