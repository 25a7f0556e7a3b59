"""`orderbridge recover`, as far as it goes without Kafka; tests/integration/recovery has the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from orderbridge.database.models import Lease
from orderbridge.database.unit_of_work import Database
from orderbridge.vault.keys import new_installation_key
from tests.parts.command_line import Command


class NoGroups:
    """A Kafka without any consumer group."""

    def members(self) -> dict[str, int]:
        return {}


@pytest.fixture
def without_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def groups(_settings: object) -> Iterator[NoGroups]:
        yield NoGroups()

    monkeypatch.setattr("orderbridge.cli.recover.groups_of", groups)


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01", "2026-11-24T09:00:00", "1700000000", "2026-11-24 "])
def test_a_moment_has_its_offset(command: Command, since: str) -> None:
    result = command("recover", "--since", since)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "2026-11-24T09:00:00Z" in result.stderr


def test_a_moment_is_needed(command: Command) -> None:
    result = command("recover")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--since" in result.stderr


@pytest.mark.usefixtures("without_groups", "database")
def test_a_moment_lies_behind(command: Command) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    result = command("recover", "--since", ahead.isoformat())
    assert (result.exit_code, result.stdout) == (2, "")
    assert "lies ahead" in result.stderr


def test_the_house_on_one_machine_needs_none(command: Command) -> None:
    result = command("recover", "--since", "2026-11-24", env={"ORDERBRIDGE_KAFKA_EMBEDDED": "true"})
    assert (result.exit_code, result.stdout) == (1, "")
    assert "There is nothing to recover" in result.stderr


@pytest.mark.usefixtures("without_groups")
def test_a_running_ticker_is_seen_by_its_lease(
    command: Command, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orderbridge.cli.recover.monotonic", iter(range(0, 10_000, 60)).__next__)
    with database.unit_of_work() as work:
        work.session.add(Lease(name="relay", holder="somebody", until=work.now + timedelta(hours=1)))
    result = command("recover", "--since", "2026-01-01", env={"ORDERBRIDGE_SECRETS_KEY": new_installation_key()})
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Still running: the ticker. Stop all services" in result.stderr


@pytest.mark.usefixtures("without_groups", "database")
def test_an_interruption_says_how_to_go_on(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("orderbridge.cli.recover.packages_of", interrupted)
    result = command("recover", "--since", "2026-01-01")
    assert (result.exit_code, result.stdout) == (130, "")
    assert "The same command goes on where it stopped." in result.stderr
    assert "Start the services only after it is through." in result.stderr
