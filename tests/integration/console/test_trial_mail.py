"""The test mail's button on the page of settings, before a real mail server."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape

import pytest

from orderbridge.accounts.change_settings import change_settings
from orderbridge.database.unit_of_work import Database
from tests.parts.console import ConsoleServer, Visitor
from tests.parts.hand_clock import HandClock
from tests.parts.mail_server import MailServer

PAGE, BUTTON = "/accounts/main/settings", "/accounts/main/test-mail"
HOSTILE = '550 <script>alert(1)</script> "no'


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server that takes all mail."""
    server = MailServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def mailing(database: Database, server: MailServer) -> Iterator[ConsoleServer]:
    """A console that knows it."""
    with ConsoleServer(database, smtp_url=server.url(), mail_from="bridge@shop.com") as console:
        yield console


def addressed(database: Database, text: str = "a@shop.com, b@shop.com") -> None:
    with database.unit_of_work() as work:
        change_settings(work, "main", {"log_email": text})


def press(visitor: Visitor) -> tuple[int, str]:
    answer = visitor.send(BUTTON, {}, page=PAGE)
    return answer.status_code, unescape(answer.text)


def test_without_a_mail_server_the_page_says_how_to_set_one(
    console: ConsoleServer, database: Database, account: str
) -> None:
    addressed(database)
    visitor = console.signed_in("olga", "owner")
    page = visitor.get(PAGE).text
    assert "ORDERBRIDGE_SMTP_URL" in page
    assert "Send a test mail</button>" not in page
    status, text = press(visitor)
    assert (status, "No mail server is set" in text) == (422, True)


def test_without_an_address_there_is_nothing_to_press(mailing: ConsoleServer, account: str) -> None:
    visitor = mailing.signed_in("olga", "owner")
    assert "fill that in first" in visitor.get(PAGE).text
    status, text = press(visitor)
    assert status == 422
    assert '<a href="/accounts/main/settings">Settings of main</a> gives it one' in text


def test_it_says_what_became_of_each(
    mailing: ConsoleServer, database: Database, account: str, server: MailServer
) -> None:
    addressed(database)
    mailing.signed_in("owner")
    visitor = mailing.signed_in("otto", "operator")
    server.to_recipient.append(HOSTILE)
    answer = visitor.send(BUTTON, {}, page=PAGE)
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "a@shop.com: not sent. 550 &lt;script&gt;" in answer.text
    assert "b@shop.com: the mail server took it. 250 2.0.0 queued as 1" in answer.text
    assert [mail["Subject"] for mail in server.mails] == ["Test mail of Orderbridge (main)"]
    assert "The mail server takes no mail for a@shop.com" in answer.text, "the trouble stands on the same page"


def test_a_server_that_is_away(mailing: ConsoleServer, database: Database, account: str, server: MailServer) -> None:
    addressed(database, "a@shop.com")
    server.stop()
    status, text = press(mailing.signed_in("olga", "owner"))
    assert status == 200
    assert "a@shop.com: not sent." in text


def test_nobody_is_flooded(
    mailing: ConsoleServer, database: Database, account: str, server: MailServer, clock: HandClock
) -> None:
    addressed(database)
    visitor = mailing.signed_in("olga", "owner")
    assert [press(visitor)[0] for _ in range(6)] == [200] * 5 + [429]
    assert len(server.mails) == 10
    clock.advance(minutes=11)
    assert press(visitor)[0] == 200


def test_who_may_not(mailing: ConsoleServer, database: Database, account: str, server: MailServer) -> None:
    addressed(database)
    mailing.signed_in("owner")
    viewer = mailing.signed_in("vera", "viewer")
    assert "To send one takes an operator" in viewer.get(PAGE).text
    assert viewer.send(BUTTON, {}, page="/me").status_code == 403
    assert mailing.signed_in("otto", "operator").post(BUTTON, {"csrf": "x"}).status_code == 403, (
        "without the form's token"
    )
    assert server.mails == []


def test_an_account_that_is_not_there(mailing: ConsoleServer, account: str) -> None:
    visitor = mailing.signed_in("olga", "owner")
    assert visitor.send("/accounts/other/test-mail", {}, page="/me").status_code == 404
