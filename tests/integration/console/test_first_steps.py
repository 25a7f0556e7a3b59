"""The first steps: each is read from what is there, and all are over when the first import is through."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from orderbridge.accounts.change_settings import change_settings
from orderbridge.accounts.store_options import keep_options
from orderbridge.database.models import Account, AccountState, Mail, Run
from orderbridge.database.unit_of_work import Database
from orderbridge.first_steps import FirstSteps, first_steps
from orderbridge.settings import Settings
from schemas.accounts import StoreOptions
from tests.parts.console import ConsoleServer, add_account

TITLES = ["application", "connected", "lists", "settings", "mail", "look", "on", "import"]
APP = {"amazon_client_id": "an-id", "amazon_client_secret": "a-secret", "amazon_application_id": "amzn1.sp.solution.x"}


def ways(database: Database, **settings: Any) -> tuple[FirstSteps, ...]:
    with database.unit_of_work() as work:
        return first_steps(work, Settings(_env_file=None, **settings))


def states(database: Database, **settings: Any) -> dict[str, str]:
    (way,) = ways(database, **settings)
    return dict(zip(TITLES, [step.state for step in way.steps], strict=True))


def add_run(database: Database, kind: str, *, ended: bool) -> None:
    with database.unit_of_work() as work:
        run = Run(run_id=f"{kind}-{ended}", account_id="main", kind=kind, started_at=work.now, progress="{}")
        run.finished_at = work.now if ended else None
        work.session.add(run)


def test_nothing_is_there(database: Database) -> None:
    (way,) = ways(database)
    assert (way.account_id, way.done, way.next.title) == ("main", 0, "An application at Amazon")
    assert [step.state for step in way.steps] == ["to do", "to do", *["waits"] * 6]
    (way,) = ways(database, **APP)
    assert (way.done, way.next.title) == (1, "The seller account connected")
    assert way.next.path == "/connect?account=main"


def test_without_an_application_id_there_is_only_the_private_way(database: Database) -> None:
    (way,) = ways(database, **{**APP, "amazon_application_id": None})
    assert way.steps[0].state == "done"
    assert "ORDERBRIDGE_AMAZON_APPLICATION_ID" in way.steps[0].text


def test_step_by_step(database: Database, account: str) -> None:
    assert states(database) == {
        **dict.fromkeys(("application", "connected"), "done"),
        "lists": "waits",
        "settings": "to do",
        "mail": "waits",
        "look": "to do",
        "on": "to do",
        "import": "waits",
    }
    smtp = {"smtp_url": "smtp://127.0.0.1:1", "mail_from": "a@shop.com"}
    assert states(database, **smtp)["mail"] == "to do"
    with database.unit_of_work() as work:
        keep_options(work, StoreOptions(account_id=account), work.now)
        change_settings(work, account, {"log_email": "orders@shop.com"})
    now = states(database, **smtp)
    assert (now["lists"], now["settings"], now["mail"]) == ("done", "done", "to do")
    add_run(database, "dry_run", ended=False)
    assert states(database)["look"] == "waits"
    add_run(database, "dry_run", ended=True)
    assert states(database)["look"] == "done"
    with database.unit_of_work() as work:
        change_settings(work, account, {"enabled": "true"})
    (way,) = ways(database, **smtp)
    assert way.steps[-1].state == "waits"
    assert "UTC" in way.steps[-1].text
    add_run(database, "search", ended=False)
    assert ways(database)[0].steps[-1].text == "It is under way."
    with database.unit_of_work() as work:
        work.session.add(AccountState(account_id=account, first_run_at=work.now))
    assert ways(database) == ()


def test_a_test_mail_counts_when_the_last_was_taken(database: Database, account: str) -> None:
    smtp = {"smtp_url": "smtp://127.0.0.1:1", "mail_from": "a@shop.com"}
    with database.unit_of_work() as work:
        change_settings(work, account, {"log_email": "orders@shop.com"})
    for number, (state, found) in enumerate([("refused", "to do"), ("sent", "done"), ("refused", "to do")]):
        with database.unit_of_work() as work:
            at = work.now + timedelta(seconds=number)
            named = {"event_id": str(number), "letter_id": str(number), "recipient": "orders@shop.com"}
            said = {"about": "test", "event_type": "", "body": "{}", "answer": "550 no such user", "state": state}
            work.session.add(Mail(account_id=account, created_at=at, due_at=at, ended_at=at, **named, **said))
        (way,) = ways(database, **smtp)
        assert way.steps[4].state == found, number
    assert "550 no such user" in way.steps[4].text


def test_who_is_not_connected_begins_there(database: Database, account: str) -> None:
    with database.unit_of_work() as work:
        work.session.get_one(Account, account).refresh_token = None
    (way,) = ways(database, **APP)
    assert way.next.title == "The seller account connected"


def test_the_page_and_the_overview_lead_on(console: ConsoleServer, database: Database) -> None:
    visitor = console.signed_in("vera", "owner")
    for path in ("/", "/first-steps", "/live"):
        text = visitor.get(path).text
        assert "0 of 8 done" in text, path
        assert "ORDERBRIDGE_AMAZON_CLIENT_ID" in text, path
    add_account(database, "main")
    add_account(database, "b/<i>")
    text = visitor.get("/first-steps").text
    assert text.count("2 of 8 done") == 2
    assert 'href="/accounts/b%2F%3Ci%3E/settings"' in text
    assert "<i>" not in text
    with database.unit_of_work() as work:
        for account_id in work.session.scalars(select(Account.account_id)).all():
            work.session.add(AccountState(account_id=account_id, first_run_at=work.now))
    assert "nothing is left of the first steps" in visitor.get("/first-steps").text
    assert "First steps" not in visitor.get("/").text
