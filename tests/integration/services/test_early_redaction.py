"""Redacted before its day, for one person: from that moment nothing brings the data back, no restore and no import."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import delete

from orderbridge.accounts.change_settings import change_settings
from orderbridge.database.models import OutboxRow, PersonalDataRow
from orderbridge.privacy.asking import redact_early
from orderbridge.vault.seal import SealRedacted, open_seal
from sandbox.orders import Order
from schemas.orders import OrderImported, OrderRedacted, OrderUpdated
from services.ticker.slots import plan_sweep
from tests.integration.services.conftest import Start
from tests.parts.in_process import System
from tests.parts.restoring import dump, restore

DAY = 86_400


def redact(system: System, *order_ids: str, sees_ring: bool = True) -> None:
    """What `orderbridge privacy redact` does, in a process that sees the key ring or in one that does not."""
    for order_id in order_ids if sees_ring else ():
        system.key_ring().mark_redacted(order_id)
    with system.database.unit_of_work() as work:
        for order_id in order_ids:
            redact_early(work, order_id)


def move_house(order: Order, now: object) -> None:
    order.facts["recipient"]["deliveryAddress"]["addressLine1"] = "Another 12"
    order.updated_at = now  # type: ignore[assignment]  # a moment


def seal_of(system: System, order_id: str) -> str:
    seal = system.store.orders[order_id].personal_data.seal
    assert seal is not None
    return seal


def is_dead(system: System, order_id: str, seal: str) -> bool:
    with pytest.raises(SealRedacted):
        open_seal(system.key_ring(), order_id, seal, system.now)
    with system.database.unit_of_work() as work:
        row = work.session.get_one(PersonalDataRow, order_id, populate_existing=True)
        return row.seal is None and row.redacted_at is not None


@pytest.mark.parametrize("sees_ring", [True, False])
def test_an_order_is_redacted_before_its_day(anywhere: System, sees_ring: bool) -> None:
    system = anywhere
    order_id, other = system.imported(count=2)
    seal = seal_of(system, order_id)
    redact(system, order_id, sees_ring=sees_ring)
    if sees_ring:  # before any event has come
        with pytest.raises(SealRedacted):
            open_seal(system.key_ring(), order_id, seal, system.now)
    system.run_until_idle()
    assert is_dead(system, order_id, seal)
    (told,) = system.events(OrderRedacted)
    assert (told.order_id, told.personal_data.redacted_at) == (order_id, system.now)
    assert told.personal_data.placeholder is not None
    assert told.personal_data.placeholder.first_name == "Amazon Replaced"
    assert (
        told.lines == system.events(OrderImported)[0].lines or told.order_id != system.events(OrderImported)[0].order_id
    )
    assert system.opened(other).last_name, "a key is many orders'"
    redact(system, order_id, sees_ring=sees_ring)
    system.amazon.change_order(order_id, move_house)
    system.advance(180)
    system.import_now()
    assert len(system.events(OrderRedacted)) == 1
    assert system.store.orders[order_id].personal_data.state == "redacted"
    with system.database.unit_of_work() as work:
        waiting = work.session.query(OutboxRow).filter(OutboxRow.published_at.is_(None)).all()
        assert f"aged:{order_id}" not in {row.name for row in waiting}
    system.advance(31 * DAY)
    assert sorted(event.order_id for event in system.events(OrderRedacted)) == sorted([order_id, other])


def test_an_order_that_comes_later_comes_redacted(anywhere: System) -> None:
    system = anywhere
    (order_id,) = system.place_orders()
    redact(system, order_id)
    system.run_until_idle()
    system.advance(180)
    system.import_now()
    (imported,) = system.events(OrderImported)
    assert (imported.personal_data.state, imported.personal_data.seal) == ("redacted", None)
    assert system.key_ring().alive() == []
    system.amazon.change_order(order_id, move_house)
    system.advance(180)
    system.import_now()
    assert system.store.orders[order_id].personal_data.state == "redacted"
    assert not system.events(OrderRedacted)


def test_an_order_that_amazon_fulfils_has_none(start: Start) -> None:
    system = start(import_fba=True)
    (order_id,) = system.imported(fulfilled_by="AMAZON")
    redact(system, order_id)
    system.run_until_idle()
    assert not system.events(OrderRedacted)
    assert system.store.orders[order_id].personal_data.state == "none"


def test_a_database_restored_after_it_stays_dead(system: System, tmp_path: Path) -> None:
    """Restored without `recover`: the importer, the next sweep and every opening know from the ring."""
    order_id, second, other = system.imported(count=3)
    seals = {one: seal_of(system, one) for one in (order_id, second)}
    system.advance(1800)
    system.import_now()  # the next search begins after these orders
    before = dump(system.database, tmp_path / "dump")
    redact(system, order_id, second)
    system.run_until_idle()
    restore(system.database, before)
    system.restart()
    system.told.clear()
    with pytest.raises(SealRedacted):
        open_seal(system.key_ring(), order_id, seals[order_id], system.now)
    system.amazon.change_order(order_id, move_house)
    system.advance(180)
    system.import_now()  # the first by an import
    assert [event.order_id for event in system.events(OrderRedacted)] == [order_id]
    assert not any(event.personal_data.seal for event in system.events(OrderUpdated))
    plan_sweep(system.database)
    system.run_until_idle()  # the second by the sweep
    assert [event.order_id for event in system.events(OrderRedacted)] == [order_id, second]
    assert all(is_dead(system, one, seal) for one, seal in seals.items())
    assert system.opened(other).last_name


@pytest.mark.parametrize("clock", ["placed", "delivered"])
def test_a_database_restored_after_the_death_of_a_key_stays_dead(system: System, tmp_path: Path, clock: str) -> None:
    """Also where another clock, set after the restore, would give the order more days."""
    (order_id,) = system.imported()
    system.advance(10 * DAY)
    before = dump(system.database, tmp_path / "dump")
    system.advance(20 * DAY + 3600)
    assert len(system.events(OrderRedacted)) == 1
    restore(system.database, before)
    system.restart()
    if clock != "placed":
        with system.database.unit_of_work() as work:
            change_settings(work, "main", {"personal_data_clock": clock})
            work.session.execute(delete(OutboxRow).where(OutboxRow.name == f"aged:{order_id}"))
    system.amazon.change_order(order_id, move_house)
    system.advance(180)
    system.import_now()
    system.advance(7200)
    plan_sweep(system.database)
    system.run_until_idle()
    with system.database.unit_of_work() as work:
        row = work.session.get_one(PersonalDataRow, order_id)
        assert (row.seal, row.redacted_at is None) == (None, False)
    assert system.store.orders[order_id].personal_data.state == "redacted"
    assert system.key_ring().alive() == []
    assert not [event for event in system.events(OrderUpdated) if "address" in event.changes]


def test_an_import_under_way_while_it_is_redacted(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mark comes just after the importer has asked for it: the sweep finds what it stored."""
    (order_id,) = system.place_orders()
    system.advance(180)
    ring = type(system.key_ring())
    is_redacted = ring.is_redacted

    def too_early(self: object, asked: str) -> bool:
        monkeypatch.undo()
        found = is_redacted(self, asked)  # type: ignore[arg-type]  # it is a ring
        system.key_ring().mark_redacted(order_id)
        return found

    monkeypatch.setattr(ring, "is_redacted", too_early)
    system.import_now()
    assert system.store.orders[order_id].personal_data.state == "sealed"
    with pytest.raises(SealRedacted):
        open_seal(system.key_ring(), order_id, seal_of(system, order_id), system.now)
    plan_sweep(system.database)
    system.run_until_idle()
    assert system.store.orders[order_id].personal_data.state == "redacted"
