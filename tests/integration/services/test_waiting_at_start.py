"""Services that are started before what they need: they wait, say so, and end when told to."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from orderbridge.database.unit_of_work import Database
from orderbridge.ports import free_port
from orderbridge.settings import Settings
from orderbridge.vault.key_ring import FolderKeyRing
from orderbridge.vault.keys import installation_key, new_installation_key
from orderbridge.waiting import begin
from services.ticker import app as ticker
from services.ticker.relay import Tick
from tests.parts.child_process import ChildProcess
from tests.parts.databases import migrated
from tests.parts.process import wait_until

KEY = new_installation_key()


@pytest.fixture
def children() -> Iterator[list[ChildProcess]]:
    """Processes that end with the test."""
    children: list[ChildProcess] = []
    yield children
    for child in children:
        child.server.stop(kill=True)


def start(service: str, folder: Path, database_url: str, ring: Path) -> ChildProcess:
    environment = {
        "ORDERBRIDGE_DATABASE_URL": database_url,
        "ORDERBRIDGE_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        "ORDERBRIDGE_KEY_RING": str(ring),
        "ORDERBRIDGE_VAULT_KEY": KEY,
        "ORDERBRIDGE_SECRETS_KEY": new_installation_key(),
        "ORDERBRIDGE_API_PORT": "0",
        "ORDERBRIDGE_CONSOLE_PORT": "0",
    }
    return ChildProcess([sys.executable, "-m", "orderbridge.service", service], environment, folder / f"{service}.log")


def wait_for_words(child: ChildProcess, words: str) -> None:
    wait_until(lambda: child.ask("/healthz")[1].get("waiting_for") == words, seconds=40, what=f"it waits for {words}")


@pytest.mark.parametrize("service", ["api", "console", "importer", "redactor"])
def test_without_its_database_it_waits(service: str, tmp_path: Path, children: list[ChildProcess]) -> None:
    away = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/orderbridge"
    child = start(service, tmp_path, away, tmp_path / "ring")
    children.append(child)
    wait_for_words(child, "the database")
    assert child.ask("/readyz")[0] == 503
    child.signal(signal.SIGTERM)
    child.wait_for_end()
    assert "Traceback" not in child.log()
    assert "onnection refused" in child.log()  # or a password that is wrong, which looks the same
    assert not (tmp_path / "ring").exists()


def test_the_api_waits_for_a_ring_that_it_cannot_begin(
    sqlite_url: str, tmp_path: Path, children: list[ChildProcess]
) -> None:
    """Its folder may only be read, and the importer has not begun the ring yet."""
    with migrated(sqlite_url):
        pass
    mount = tmp_path / "mount"
    mount.touch()
    child = start("api", tmp_path, sqlite_url, mount / "ring")
    children.append(child)
    wait_for_words(child, "the key ring")
    mount.unlink()
    FolderKeyRing(mount / "ring", installation_key(KEY))
    wait_until(lambda: child.ask("/readyz")[0] == 200, seconds=40, what="it is ready", interval=0.2)


def test_it_goes_on_by_itself(tmp_path: Path) -> None:
    troubles: list[Exception] = [PoolTimeout(), OperationalError("", {}, Exception()), PermissionError(13, "no")]

    def step() -> str:
        if troubles:
            raise troubles.pop()
        return "begun"

    assert begin(Settings(_env_file=None, health_port=0), "console", step) == "begun"
    assert troubles == []


def test_any_other_trouble_ends_it() -> None:
    def step() -> None:
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        begin(Settings(_env_file=None, health_port=0), "console", step)


def test_a_ticker_that_ends_while_every_connection_is_taken(
    database: Database, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease runs out then."""
    stopping = ticker.Ticker(Settings(_env_file=None, database_url=sqlite_url), database)

    class Relay:
        def __init__(self, *_: Any, **__: Any) -> None: ...

        def tick(self) -> Tick:
            stopping.stop()
            return Tick(active=False, more=True, next_due=None)

        def end(self) -> None:
            raise PoolTimeout

    monkeypatch.setattr(ticker, "Relay", Relay)
    stopping.run(lambda _: {})
