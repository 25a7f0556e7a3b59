"""A lost key ring is survivable: orders that are alive are fetched again from Amazon and sealed anew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from typer.testing import CliRunner, Result

from orderbridge.accounts.change_settings import change_settings
from orderbridge.cli import app, resealing
from orderbridge.database.models import PersonalDataRow
from orderbridge.database.unit_of_work import Database
from orderbridge.privacy.asking import look_at_seals
from orderbridge.privacy.lost_ring import refuse_new_ring
from orderbridge.settings import BadSettings
from orderbridge.vault.seal import SealRefused
from schemas.orders import OrderRedacted, OrderUpdated
from services.importer import seals
from tests.parts.in_process import Killed, System


def lose_ring(system: System) -> None:
    system.advance(5)
    shutil.rmtree(system.settings.key_ring)
    system.restart()


def look(system: System) -> None:
    with system.database.unit_of_work() as work:
        look_at_seals(work, "main")


def test_orders_whose_key_is_lost_are_sealed_anew(anywhere: System) -> None:
    system = anywhere
    order_ids = system.imported(count=5)
    names = {order_id: system.opened(order_id) for order_id in order_ids}
    lose_ring(system)
    with pytest.raises(SealRefused):
        system.opened(order_ids[0])
    look(system)
    system.advance(20)
    assert {order_id: system.opened(order_id) for order_id in order_ids} == names
    updated = system.events(OrderUpdated)
    assert sorted(event.order_id for event in updated) == sorted(order_ids)
    assert {event.changes for event in updated} == {("address", "personal_data")}
    assert system.calls("getOrder") == {"200": 5}
    look(system)
    system.advance(20)
    assert system.calls("getOrder") == {"200": 5}, "what opens is left alone"
    system.advance(31 * 86_400)
    assert sorted(event.order_id for event in system.events(OrderRedacted)) == sorted(order_ids)
    assert system.key_ring().alive() == []


def test_it_keeps_to_the_quota_and_goes_on_after_a_crash(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "AT_ONCE", 7)
    order_ids = system.imported(count=40)
    lose_ring(system)
    killed: list[int] = []
    store = seals.look_at_seals

    def die_once(*arguments: object, **more: object) -> None:
        store(*arguments, **more)  # type: ignore[arg-type]  # what it was called with
        if len(killed) < 2:
            killed.append(1)
            raise Killed

    monkeypatch.setattr("services.importer.app.look_at_seals", die_once)
    system.restart()
    look(system)
    for _ in range(2):
        with pytest.raises(Killed):
            system.advance(30)
        system.restart()
    system.advance(40)
    some = system.calls("getOrder")["200"]
    assert 10 < some < 40, "one every two seconds"
    lose_nothing = {order_id for order_id in order_ids if _opens(system, order_id)}
    assert len(lose_nothing) == some
    look(system)  # again, in the middle
    system.advance(120)
    assert all(_opens(system, order_id) for order_id in order_ids)
    assert set(system.calls("getOrder")) == {"200"}, "never a 429"
    assert system.calls("getOrder")["200"] <= 42


def _opens(system: System, order_id: str) -> bool:
    try:
        return bool(system.opened(order_id).last_name)
    except SealRefused:
        return False


def test_an_order_whose_day_has_come_is_not_fetched(system: System) -> None:
    (order_id,) = system.imported()
    lose_ring(system)
    dies_at = system.store.orders[order_id].personal_data.dies_at
    assert dies_at is not None
    system.advance((dies_at - system.now).total_seconds())
    look(system)
    system.advance(20)
    assert system.calls("getOrder") == {}
    assert len(system.events(OrderRedacted)) == 1


def test_a_sooner_clock_dates_even_what_cannot_be_opened(system: System) -> None:
    (order_id,) = system.imported()
    dies_at = system.store.orders[order_id].personal_data.dies_at
    assert dies_at is not None
    lose_ring(system)
    system.fault("getOrder", "500", count=50)
    with system.database.unit_of_work() as work:
        change_settings(work, "main", {"personal_data_days": 7})
    system.run_until_idle()
    with system.database.unit_of_work() as work:
        assert work.session.get_one(PersonalDataRow, order_id).dies_at == dies_at - timedelta(days=23)


def last_line(result: Result) -> str:
    """What the command printed: the services of this process log to the same place."""
    return result.stdout.splitlines()[-1]


def test_the_command_watches_until_it_is_through(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    order_ids = system.imported(count=4)
    lose_ring(system)

    @contextmanager
    def here() -> Iterator[Database]:
        yield system.database

    monkeypatch.setattr(resealing, "open_database", here)
    monkeypatch.setattr(resealing, "sleep", lambda _: system.advance(2))
    result = CliRunner().invoke(app, ["privacy", "reseal", "--json"])
    assert result.exit_code == 0
    assert json.loads(last_line(result)) == {"fetched": 4, "refused": {}}
    assert all(_opens(system, order_id) for order_id in order_ids)
    again = CliRunner().invoke(app, ["privacy", "reseal"])
    assert (again.exit_code, last_line(again)) == (0, "0 orders fetched again.")
    lose_ring(system)
    system.fault("getOrder", "400")
    refused = CliRunner().invoke(app, ["privacy", "reseal", "--json"])
    assert (refused.exit_code, json.loads(last_line(refused))["fetched"]) == (1, 3)
    assert f"Amazon did not give {min(order_ids)} (" in refused.stderr.replace("\n", " ")


def test_a_new_ring_is_begun_where_there_is_none(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    (order_id,) = system.imported()
    system.advance(5)
    shutil.rmtree(system.settings.key_ring)
    settings = system.settings

    @contextmanager
    def here() -> Iterator[Database]:
        yield system.database

    monkeypatch.setattr(resealing, "open_database", here)
    monkeypatch.setattr(resealing, "load_settings", lambda: settings)
    with pytest.raises(BadSettings):
        refuse_new_ring(settings, system.database)
    command = ["privacy", "reseal", "--new-ring", "--no-wait"]
    begun = CliRunner().invoke(app, command)
    assert begun.exit_code == 0
    assert f"A new key ring is begun in {settings.key_ring}" in begun.stderr.replace("\n", " ")
    refuse_new_ring(settings, system.database)
    system.restart()
    system.advance(20)
    assert _opens(system, order_id)
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 1
    assert "leave --new-ring out" in again.stderr.replace("\n", " ")
