"""What the doctor says of a database: its tables, its clock, its secrets, what is overdue, and who needs somebody."""

from __future__ import annotations

import inspect
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text

from orderbridge.accounts.attentions import (
    CONSENT_REVOKED,
    MAPPING_MISSING,
    SHIPMENT_ROLE_MISSING,
    raise_attention,
)
from orderbridge.database.engine import database_time
from orderbridge.database.migrate import _config
from orderbridge.database.models import Account, PersonalDataRow, ServiceState
from orderbridge.database.unit_of_work import Database
from orderbridge.doctor import Finding
from orderbridge.doctor import database as doctor
from orderbridge.doctor.at_start import warn_of_needless_sight
from orderbridge.doctor.secrets import check_secrets
from orderbridge.settings import Settings, load_settings
from orderbridge.vault.keys import new_installation_key
from orderbridge.vault.secrets_box import SecretsBox
from tests.parts.command_line import LIVE
from tests.parts.databases import add_order

KEY = new_installation_key()


def severities(found: Any) -> list[str]:
    findings: list[Finding] = list(found)
    assert all(one.what_to_do for one in findings if one.severity != "ok")
    return [one.severity for one in findings]


def test_tables_of_this_release(database: Database) -> None:
    assert severities(doctor.check_tables(database)) == ["ok"]


def test_no_tables(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    ((finding),) = doctor.check_tables(database)
    assert finding.severity == "error"
    assert "`orderbridge migrate`" in finding.what_to_do
    database.close()


def test_tables_of_an_older_release(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.engine.begin() as connection:
        command.upgrade(_config(connection), "0003")
    ((finding),) = doctor.check_tables(database)
    assert (finding.severity, finding.what_to_do) == ("error", "`orderbridge migrate`.")
    database.close()


def test_tables_of_the_next_release(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    ((finding),) = doctor.check_tables(database)
    assert finding.severity == "warning"
    assert "9999" in finding.what


@pytest.mark.parametrize(("apart", "severity"), [(0, "ok"), (30, "warning"), (-600, "error")])
def test_clocks(database: Database, monkeypatch: pytest.MonkeyPatch, apart: float, severity: str) -> None:
    told = lambda engine: database_time(engine) + timedelta(seconds=apart)  # noqa: E731 - a line of a test
    monkeypatch.setattr(doctor, "database_time", told)
    assert severities(doctor.check_clocks(database)) == ([] if database.is_sqlite else [severity])


@pytest.mark.parametrize(("late", "severity"), [(10, "ok"), (20, "error")])
def test_orders_that_should_have_been_redacted(database: Database, late: int, severity: str) -> None:
    with database.unit_of_work() as work:
        dies_at = work.now - timedelta(minutes=late)
    for order_id, redacted_at in (("redacted", dies_at), ("overdue", None)):
        add_order(database, order_id)
        with database.unit_of_work() as work:
            work.session.add(PersonalDataRow(order_id=order_id, seal=None, dies_at=dies_at, redacted_at=redacted_at))
    with database.unit_of_work() as work:
        assert severities(doctor.check_personal_data(work)) == [severity]


def test_troubles_that_stand(database: Database) -> None:
    with database.unit_of_work() as work:
        raise_attention(work, "main", CONSENT_REVOKED, "Consent is gone.", "Ask for it.")
        raise_attention(work, "main", SHIPMENT_ROLE_MISSING, "Amazon refuses all shipments.", "Add the role.")
        raise_attention(work, "main", MAPPING_MISSING, "A word is unknown.", "Map it.")
        work.session.add(ServiceState(service="shipper", paused_at=work.now, reason="20 events failed"))
    with database.unit_of_work() as work:
        assert sorted(severities(doctor.check_troubles(work))) == ["error", "error", "error", "warning"]


def keep_account(database: Database, key: str) -> None:
    with database.unit_of_work() as work:
        token = SecretsBox(key).encrypt("Atzr|token", purpose="refresh_token:main")
        work.session.add(Account(account_id="main", marketplace_ids="[]", refresh_token=token, settings="{}", **LIVE))


@pytest.mark.parametrize(
    ("kept_under", "given", "severity"),
    [
        (KEY, KEY, "ok"),
        (new_installation_key(), KEY, "error"),
        (KEY, "no key", "error"),
        (KEY, None, "ok"),
    ],
    ids=["the right one", "another", "none at all", "not given"],
)
def test_secrets(database: Database, tmp_path: Path, kept_under: str, given: str | None, severity: str) -> None:
    keep_account(database, kept_under)
    settings = load_settings(tmp_path, **({"secrets_key": given} if given is not None else {}))
    with database.unit_of_work() as work:
        (finding,) = check_secrets(settings, work)
    assert finding.severity == severity
    assert "Atzr" not in f"{finding}"


def test_without_accounts_there_are_no_secrets(database: Database, tmp_path: Path) -> None:
    with database.unit_of_work() as work:
        assert severities(check_secrets(load_settings(tmp_path, secrets_key="no key"), work)) == ["ok"]


@pytest.mark.parametrize(
    ("folder", "key", "embedded", "warned"),
    [
        (True, KEY, False, True),
        (True, None, False, True),
        (False, KEY, False, True),
        (False, None, False, False),
        (True, KEY, True, False),
    ],
    ids=["both", "the folder", "the key", "neither", "embedded"],
)
def test_a_service_that_sees_the_ring_without_need(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    folder: bool,
    key: str | None,
    embedded: bool,
    warned: bool,
) -> None:
    if folder:
        (tmp_path / "ring" / "keys").mkdir(parents=True)
    values: dict[str, Any] = {"vault_key": key} if key is not None else {}
    settings: Settings = load_settings(tmp_path, key_ring=tmp_path / "ring", kafka_embedded=embedded, **values)
    assert warn_of_needless_sight(settings) is warned
    said = capsys.readouterr().out
    assert ("sees the key ring and has no need to" in said) is warned
    assert key is None or key not in said


@pytest.mark.parametrize("service", ["console", "listener", "reporter", "shipper", "ticker"])
def test_each_service_without_need_looks_at_its_start(service: str) -> None:
    main = import_module(f"services.{service}.app").main
    assert "warn_of_needless_sight(settings)" in inspect.getsource(main)
