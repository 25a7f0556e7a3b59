"""What goes wrong on our side is a page that says what to do, and nothing of what it was about."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from orderbridge.access.passwords import TooManyAtOnce
from orderbridge.database.unit_of_work import Database
from orderbridge.settings import Settings
from services.console import gate, signing_in
from services.console.app import invite_first_owner
from services.console.site import Site
from tests.parts.console import ConsoleServer, add_user

SITE = Site("https://console.example.com", "console.example.com", Settings(_env_file=None))


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (OperationalError("SELECT secret", {}, Exception("secret")), 503, "The database is away"),
        (RuntimeError("secret"), 500, "This is a fault of ours"),
    ],
)
def test_a_failure_is_a_page_without_its_text(
    console: ConsoleServer,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    error: Exception,
    status: int,
    told: str,
) -> None:
    visitor = console.signed_in("anna")

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(gate, "find_session", fail)
    answer = visitor.get("/accounts")
    assert (answer.status_code, told in answer.text) == (status, True)
    assert "secret" not in answer.text
    assert answer.headers["content-security-policy"]
    monkeypatch.undo()
    assert visitor.get("/accounts").status_code == 200
    assert "Traceback" not in capfd.readouterr().err


def test_too_many_who_sign_in_at_once_are_asked_to_wait(
    console: ConsoleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> str:
        raise TooManyAtOnce

    monkeypatch.setattr(signing_in, "sign_in", busy)
    answer = console.visitor().sign_in("anna")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_the_first_owners_link_is_printed_once(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    invite_first_owner(database, SITE)
    printed = capsys.readouterr().out
    assert "https://console.example.com/join/" in printed
    invite_first_owner(database, SITE)  # another process, or the same one again
    assert "/join/" not in capsys.readouterr().out
    add_user(database, "anna")
    invite_first_owner(database, SITE)
    assert "/join/" not in capsys.readouterr().out


def test_the_console_does_not_know_the_key_ring() -> None:
    """It never opens a seal itself: the api does."""
    for file in Path(gate.__file__).parent.glob("*.py"):
        assert "vault" not in file.read_text(), file.name
