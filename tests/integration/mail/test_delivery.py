"""One mail to a real SMTP server: in the clear, under TLS, with a login, and what its answers mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from orderbridge.database.unit_of_work import Database, TransactionOpen
from orderbridge.mail.delivery import NotDelivered, deliver
from orderbridge.mail.message import as_message
from orderbridge.mail.server import mail_server
from orderbridge.settings import load_settings
from tests.parts.mail_server import LOGIN, MailServer, certificate, words

ADDRESS = "seller@shop.com"
Serve = Callable[..., MailServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a mail server."""
    with ExitStack() as stack:

        def start(**options: Any) -> MailServer:
            server = MailServer(**options)
            server.start()
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate that this process trusts, by OpenSSL's own variable."""
    file = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return file


def send(url: str, address: str = ADDRESS, text: str = "Hello.\n.\nOnce more: ü\n") -> str:
    server = mail_server(load_settings(smtp_url=url, mail_from="Shop <bridge@shop.com>"))
    assert server is not None
    at = datetime(2026, 11, 24, 9, tzinfo=UTC)
    return deliver(server, as_message(server, address, "A mail", text, "<p>Hello.</p>", name="m1", at=at), address)


def not_sent(url: str, address: str = ADDRESS) -> NotDelivered:
    with pytest.raises(NotDelivered) as caught:
        send(url, address)
    return caught.value


def login(password: str = LOGIN[1]) -> str:
    return f"{quote(LOGIN[0], safe='')}:{quote(password, safe='')}@"


def test_a_mail_arrives_as_it_was_written(serve: Serve) -> None:
    server = serve()
    assert send(server.url()) == "250 2.0.0 queued as 1"
    (mail,) = server.mails
    assert server.envelopes == [("bridge@shop.com", [ADDRESS], False)]
    assert (mail["From"], mail["To"], mail["Subject"]) == ("Shop <bridge@shop.com>", ADDRESS, "A mail")
    assert (mail["Message-ID"], mail["Auto-Submitted"]) == ("<m1@shop.com>", "auto-generated")
    assert mail["Date"] == "Tue, 24 Nov 2026 09:00:00 +0000"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert words(mail).replace("\r\n", "\n") == "Hello.\n.\nOnce more: ü\n"


def test_starttls_is_taken_where_it_is_offered(serve: Serve, trusted: Path) -> None:
    server = serve(tls=trusted)
    send(server.url())
    assert [tls for _, _, tls in server.envelopes] == [True]


def test_tls_from_the_start(serve: Serve, trusted: Path) -> None:
    server = serve(tls=trusted, from_start=True)
    send(server.url())
    assert [tls for _, _, tls in server.envelopes] == [True]


@pytest.mark.parametrize("from_start", [False, True])
def test_a_certificate_that_nobody_vouches_for_is_refused(serve: Serve, tmp_path: Path, from_start: bool) -> None:
    server = serve(tls=certificate(tmp_path), from_start=from_start)
    error = not_sent(server.url())
    assert (error.away, error.refused, server.mails) == (True, False, [])
    assert "its certificate is not trusted" in error.answer


def test_a_certificate_of_another_host_is_refused(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = certificate(tmp_path, "127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    error = not_sent(serve(tls=other).url())
    assert error.away
    assert "its certificate is not trusted: IP address mismatch" in error.answer


def test_required_starttls_that_is_not_offered_sends_nothing(serve: Serve) -> None:
    server = serve()
    error = not_sent(server.url(options="?starttls=required"))
    assert (error.away, server.tries) == (True, 0)
    assert "offers no STARTTLS" in error.answer


def test_a_login(serve: Serve, trusted: Path) -> None:
    server = serve(tls=trusted, login=True)
    send(server.url(login=login()))
    assert len(server.mails) == 1
    wrong = not_sent(server.url(login=login("guessed")))
    assert (wrong.away, wrong.refused) == (True, False)
    assert "535" in wrong.answer
    assert "guessed" not in repr(wrong)
    assert not_sent(server.url()).away  # without one; 530
    assert len(server.mails) == 1


@pytest.mark.parametrize(
    ("answer", "refused", "away"),
    [
        ("450 4.2.1 greylisted", False, False),
        ("421 4.3.2 closing", False, True),
        ("550 5.1.1 no such user", True, False),
    ],
)
def test_what_is_said_of_the_address(serve: Serve, answer: str, refused: bool, away: bool) -> None:
    server = serve()
    server.to_recipient.append(answer)
    error = not_sent(server.url())
    assert (error.answer, error.refused, error.away) == (answer, refused, away)


@pytest.mark.parametrize(("answer", "refused"), [("451 4.7.1 later", False), ("554 5.7.1 spam", True)])
def test_what_is_said_of_the_mail(serve: Serve, answer: str, refused: bool) -> None:
    server = serve()
    server.to_mail.append(answer)
    error = not_sent(server.url())
    assert (error.answer, error.refused, error.away) == (answer, refused, False)


def test_taken_is_taken_though_the_server_hangs_up(serve: Serve) -> None:
    server = serve()
    server.hangs_up = True
    assert send(server.url()) == "250 2.0.0 queued as 1"


def test_a_server_that_is_not_there(serve: Serve) -> None:
    server = serve()
    server.stop()
    error = not_sent(server.url())
    assert (error.away, error.refused) == (True, False)
    assert f"127.0.0.1:{server.port}" in error.answer


def test_addresses_beyond_ascii(serve: Serve) -> None:
    server = serve()
    send(server.url(), "seller@büro.example.com")
    send(server.url(), "käufer@shop.com")
    assert [recipients for _, recipients, _ in server.envelopes] == [
        ["seller@xn--bro-hoa.example.com"],
        ["käufer@shop.com"],
    ]


def test_an_open_transaction_is_refused(serve: Serve, database: Database) -> None:
    server = serve()
    with database.unit_of_work() as work:
        _ = work.session.connection()
        with pytest.raises(TransactionOpen):
            send(server.url())
    assert server.tries == 0
