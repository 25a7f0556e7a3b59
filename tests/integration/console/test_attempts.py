"""Attempts on the console that must fail: forged forms, planted sessions, foreign hosts, open redirects, scripts."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from orderbridge.access.sessions import IDLE_FOR, find_session, new_token
from orderbridge.api_tokens import OPEN_PERSONAL_DATA
from orderbridge.database.models import Account, ApiTokenRow, ConsoleSession
from orderbridge.database.unit_of_work import Database
from services.console.shield import LONGEST_BODY
from tests.parts.console import PASSWORD, ConsoleServer, add_user
from tests.parts.hand_clock import HandClock


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
    assert token is not None
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


@pytest.mark.parametrize("path", ["/live", "/accounts/main/preview/none/live"])
def test_what_a_script_asks_for_by_itself_is_no_click(
    console: ConsoleServer, account: str, clock: HandClock, path: str
) -> None:
    visitor = console.signed_in("anna")
    hours = int(IDLE_FOR.total_seconds()) // 3600
    clock.advance(hours=hours - 1)
    assert visitor.get("/me").status_code == 200, "a click"
    for _ in range(hours - 1):
        clock.advance(hours=1)
        assert visitor.get(path).status_code == 200
    clock.advance(hours=1)
    for ended in (path, "/me", path):
        assert visitor.get(ended).status_code == 303


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
