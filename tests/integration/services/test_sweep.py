"""The nightly sweep finds each kind of thing that should be dead and is not, has it die and says so; else nothing."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import delete

from orderbridge.accounts.attentions import PERSONAL_DATA_OVERDUE, open_attentions
from orderbridge.database.models import OutboxRow, PersonalDataRow
from orderbridge.vault.key_ring import key_name
from schemas.accounts import AccountAttention
from schemas.orders import OrderRedacted
from schemas.privacy import SweepDue
from services.redactor import sweep as sweeping
from services.ticker.slots import plan_sweep
from tests.parts.in_process import Killed, System
from tests.parts.restoring import dump, restore

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def swept(system: System) -> tuple[float, float]:
    """Sweep now; how many orders and keys were found."""
    before = counts()
    with system.database.unit_of_work() as work:
        work.session.execute(delete(OutboxRow).where(OutboxRow.name == "sweep", OutboxRow.published_at.is_(None)))
        work.post(SweepDue())
    system.run_until_idle()
    after = counts()
    return after[0] - before[0], after[1] - before[1]


def counts() -> tuple[float, float]:
    orders, keys = (REGISTRY.get_sample_value("orderbridge_swept_total", {"kind": kind}) for kind in ("order", "key"))
    return orders or 0, keys or 0


def lose_plans(system: System) -> None:
    """All that is planned is lost: the deaths of orders and keys with it."""
    with system.database.unit_of_work() as work:
        work.session.execute(delete(OutboxRow).where(OutboxRow.published_at.is_(None)))


def dies_at(system: System, order_id: str) -> datetime:
    moment = system.store.orders[order_id].personal_data.dies_at
    assert moment is not None
    return moment


def go_to(system: System, moment: datetime) -> None:
    system.advance((moment - system.now).total_seconds())


def troubles(system: System) -> list[str]:
    with system.database.unit_of_work() as work:
        return [one.trouble for one in open_attentions(work, "main") if one.trouble == PERSONAL_DATA_OVERDUE]


def told(system: System) -> list[AccountAttention]:
    return [event for event in system.events(AccountAttention) if event.trouble == PERSONAL_DATA_OVERDUE]


def test_on_a_healthy_system_it_finds_nothing(anywhere: System) -> None:
    system = anywhere
    (order_id,) = system.imported()
    assert swept(system) == (0, 0)
    go_to(system, dies_at(system, order_id) + timedelta(seconds=1))
    assert swept(system) == (0, 0)
    system.advance(5 * DAY.total_seconds())
    assert swept(system) == (0, 0)
    assert not told(system)
    assert len(system.events(OrderRedacted)) == 1


def test_a_lost_order_and_a_lost_key(anywhere: System, monkeypatch: pytest.MonkeyPatch) -> None:
    system = anywhere
    monkeypatch.setattr(sweeping, "AT_ONCE", 2)
    order_ids = system.imported(count=5)
    day = dies_at(system, order_ids[0])
    lose_plans(system)
    go_to(system, day + timedelta(minutes=30))
    assert swept(system) == (0, 0), "what has come due just now may be in hand"
    go_to(system, day + 2 * HOUR)
    assert swept(system) == (5, 1)
    assert sorted(event.order_id for event in system.events(OrderRedacted)) == sorted(order_ids)
    assert system.key_ring().alive() == []
    assert troubles(system) == [PERSONAL_DATA_OVERDUE]
    (trouble,) = told(system)
    assert "5 orders and 1 key" in trouble.message
    assert "restored" in trouble.what_to_do
    system.advance(DAY.total_seconds())
    assert swept(system) == (0, 0)
    assert troubles(system) == []
    assert [event.ended_at is not None for event in told(system)] == [False, True]


def test_an_order_that_the_ring_remembers(system: System) -> None:
    order_id, other = system.imported(count=2)
    system.key_ring().mark_redacted(order_id)
    system.key_ring().mark_redacted("999-0000000-0000000")  # not here
    assert swept(system) == (1, 0)
    assert [event.order_id for event in system.events(OrderRedacted)] == [order_id]
    assert system.opened(other).last_name
    assert swept(system) == (0, 0)


def test_a_key_ring_that_was_restored(system: System, tmp_path: Path) -> None:
    (order_id,) = system.imported()
    day = dies_at(system, order_id)
    ring = system.settings.key_ring
    shutil.copytree(ring, tmp_path / "copy")
    go_to(system, day + DAY)
    assert system.key_ring().alive() == []
    shutil.rmtree(ring)
    shutil.copytree(tmp_path / "copy", ring)  # its tombstones are older, too
    assert system.key_ring().alive() == [day]
    assert swept(system) == (0, 1)
    assert system.key_ring().alive() == []
    assert troubles(system) == [PERSONAL_DATA_OVERDUE]


def test_a_single_key_that_came_back_though_its_tombstone_stands_and_the_clock_was_set_back(system: System) -> None:
    (order_id,) = system.imported()
    day = dies_at(system, order_id)
    file = system.settings.key_ring / "keys" / key_name(day)
    text = file.read_bytes()
    system.key_ring().destroy(day)
    file.write_bytes(text)
    assert swept(system) == (1, 1)
    assert not file.exists()
    assert [event.order_id for event in system.events(OrderRedacted)] == [order_id]


def test_a_restored_database_whose_plans_were_published(system: System, tmp_path: Path) -> None:
    """Its events went out after the dump, so the dump has them; but here even they are lost."""
    order_id, _ = system.imported(count=2)
    before = dump(system.database, tmp_path / "dump")
    go_to(system, dies_at(system, order_id) + DAY)
    restore(system.database, before)
    lose_plans(system)
    system.restart()
    assert swept(system) == (2, 0)
    with system.database.unit_of_work() as work:
        assert work.session.query(PersonalDataRow).filter(PersonalDataRow.redacted_at.is_(None)).count() == 0


def test_cut_off_in_the_middle_it_goes_on(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "AT_ONCE", 2)
    order_ids = system.imported(count=5)
    lose_plans(system)
    go_to(system, dies_at(system, order_ids[0]) + 2 * HOUR)
    orders, calls = sweeping._orders, []

    def die(*arguments: object) -> object:
        calls.append(1)
        found = orders(*arguments)  # type: ignore[arg-type]  # what it was called with
        if len(calls) in (1, 3):
            raise Killed
        return found

    monkeypatch.setattr(sweeping, "_orders", die)
    plan_sweep(system.database)
    for _ in range(2):
        with pytest.raises(Killed):
            system.run_until_idle()
        system.restart()
    system.run_until_idle()
    assert sorted(event.order_id for event in system.events(OrderRedacted)) == sorted(order_ids)
    assert troubles(system) == [PERSONAL_DATA_OVERDUE]


def test_it_is_planned_once_a_night_and_again_when_the_clock_is_set_back(system: System) -> None:
    assert plan_sweep(system.database)
    assert not plan_sweep(system.database)
    system.advance(DAY.total_seconds() - 60)
    assert plan_sweep(system.database)
    system.advance(60)
    assert not plan_sweep(system.database)
    system.clock.advance(-4 * DAY.total_seconds())
    assert plan_sweep(system.database)
    assert not plan_sweep(system.database)
    system.clock.advance(DAY.total_seconds())
    assert plan_sweep(system.database)
