"""Every route, walked by everybody: nobody may what the table of pages does not allow."""

from __future__ import annotations

import pytest
from starlette.routing import Mount, Route

from orderbridge.access.users import ROLES, may
from orderbridge.database.unit_of_work import Database
from orderbridge.settings import Settings
from services.console.pages import PAGES, Page
from services.console.site import read_site
from services.console.web import create_console
from tests.parts.console import ConsoleServer, Visitor

_PLACES = {
    "{event_id}": "none",
    "{account_id:path}": "main",
    "{account_id}": "main",
    "{asked}": "none",
    "{order_id:path}": "114-0000000-0000000",
    "{run_id}": "none",
    "{token_id}": "none",
    "{name}": "nobody",
    "{token}": "none",
}


def path_of(page: Page) -> str:
    path = page.path
    for place, value in _PLACES.items():
        path = path.replace(place, value)
    assert "{" not in path, "a parameter that this test does not know"
    return path


def ask(visitor: Visitor, page: Page, csrf: str) -> tuple[int, str]:
    if page.method == "GET":
        answer = visitor.get(path_of(page))
    else:
        answer = visitor.post(path_of(page), {"csrf": csrf}, headers={"Origin": visitor.url})
    return answer.status_code, answer.headers.get("location", "")


def test_every_route_is_in_the_table(database: Database) -> None:
    routes = create_console(database, read_site(Settings(_env_file=None))).routes
    walked = {(method, route.path) for route in routes if isinstance(route, Route) for method in route.methods or ()}
    assert {one for one in walked if one[0] != "HEAD"} == {(page.method, page.path) for page in PAGES}
    assert [route.path for route in routes if isinstance(route, Mount)] == ["/static"]
    assert all(isinstance(route, Mount | Route) for route in routes)


def test_only_these_are_for_anyone() -> None:
    assert {page.path for page in PAGES if page.role is None} == {"/login", "/logout", "/join/{token}"}
    assert all(page.role != "viewer" or page.method == "GET" or page.path.startswith("/me/") for page in PAGES)


def test_a_stranger_is_led_to_the_login_and_changes_nothing(console: ConsoleServer, account: str) -> None:
    stranger = console.visitor()
    for page in PAGES:
        status, to = ask(stranger, page, stranger.csrf("/login"))
        if page.role is None:
            assert status in (200, 303, 401, 410), page
        elif page.method == "GET":
            assert (status, to.startswith("/login")) == (303, True), page
        else:
            assert status == 401, page


@pytest.mark.parametrize("role", list(ROLES))
def test_each_role_may_what_the_table_says(console: ConsoleServer, account: str, role: str) -> None:
    console.signed_in("first")
    visitor = console.signed_in("second", role)  # type: ignore[arg-type]  # one of the roles
    for page in PAGES:
        if page.path in ("/logout", "/me/sessions/end", "/login"):
            continue  # after them it is a stranger
        status, to = ask(visitor, page, visitor.csrf("/me"))
        if page.role is None or may(role, page.role):
            assert status in (200, 303, 404, 410, 422), (page, status)
            assert not to.startswith("/login"), page
        else:
            assert status == 403, page


@pytest.mark.parametrize("role", list(ROLES))
def test_the_menu_shows_what_one_may_see(console: ConsoleServer, account: str, role: str) -> None:
    console.signed_in("first")
    text = console.signed_in("second", role).get("/accounts").text  # type: ignore[arg-type]  # one of the roles
    seen = [path for path in ("/accounts", "/tokens", "/users") if f'<a href="{path}"' in text]
    assert (
        seen
        == {"viewer": seen[:1], "operator": ["/accounts", "/tokens"], "owner": ["/accounts", "/tokens", "/users"]}[role]
    )


def test_a_viewer_sees_settings_that_cannot_be_sent(console: ConsoleServer, account: str) -> None:
    console.signed_in("first")
    text = console.signed_in("second", "viewer").get("/accounts/main/settings").text
    assert '<fieldset class="all" disabled>' in text
    assert ">Save<" not in text
