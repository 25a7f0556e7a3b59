"""The day of an order's personal data, by each account's clock, and what waits when the clock is changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orderbridge.accounts.change_settings import change_settings
from orderbridge.database.models import PersonalDataRow
from orderbridge.privacy.asking import look_at_seals
from orderbridge.vault.seal import SealExpired, SealRedacted, SealRefused, SealSuperseded, open_seal
from sandbox.orders import Order
from schemas.orders import OrderImported, OrderRedacted, OrderUpdated
from services.importer import personal_data, seals
from services.ticker.slots import plan_sweep
from tests.integration.services.conftest import Start
from tests.parts.in_process import Killed, System
from tests.parts.restoring import dump, restore

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def change(system: System, **settings: Any) -> None:
    with system.database.unit_of_work() as work:
        change_settings(work, "main", settings)


def go_to(system: System, moment: datetime) -> None:
    system.advance((moment - system.now).total_seconds())


def seal_of(system: System, order_id: str) -> tuple[str, datetime]:
    told = system.store.orders[order_id].personal_data
    assert told.seal is not None
    assert told.dies_at is not None
    return told.seal, told.dies_at


def row_of(system: System, order_id: str) -> PersonalDataRow:
    with system.database.unit_of_work() as work:
        return work.session.get_one(PersonalDataRow, order_id)


def on_the_grid(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def deliver_by(system: System, order_id: str) -> datetime:
    moment = system.store.orders[order_id].deliver_by
    assert moment is not None
    return moment


def redacted_at(system: System, order_id: str) -> datetime:
    (told,) = (event for event in system.events(OrderRedacted) if event.order_id == order_id)
    assert told.personal_data.redacted_at is not None
    return told.personal_data.redacted_at


def test_thirty_days_after_the_shipment(start: Start) -> None:
    system = start(personal_data_clock="shipped")
    (order_id,) = system.imported()
    first, dies_at = seal_of(system, order_id)
    assert dies_at == on_the_grid(deliver_by(system, order_id) + 30 * DAY), "not shipped yet: as if at the last moment"
    system.store_says(order_id=order_id)
    system.advance(180)
    system.import_now()
    (updated,) = system.events(OrderUpdated)
    assert "personal_data" in updated.changes
    assert "address" not in updated.changes
    shipped = updated.packages[0].ship_time
    assert shipped is not None
    second, sooner = seal_of(system, order_id)
    assert sooner == on_the_grid(shipped + 30 * DAY) < dies_at
    assert system.opened(order_id).last_name
    with pytest.raises(SealSuperseded):
        open_seal(system.key_ring(), order_id, first, system.now)  # its key lives on
    go_to(system, sooner)
    assert redacted_at(system, order_id) == sooner
    with pytest.raises(SealExpired):
        open_seal(system.key_ring(), order_id, second, sooner - HOUR)
    with pytest.raises(SealSuperseded):
        open_seal(system.key_ring(), order_id, first, system.now)
    go_to(system, dies_at + 2 * HOUR)
    assert system.key_ring().alive() == []
    assert len(system.events(OrderRedacted)) == 1
    assert system.key_ring().refused_after(order_id) == sooner
    plan_sweep(system.database)
    system.run_until_idle()
    assert system.key_ring().refused_after(order_id) is None, "both keys are dead: there is nothing to remember"


def test_thirty_days_after_the_latest_delivery(start: Start) -> None:
    system = start(personal_data_clock="delivered", personal_data_days=14)
    (order_id,) = system.imported()
    _, dies_at = seal_of(system, order_id)
    assert dies_at == on_the_grid(deliver_by(system, order_id) + 14 * DAY)
    system.store_says(order_id=order_id)
    system.advance(180)
    system.import_now()
    assert seal_of(system, order_id)[1] == dies_at, "shipped is not delivered"
    go_to(system, dies_at)
    assert redacted_at(system, order_id) == dies_at


def test_a_cancelled_order_goes_by_its_placing(start: Start) -> None:
    system = start(personal_data_clock="delivered")
    (order_id,) = system.imported()
    placed_at = system.store.orders[order_id].placed_at
    system.amazon.change_order(order_id, lambda order, now: order.cancel("BUYER", "BUYER_REQUEST", now))
    system.advance(180)
    system.import_now()
    assert seal_of(system, order_id)[1] == on_the_grid(placed_at + 30 * DAY)
    assert system.opened(order_id).last_name


def test_a_later_clock_seals_anew_what_waits(anywhere: System) -> None:
    system = anywhere
    order_ids = system.imported(count=3)
    before = {order_id: seal_of(system, order_id) for order_id in order_ids}
    names = {order_id: system.opened(order_id) for order_id in order_ids}
    change(system, personal_data_clock="delivered")
    system.run_until_idle()
    assert sorted(event.order_id for event in system.events(OrderUpdated)) == sorted(order_ids)
    assert {event.changes for event in system.events(OrderUpdated)} == {("personal_data",)}
    for order_id in order_ids:
        seal, dies_at = seal_of(system, order_id)
        assert dies_at == on_the_grid(deliver_by(system, order_id) + 30 * DAY) > before[order_id][1]
        assert seal != before[order_id][0]
        assert system.opened(order_id) == names[order_id]
    go_to(system, before[order_ids[0]][1] + HOUR)
    assert not system.events(OrderRedacted)
    assert system.opened(order_ids[0]).last_name
    for order_id in order_ids:
        with pytest.raises(SealExpired):
            open_seal(system.key_ring(), order_id, before[order_id][0], system.now)
    system.advance(31 * DAY.total_seconds())
    assert len(system.events(OrderRedacted)) == 3
    for order_id in order_ids:
        assert redacted_at(system, order_id) == on_the_grid(deliver_by(system, order_id) + 30 * DAY)
    assert system.key_ring().alive() == []


def test_a_sooner_clock_refuses_the_older_seal_at_once(anywhere: System) -> None:
    system = anywhere
    (order_id,) = system.imported()
    first, later = seal_of(system, order_id)
    change(system, personal_data_days=7)
    system.run_until_idle()
    _, sooner = seal_of(system, order_id)
    assert sooner == row_of(system, order_id).dies_at == later - 23 * DAY
    assert system.opened(order_id).last_name
    with pytest.raises(SealSuperseded):
        open_seal(system.key_ring(), order_id, first, system.now)
    go_to(system, sooner)
    assert redacted_at(system, order_id) == sooner


def test_a_clock_that_is_over_already_redacts_at_once(anywhere: System) -> None:
    system = anywhere
    (order_id,) = system.imported()
    first, later = seal_of(system, order_id)
    system.advance(5 * DAY.total_seconds())
    change(system, personal_data_days=2)
    system.run_until_idle()
    assert redacted_at(system, order_id) == system.now
    with pytest.raises(SealRedacted):
        open_seal(system.key_ring(), order_id, first, system.now)
    change(system, personal_data_days=30)  # nothing comes back
    system.advance((later - system.now).total_seconds() + 7200)
    assert len(system.events(OrderRedacted)) == 1
    assert not system.events(OrderUpdated)
    assert system.store.orders[order_id].personal_data.state == "redacted"


@pytest.mark.parametrize("road", ["an import", "an import of another address", "the sweep"])
def test_a_database_restored_after_a_sooner_death_stays_dead(system: System, tmp_path: Path, road: str) -> None:
    """The dump is older than the change of the clock: its row says a day that lies ahead, and its key lives."""
    order_id, other = system.imported(count=2)
    first, later = seal_of(system, order_id)
    system.advance(1800)
    system.import_now()
    before = dump(system.database, tmp_path / "dump")
    change(system, personal_data_days=7)
    go_to(system, later - 22 * DAY)
    assert redacted_at(system, order_id) == later - 23 * DAY
    restore(system.database, before)
    system.restart()
    system.told.clear()
    assert row_of(system, order_id).dies_at == later > system.now
    if road == "the sweep":
        plan_sweep(system.database)
        system.run_until_idle()
        assert sorted(event.order_id for event in system.events(OrderRedacted)) == sorted([order_id, other])
    else:

        def touch(order: Order, now: datetime) -> None:
            if "another" in road:
                order.facts["recipient"]["deliveryAddress"]["addressLine1"] = "Another 12"
            order.updated_at = now

        system.amazon.change_order(order_id, touch)
        system.advance(180)
        system.import_now()
        assert [event.order_id for event in system.events(OrderRedacted)] == [order_id]
    assert row_of(system, order_id).seal is None
    assert not any(event.personal_data.seal for event in system.events(OrderUpdated))
    with pytest.raises(SealRefused):
        open_seal(system.key_ring(), order_id, first, system.now)


def test_there_and_back_again(system: System) -> None:
    (order_id,) = system.imported()
    first, later = seal_of(system, order_id)
    change(system, personal_data_days=7)
    system.run_until_idle()
    change(system, personal_data_days=30)
    system.run_until_idle()
    assert seal_of(system, order_id)[1] == later
    assert system.opened(order_id).last_name
    assert open_seal(system.key_ring(), order_id, first, system.now), "it dies no later than it may"
    go_to(system, later)
    assert redacted_at(system, order_id) == later


def test_many_are_looked_at_batch_by_batch_and_a_crash_loses_none(
    anywhere: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = anywhere
    order_ids = system.imported(count=7)
    monkeypatch.setattr(seals, "AT_ONCE", 2)
    change(system, personal_data_days=7)
    stands, calls = seals._stands, []

    def die_on_the_way(*arguments: Any) -> str:
        calls.append(arguments[1].order_id)
        if len(calls) in (4, 9):
            raise Killed
        return stands(*arguments)

    move = personal_data.move
    moved: list[str] = []

    def die_before_the_commit(*arguments: Any) -> personal_data.Kept:
        kept = move(*arguments)
        moved.append(arguments[3].order_id)
        if len(moved) in (2, 5):
            raise Killed
        return kept

    monkeypatch.setattr(seals, "_stands", die_on_the_way)
    monkeypatch.setattr(personal_data, "move", die_before_the_commit)
    killed = 0
    for _ in range(10):
        try:
            system.run_until_idle()
            break
        except Killed:
            killed += 1
            system.restart()
    assert killed == 4
    assert len(system.outcomes_of("seals.due")) == 4
    assert sorted(event.order_id for event in system.events(OrderUpdated)) == sorted(order_ids)
    for order_id in order_ids:
        assert system.opened(order_id).last_name
        assert seal_of(system, order_id)[1] == row_of(system, order_id).dies_at
    system.advance(8 * DAY.total_seconds())
    assert len(system.events(OrderRedacted)) == 7


def test_a_sealing_that_was_taken_back_leaves_the_seal_that_stands(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ring refuses seals that die later than the newest; if the newest never came to be, it must not."""
    (order_id,) = system.imported()
    dies_at = seal_of(system, order_id)[1]
    system.key_ring().refuse_after(order_id, dies_at - DAY, dies_at)
    with system.database.unit_of_work() as work:
        look_at_seals(work, "main")
    system.run_until_idle()
    assert system.opened(order_id).last_name


def test_nothing_changes_where_nothing_is_to_be_changed(system: System) -> None:
    system.imported(count=2, fulfilled_by="merchant")
    with system.database.unit_of_work() as work:
        look_at_seals(work, "main")
    told = len(system.told)
    system.run_until_idle()
    assert len(system.told) == told
    assert system.outcomes_of("seals.due") == ["handled"]


def test_an_order_that_comes_under_another_clock_and_is_over_comes_redacted(start: Start) -> None:
    system = start(personal_data_days=1)
    (order_id,) = system.place_orders()
    system.advance(2 * DAY.total_seconds())
    if not system.events(OrderImported):
        system.import_now()
    assert system.store.orders[order_id].personal_data.state == "redacted"
    assert system.key_ring().alive() == []
