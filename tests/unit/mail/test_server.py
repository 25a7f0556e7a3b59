"""ORDERBRIDGE_SMTP_URL and ORDERBRIDGE_MAIL_FROM: what they may be, and errors that say what was expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orderbridge.mail.server import MailServer, mail_server
from orderbridge.settings import BadSettings, load_settings

FROM = "bridge@shop.com"


@pytest.fixture(autouse=True)
def _a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def read(url: str | None, mail_from: str | None = FROM) -> MailServer | None:
    return mail_server(load_settings(smtp_url=url, mail_from=mail_from))


def test_without_one_there_is_none() -> None:
    assert read(None) is None
    assert read(None, "nonsense") is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.shop.com", {"host": "mail.shop.com", "port": 587}),
        ("smtp://mail.shop.com:25/", {"port": 25, "starttls_required": False}),
        ("smtp://mail.shop.com?starttls=required", {"starttls_required": True}),
        ("smtp://mail.shop.com?starttls=offered", {"starttls_required": False}),
        ("smtps://mail.shop.com", {"port": 465, "tls_from_start": True}),
        ("smtp://[::1]:2525", {"host": "::1", "port": 2525}),
        ("smtps://joe:p%40ss%2F%3F%23@mail.shop.com", {"user": "joe", "password": "p@ss/?#"}),
        ("smtp://joe:secret@mail.shop.com", {"starttls_required": True}),  # a password goes over TLS alone
        ("smtp://joe:secret@mail.shop.com?starttls=offered", {"starttls_required": True}),
        ("smtp://joe:secret@127.0.0.1", {"starttls_required": False}),
        ("smtp://joe:secret@localhost", {"starttls_required": False}),
        ("smtp://joe:secret@10.0.0.1", {"starttls_required": True}),
    ],
)
def test_what_a_url_says(url: str, expected: dict[str, Any]) -> None:
    server = read(url)
    assert server is not None
    assert {name: getattr(server, name) for name in expected} == expected
    assert "secret" not in repr(server)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mail.shop.com:587", "expected smtp://USER:PASSWORD@HOST:587"),
        ("http://mail.shop.com", "expected smtp://"),
        ("smtp://", "expected smtp://"),
        ("smtp://mail.shop.com:0", "expected smtp://"),
        ("smtp://mail.shop.com:many", "cannot be read"),
        ("smtp://mail.shop.com:99999", "cannot be read"),
        ("smtp://[::1", "cannot be read"),
        ("smtp://joe:swordfish/x@mail.shop.com", "cannot be read"),
        ("smtp://joe:sword#fish@mail.shop.com", "cannot be read"),
        ("smtp://mail.shop.com/folder", "Write / "),
        ("smtp://mail.shop.com#swordfish", "Write / "),
        ("smtp://joe@mail.shop.com", "a login needs a user and a password"),
        ("smtp://:swordfish@mail.shop.com", "a login needs a user and a password"),
        ("smtp://mail.shop.com?starttls=never", "only `starttls=required` may stand"),
        ("smtp://mail.shop.com?tls", "only `starttls=required` may stand"),
        ("smtp://mail.shop.com?starttls=required&timeout=3", "only `starttls=required` may stand"),
        ("smtps://mail.shop.com?starttls=required", "only `starttls=required` may stand"),
    ],
)
def test_what_is_wrong_is_said_without_the_value(url: str, message: str) -> None:
    with pytest.raises(BadSettings) as caught:
        read(url)
    assert str(caught.value).startswith("ORDERBRIDGE_SMTP_URL: ")
    assert message in str(caught.value)
    assert "swordfish" not in str(caught.value)


@pytest.mark.parametrize(
    ("mail_from", "header", "address"),
    [
        (FROM, FROM, FROM),
        ("Our Shop <bridge@shop.com>", "Our Shop <bridge@shop.com>", FROM),
        ('"Shop, Inc." <bridge@shop.com>', '"Shop, Inc." <bridge@shop.com>', FROM),
    ],
)
def test_the_sender(mail_from: str, header: str, address: str) -> None:
    server = read("smtp://mail.shop.com", mail_from)
    assert server is not None
    assert (server.from_header, server.sender, server.domain) == (header, address, "shop.com")


def test_the_login_is_the_sender_if_it_is_an_address() -> None:
    server = read("smtps://bridge%40shop.com:secret@mail.shop.com", None)
    assert server is not None
    assert server.sender == FROM


@pytest.mark.parametrize("url", ["smtp://mail.shop.com", "smtps://joe:secret@mail.shop.com"])
def test_without_a_sender_it_says_so(url: str) -> None:
    with pytest.raises(BadSettings, match="ORDERBRIDGE_MAIL_FROM is not set"):
        read(url, None)


@pytest.mark.parametrize(
    "mail_from", ["shop", "Shop <shop>", "a@shop.com\nBcc: b@shop.com", "a@shop.com, b@shop.com", ""]
)
def test_a_sender_that_is_no_address(mail_from: str) -> None:
    with pytest.raises(BadSettings, match="ORDERBRIDGE_MAIL_FROM: expected an e-mail address"):
        read("smtp://mail.shop.com", mail_from)
