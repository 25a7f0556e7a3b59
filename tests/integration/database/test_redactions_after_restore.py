"""After a restore the redactor is asked again for what the key ring and the calendar know to be redacted."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from orderbridge.database.models import PersonalDataRow
from orderbridge.database.unit_of_work import Database
from orderbridge.recovery import redactions
from orderbridge.recovery.redactions import Redactions, repair
from orderbridge.vault.key_ring import FolderKeyRing
from orderbridge.vault.keys import installation_key, new_installation_key
from tests.parts.databases import add_order, outbox
from tests.parts.hand_clock import HandClock

HOUR = timedelta(hours=1)


@pytest.fixture
def ring(tmp_path: Path) -> FolderKeyRing:
    return FolderKeyRing(tmp_path / "ring", installation_key(new_installation_key()))


def keep(database: Database, order_id: str, dies_at: datetime, redacted_at: datetime | None = None) -> None:
    add_order(database, order_id)
    with database.unit_of_work() as work:
        seal = None if redacted_at else "sealed"
        work.session.add(PersonalDataRow(order_id=order_id, seal=seal, dies_at=dies_at, redacted_at=redacted_at))


def repaired(database: Database, ring: FolderKeyRing) -> Redactions:
    with database.unit_of_work() as work:
        return repair(work, ring)


def asked_for(database: Database) -> list[tuple[str, str]]:
    return sorted((row.event_type, row.key) for row in outbox(database))


def test_what_is_overdue_is_redacted_again(database: Database, ring: FolderKeyRing, clock: HandClock) -> None:
    now = clock.now()
    keep(database, "over", now - HOUR)
    keep(database, "redacted", now - HOUR, redacted_at=now - HOUR)
    keep(database, "ahead", now + HOUR)
    moment = ring.moment_for(now + HOUR)
    ring.key(moment, now)
    with database.unit_of_work() as work:
        work.session.get_one(PersonalDataRow, "ahead").dies_at = moment
    assert repaired(database, ring) == Redactions(overdue=1, marked=0, without_key=0)
    assert asked_for(database) == [("order.aged", "over")]
    assert repaired(database, ring) == Redactions(overdue=1, marked=0, without_key=0)
    assert asked_for(database) == [("order.aged", "over")], "asked for twice"


def test_a_key_that_the_ring_does_not_have_is_counted(
    database: Database, ring: FolderKeyRing, clock: HandClock
) -> None:
    keep(database, "lost", clock.now() + 48 * HOUR)
    assert repaired(database, ring) == Redactions(overdue=0, marked=0, without_key=1)
    assert outbox(database) == []


def test_a_key_whose_moment_has_come_is_destroyed(database: Database, ring: FolderKeyRing, clock: HandClock) -> None:
    moment = ring.moment_for(clock.now())
    ring.key(moment, moment - HOUR)
    repaired(database, ring)
    repaired(database, ring)
    assert [row.event_type for row in outbox(database)] == ["key.expired"]


def test_it_goes_by_pages_and_reads_no_seal(
    database: Database, ring: FolderKeyRing, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a million living seals none is needed, and not all rows at once."""
    monkeypatch.setattr(redactions, "AT_ONCE", 2)
    for number in range(5):
        keep(database, f"over-{number}", clock.now() - HOUR)
        keep(database, f"lost-{number}", clock.now() + 48 * HOUR)
    asked: list[str] = []

    def listen(*arguments: Any) -> None:
        asked.append(arguments[2])

    event.listen(database.engine, "before_cursor_execute", listen)
    assert repaired(database, ring) == Redactions(overdue=5, marked=0, without_key=5)
    event.remove(database.engine, "before_cursor_execute", listen)
    assert asked_for(database) == [("order.aged", f"over-{number}") for number in range(5)]
    assert not any(re.search(r"personal_data\.seal(?! IS NOT NULL)", statement) for statement in asked)
    assert sum("FROM personal_data" in statement for statement in asked) == 6
