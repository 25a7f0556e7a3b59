"""A missing or wrong installation key stops a service at its start, with a sentence and without new keys."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orderbridge.database.models import PersonalDataRow
from orderbridge.privacy.lost_ring import refuse_new_ring
from orderbridge.settings import Settings
from orderbridge.vault.key_ring import FolderKeyRing
from orderbridge.vault.keys import installation_key, new_installation_key
from tests.parts.databases import add_order, migrated

NOW = datetime.now(UTC)
PROBE = """
import resource, sys
from orderbridge import service
class Probe:
    name = "probe"
    def load(self):
        return lambda: print(resource.getrlimit(resource.RLIMIT_CORE), sys.argv)
service.entry_points = lambda group: [Probe()]
service.run_service("probe", ["--once"])
"""


def start_service(url: str, ring: Path, name: str = "importer", **keys: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "ORDERBRIDGE_DATABASE_URL": url,
        "ORDERBRIDGE_KEY_RING": str(ring),
        "ORDERBRIDGE_SECRETS_KEY": new_installation_key(),
        "ORDERBRIDGE_HEALTH_PORT": "0",
        **keys,
    }
    command = [sys.executable, "-m", "orderbridge.service", name]
    return subprocess.run(
        command, env=environment, cwd=ring.parent, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({}, "ORDERBRIDGE_VAULT_KEY is not set"),
        ({"ORDERBRIDGE_VAULT_KEY": "secretsecret"}, "ORDERBRIDGE_VAULT_KEY must hold 32 bytes"),
        ({"ORDERBRIDGE_VAULT_KEY": new_installation_key()}, "ORDERBRIDGE_VAULT_KEY is not the key under which"),
    ],
)
def test_it_stops_with_a_sentence(sqlite_url: str, tmp_path: Path, keys: dict[str, str], why: str) -> None:
    with migrated(sqlite_url):
        pass
    folder = tmp_path / "ring"
    ring = FolderKeyRing(folder, installation_key(new_installation_key()))
    ring.key(ring.moment_for(NOW + timedelta(days=1)), NOW)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    ended = start_service(sqlite_url, folder, **keys)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(f"Settings: {why}")
    assert "Traceback" not in ended.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["importer", "api", "redactor"])
def test_a_ring_that_is_not_there_is_not_made_anew(sqlite_url: str, tmp_path: Path, name: str) -> None:
    """The folder is not mounted perhaps: orders in the database were sealed under its keys."""
    with migrated(sqlite_url) as database:
        add_order(database, "A")
        with database.unit_of_work() as work:
            work.session.add(PersonalDataRow(order_id="A", seal="e30.e30", dies_at=NOW + timedelta(days=1)))
    folder = tmp_path / "not mounted"
    ended = start_service(sqlite_url, folder, name, ORDERBRIDGE_VAULT_KEY=new_installation_key())
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("Settings: ORDERBRIDGE_KEY_RING: there is no key ring in ")
    assert "1 order in the database were" not in ended.stderr
    assert "orderbridge privacy reseal --new-ring" in ended.stderr
    assert not folder.exists()


@pytest.mark.parametrize("gone", [{"dies_at": NOW - timedelta(days=1)}, {"seal": None, "redacted_at": NOW}])
def test_where_nothing_is_alive_a_ring_may_begin(sqlite_url: str, tmp_path: Path, gone: dict[str, Any]) -> None:
    settings = Settings(_env_file=None, key_ring=tmp_path / "ring", database_url=sqlite_url)
    with migrated(sqlite_url) as database:
        refuse_new_ring(settings, database)
        add_order(database, "A")
        row: dict[str, Any] = {"seal": "e30.e30", "dies_at": NOW + timedelta(days=1), **gone}
        with database.unit_of_work() as work:
            work.session.add(PersonalDataRow(order_id="A", **row))
        refuse_new_ring(settings, database)


def test_a_service_leaves_no_core_file() -> None:
    """Its memory holds keys. The limit is the hard one: nothing can lift it again."""
    ended = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.strip() == "(0, 0) ['orderbridge run probe', '--once']"
