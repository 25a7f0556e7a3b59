"""The mail server of the tests leaves nothing behind that another test would be blamed for."""

from __future__ import annotations

import gc
import smtplib
import threading

import pytest

from tests.parts.mail_server import MailServer, _Controller


def test_who_is_being_served_is_seen_off() -> None:
    server = MailServer()
    server.start()
    client = smtplib.SMTP("127.0.0.1", server.port)
    client.ehlo()
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    client.sendmail("a@shop.com", ["b@shop.com"], "Subject: in time\n\n")
    client.quit()
    stopping.join(20)
    assert not stopping.is_alive()
    assert [mail["Subject"] for mail in server.mails] == ["in time"]
    gc.collect()


def test_who_does_not_go_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Controller, "_GOODBYE_SECONDS", 0.05)
    server = MailServer()
    server.start()
    client = smtplib.SMTP("127.0.0.1", server.port)
    server.stop()
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.noop()
    client.close()
    gc.collect()  # an open transport would be a warning here, and so an error
    with pytest.raises(OSError, match="refused"):
        smtplib.SMTP("127.0.0.1", server.port)


def test_a_server_can_be_started_again() -> None:
    server = MailServer()
    for _ in range(2):
        server.start()
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            client.noop()
        server.stop()
