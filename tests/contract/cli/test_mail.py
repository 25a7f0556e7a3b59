"""`orderbridge mail test`, and what `orderbridge doctor` says of the mail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from orderbridge.cli import doctor
from orderbridge.database.models import Mail
from orderbridge.database.unit_of_work import Database
from orderbridge.doctor import ok
from tests.parts.command_line import Command
from tests.parts.mail_server import MailServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """A mail server; the command line's environment names it."""
    server = MailServer()
    server.start()
    monkeypatch.setenv("ORDERBRIDGE_SMTP_URL", server.url())
    monkeypatch.setenv("ORDERBRIDGE_MAIL_FROM", "bridge@shop.com")
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _no_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "check_topics", lambda _settings: [ok("topics", "All is well.")])


def addresses(command: Command, account: str, text: str = "a@shop.com, b@shop.com") -> None:
    assert command("settings", "set", account, f"log_email={text}").exit_code == 0


def finding(command: Command) -> dict[str, Any]:
    (found,) = [one for one in json.loads(command("doctor", "--json").stdout) if one["about"] == "mail"]
    return dict(found)


def test_it_says_what_the_server_said(command: Command, account: str, server: MailServer) -> None:
    addresses(command, account)
    server.to_recipient.append("550 5.1.1 no such user")
    told = command("mail", "test", "--account", account, "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout) == [
        {"address": "a@shop.com", "taken": False, "answer": "550 5.1.1 no such user"},
        {"address": "b@shop.com", "taken": True, "answer": "250 2.0.0 queued as 1"},
    ]
    assert "The mail server takes no mail for a@shop.com: 550 5.1.1 no such user" in command("doctor").stdout
    again = command("mail", "test")
    assert again.exit_code == 0
    assert "250 2.0.0 queued as 2" in again.stdout
    assert "takes no mail" not in command("doctor").stdout


def test_what_is_missing_is_said(command: Command, account: str, server: MailServer) -> None:
    unknown = command("mail", "test", "--account", "nobody")
    assert (unknown.exit_code, "There is no account nobody." in unknown.stderr) == (1, True)
    without = command("mail", "test")
    assert (without.exit_code, "settings set main log_email=orders@example.com" in without.stderr) == (1, True)
    addresses(command, account)
    no_server = command("mail", "test", env={"ORDERBRIDGE_SMTP_URL": ""})
    assert (no_server.exit_code, "No mail server is set" in no_server.stderr) == (1, True)
    wrong = command("mail", "test", env={"ORDERBRIDGE_SMTP_URL": "mail.shop.com"})
    assert (wrong.exit_code, wrong.stderr.startswith("Settings: ORDERBRIDGE_SMTP_URL: expected")) == (1, True)
    assert server.tries == 0


def test_a_server_that_is_away_is_said(command: Command, account: str, server: MailServer) -> None:
    addresses(command, account, "a@shop.com")
    server.stop()
    told = command("mail", "test", "--json")
    assert told.exit_code == 1
    (tried,) = json.loads(told.stdout)
    assert not tried["taken"]
    assert f"127.0.0.1:{server.port}" in tried["answer"]


def test_the_doctor_without_a_server(command: Command, account: str) -> None:
    assert finding(command)["severity"] == "ok"
    addresses(command, account)
    found = finding(command)
    assert (found["severity"], found["what"]) == ("warning", "main: the log is to be mailed, and no server is set.")
    assert "ORDERBRIDGE_SMTP_URL" in found["what_to_do"]


def test_the_doctor_with_a_wrong_one(command: Command, account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERBRIDGE_SMTP_URL", "smtp://joe@mail.shop.com")
    found = finding(command)
    assert found["severity"] == "error"
    assert "a login needs a user and a password" in found["what"]


def test_the_doctor_counts_what_waits(command: Command, account: str, server: MailServer, database: Database) -> None:
    assert finding(command)["severity"] == "ok"
    with database.unit_of_work() as work:
        now = work.now
        for number, (age, failures, due) in enumerate([(20, 3, 0), (60, 5, 10), (60, 0, 600), (5, 1, 1), (50, 0, -20)]):
            work.session.add(
                Mail(
                    event_id=str(number),
                    recipient="a@shop.com",
                    account_id=account,
                    letter_id=str(number),
                    about="run:1",
                    event_type="import.finished",
                    body="{}",
                    created_at=now - timedelta(minutes=age),
                    due_at=now + timedelta(minutes=due),
                    failures=failures,
                    answer="451 later" if failures == 5 else None,
                )
            )
    found = finding(command)
    assert found["severity"] == "warning"
    assert found["what"].startswith("3 events could not be mailed yet, the oldest of ")
    assert found["what"].endswith("At last: 451 later")
    assert server.tries == 0
