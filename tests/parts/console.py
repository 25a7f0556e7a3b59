"""The console of a database, over HTTP on loopback, and visitors who behave as browsers do, or worse."""

from __future__ import annotations

import re
import threading
from typing import Any, Self

import requests

from orderbridge.access.links import create_first_owner_link, create_link, use_link
from orderbridge.access.users import Role, has_owner
from orderbridge.accounts.settings import AccountSettings
from orderbridge.database.models import Account
from orderbridge.database.unit_of_work import Database
from orderbridge.http_server import http_server
from orderbridge.ports import listen
from orderbridge.settings import Settings
from services.console.site import read_site
from services.console.web import create_console
from tests.parts.command_line import LIVE

PASSWORD = "correct horse battery"
_CSRF = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


def add_user(database: Database, name: str, role: Role = "owner") -> str:
    """A user with PASSWORD, by way of a link. Returns the token of the session it began."""
    with database.unit_of_work() as work:
        first = role == "owner" and not has_owner(work)
        token = create_first_owner_link(work) if first else create_link(work, name, role)
    return use_link(database, token, name, PASSWORD, PASSWORD)


def add_account(database: Database, account_id: str) -> None:
    """An account of that name: connected, in two marketplaces, not enabled."""
    with database.unit_of_work() as work:
        work.session.add(
            Account(
                account_id=account_id,
                marketplace_ids='["ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"]',
                refresh_token="sealed",
                settings=AccountSettings().model_dump_json(),
                connected_at=work.now,
                **LIVE,
            )
        )


class ConsoleServer:
    """The console, by the database's clock."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.database = database
        self._listening = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        given = Settings(_env_file=None, **{"public_url": self.url, **settings})
        console = create_console(database, read_site(given))
        self._server = http_server(console)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listening]})
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()

    def visitor(self) -> Visitor:
        """Somebody who has not signed in."""
        return Visitor(self.url)

    def signed_in(self, name: str, role: Role = "owner") -> Visitor:
        """A new user of that name and role, who has signed in."""
        add_user(self.database, name, role)
        visitor = self.visitor()
        assert visitor.sign_in(name).status_code == 303
        return visitor


class Visitor:
    """A browser without JavaScript: keeps cookies, sends forms with their hidden token, follows nothing by itself."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str, **more: Any) -> requests.Response:
        """A page."""
        return self.session.get(self.url + path, timeout=30, allow_redirects=False, **more)

    def post(self, path: str, data: Any = None, **more: Any) -> requests.Response:
        """Any form at all."""
        return self.session.post(self.url + path, data=data, timeout=30, allow_redirects=False, **more)

    def csrf(self, page: str = "/login") -> str:
        """The hidden token of that page's forms."""
        found = _CSRF.search(self.get(page).text)
        assert found is not None, page
        return found[1]

    def send(self, path: str, data: dict[str, Any], *, page: str | None = None, **more: Any) -> requests.Response:
        """A form of a page, as a browser sends it."""
        headers = {"Origin": self.url, **more.pop("headers", {})}
        return self.post(path, {"csrf": self.csrf(page or path), **data}, headers=headers, **more)

    def sign_in(self, name: str, password: str = PASSWORD, **more: Any) -> requests.Response:
        """The login form, filled in and sent."""
        return self.send("/login", {"name": name, "password": password, **more})

    @property
    def token(self) -> str | None:
        """The cookie of the session."""
        return self.session.cookies.get("orderbridge")
