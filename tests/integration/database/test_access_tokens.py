"""Access tokens shared by all processes: one login for all, a refused token forgotten by all, no wait for the dead."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from orderbridge.accounts import access_tokens
from orderbridge.accounts.access_tokens import LoginHangs, SharedTokens
from orderbridge.amazon import LOGIN, ConsentRevoked, FreshToken, NoAnswer
from orderbridge.database import leases
from orderbridge.database.models import AccessToken
from orderbridge.database.unit_of_work import Database
from orderbridge.vault.keys import new_installation_key
from orderbridge.vault.secrets_box import SecretsBox
from sandbox.clock import ManualClock
from sandbox.database import Database as SandboxDatabase
from sandbox.seller_central import SellerCentral
from tests.parts import at_once
from tests.parts.databases import migrated
from tests.parts.hand_clock import START, HandClock
from tests.parts.patience import PATIENCE
from tests.parts.sandbox_server import sandbox_server

NAME = "a" * 64
KEY = new_installation_key()
URL = "https://login.example/token"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with migrated(database_url, HandClock()) as database:
        yield database


class Amazon:
    """Counts its logins."""

    def __init__(self, ends: datetime = START + timedelta(hours=1)) -> None:
        self.logins = 0
        self._ends = ends

    def renew(self) -> FreshToken:
        self.logins += 1
        return FreshToken(f"Atza|{self.logins}", self._ends)


def test_threads_at_once_make_one_login(database: Database) -> None:
    amazon, ready, got = Amazon(), threading.Barrier(8), []
    with database.unit_of_work() as work:  # one that has expired
        work.session.add(AccessToken(name=NAME, token="old", renew_at=START))

    def ask() -> None:
        ready.wait(10 * PATIENCE)
        got.append(SharedTokens(database, SecretsBox(KEY), URL).fetch(NAME, amazon.renew).token)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (got, amazon.logins) == (["Atza|1"] * 8, 1)
    with database.unit_of_work() as work:
        assert "Atza" not in work.session.scalars(select(AccessToken.token)).one()


def test_processes_at_once_make_one_login(database_url: str) -> None:
    store = SandboxDatabase()
    central = SellerCentral(store, ManualClock(START))
    with migrated(database_url), sandbox_server() as sandbox:
        sandbox.play(central)
        call = (database_url, KEY, f"{sandbox.url}/auth/o2/token", "sandbox-refresh-token-main", START)
        tokens = at_once.in_processes(at_once.log_in, [call] * 8)
    assert len(set(tokens)) == 1
    assert central.calls()["operations"]["login"]["by_status"] == {"200": 1}
    store.close()


def test_a_refused_token_is_forgotten_by_all_but_not_a_newer_one(database: Database) -> None:
    amazon, one, other = Amazon(), *(SharedTokens(database, SecretsBox(KEY), URL) for _ in range(2))
    first = one.fetch(NAME, amazon.renew).token
    other.forget(NAME, first)
    second = one.fetch(NAME, amazon.renew).token
    other.forget(NAME, first)
    assert (first, second, other.fetch(NAME, amazon.renew).token) == ("Atza|1", "Atza|2", "Atza|2")


def test_nobody_waits_long_for_one_that_died(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_tokens, "LONGEST_WAIT", 0.2)
    with database.unit_of_work() as work:
        leases.take(work, f"login:{NAME}", "the dead", access_tokens.LEASE)
    assert SharedTokens(database, SecretsBox(KEY), URL).fetch(NAME, Amazon().renew).token == "Atza|1"


def test_a_login_that_failed_leaves_the_way_free(database: Database) -> None:
    tokens = SharedTokens(database, SecretsBox(KEY), URL)

    def fail() -> FreshToken:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        tokens.fetch(NAME, fail)
    assert tokens.fetch(NAME, Amazon().renew).token == "Atza|1"


def test_another_secrets_key_is_no_trouble(database: Database) -> None:
    amazon = Amazon()
    SharedTokens(database, SecretsBox(KEY), URL).fetch(NAME, amazon.renew)
    assert SharedTokens(database, SecretsBox(new_installation_key()), URL).fetch(NAME, amazon.renew).token == "Atza|2"


def test_a_login_that_hangs_is_asked_by_one_probe_for_all_accounts(database: Database) -> None:
    tokens, asked = SharedTokens(database, SecretsBox(KEY), URL), 0
    names = [f"{number:064x}" for number in range(8)]
    clock = database.clock
    assert isinstance(clock, HandClock)
    tokens.fetch(NAME, Amazon().renew)

    def hang() -> FreshToken:
        nonlocal asked
        asked += 1
        raise NoAnswer(LOGIN, "no answer: ReadTimeout")

    for _ in range(60):  # half an hour, each account trying every thirty seconds
        for name in names:
            with pytest.raises(NoAnswer):
                tokens.fetch(name, hang)
        clock.advance(seconds=30)
    assert asked <= 12, "3 to close it, then after 30, 60, 120, 240 and 300 s"
    with pytest.raises(LoginHangs) as hangs:
        tokens.fetch(names[0], hang)
    clock.advance(seconds=(hangs.value.retry_at - clock.now()).total_seconds())
    amazon = Amazon(clock.now() + timedelta(hours=1))
    assert tokens.fetch(names[0], amazon.renew).token == "Atza|1"
    assert tokens.fetch(names[1], amazon.renew).token == "Atza|2", "an answer ends it for all"


def test_a_refusal_is_an_answer(database: Database) -> None:
    tokens = SharedTokens(database, SecretsBox(KEY), URL)

    def refuse() -> FreshToken:
        raise ConsentRevoked(LOGIN, "invalid_grant", status=400)

    for _ in range(5):
        with pytest.raises(ConsentRevoked):
            tokens.fetch(NAME, refuse)
