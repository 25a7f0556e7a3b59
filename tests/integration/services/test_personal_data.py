"""Personal data is nowhere in the open, and on its day it is nowhere at all."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orderbridge.database.models import PersonalDataRow
from orderbridge.vault.key_ring import key_name
from orderbridge.vault.seal import SealExpired, open_seal, seal
from sandbox.orders import Order
from schemas.orders import KeyExpired, OrderAged, OrderImported, OrderRedacted, OrderUpdated
from schemas.personal_data import AMAZON_REPLACED, PersonalData
from schemas.privacy import RedactionDue, SweepDue
from services.importer import personal_data
from services.redactor import app as redactor
from tests.integration.services.conftest import Start
from tests.parts.hand_clock import START
from tests.parts.in_process import System

DAY = 86_400
CANARIES = {
    "name": "Canary Goldfinch",
    "companyName": "Goldfinch Holdings 7261",
    "addressLine1": "4711 Canary Row",
    "addressLine2": "Cage 815",
    "city": "Canaryville",
    "postalCode": "99471",
    "phone": "+1 206-555-0147",
}
EMAIL, GIFT = "goldfinch4711@marketplace.example", "Sing for me, little bird 4711"


def canary(order: Order, now: datetime) -> None:
    order.facts["recipient"]["deliveryAddress"] |= CANARIES
    order.facts["buyer"] = {"buyerName": CANARIES["name"], "buyerEmail": EMAIL}
    order.updated_at = now


def searched(system: System, folder: Path) -> bytes:
    """Everything that leaves memory: the database with its log, and every message, but the keys."""
    files = [path for path in folder.rglob("*") if path.is_file() and "sqlite" in path.name]
    assert files
    return b"".join(path.read_bytes() for path in files) + b"".join(system.on_the_wire)


def place_canary(system: System, **wish: Any) -> str:
    (order_id,) = system.place_orders(lines=[{"sku": "MUG-BLUE", "gift_message": GIFT}], **wish)
    system.amazon.change_order(order_id, canary)
    system.advance(180)
    system.import_now()
    return order_id


def test_nothing_personal_is_anywhere_in_plain(system: System, tmp_path: Path) -> None:
    order_id = place_canary(system)
    data = system.opened(order_id)
    everything = (*CANARIES.values(), EMAIL, GIFT)
    assert (data.first_name, data.last_name, data.phone, data.email) == (
        "Canary",
        "Goldfinch",
        CANARIES["phone"],
        EMAIL,
    )
    assert list(data.gift_messages.values()) == [GIFT]
    system.store_says(order_id=order_id)
    system.store_says(order_id=order_id, tracking_number="")  # answered with a rejection
    system.run_until_idle()
    leaves = searched(system, tmp_path)
    assert order_id.encode() in leaves  # the search does find what is there
    for text in (*everything, "Goldfinch", "Canaryville"):
        assert text.encode() not in leaves


def test_on_day_30_it_reads_amazon_replaced(system: System, tmp_path: Path) -> None:
    order_id = place_canary(system)
    imported = system.store.orders[order_id]
    dies_at, token = imported.personal_data.dies_at, imported.personal_data.seal
    assert dies_at is not None
    assert token is not None
    assert timedelta(days=30) - timedelta(hours=1) <= dies_at - imported.placed_at <= timedelta(days=30)
    assert system.key_ring().alive() == [dies_at]
    system.advance((dies_at - system.now).total_seconds() - 1)
    assert not system.events(OrderRedacted)
    assert system.opened(order_id).city == "Canaryville"
    system.advance(1)
    (redacted,) = system.events(OrderRedacted)
    assert redacted.personal_data.redacted_at == dies_at
    assert redacted.personal_data.placeholder == PersonalData.replaced("US")
    assert redacted.personal_data.placeholder.first_name == AMAZON_REPLACED
    assert redacted.sequence > imported.sequence
    assert (redacted.totals, redacted.lines) == (imported.totals, imported.lines)
    assert redacted.ship_to_country == imported.ship_to_country
    with pytest.raises(SealExpired):
        open_seal(system.key_ring(), order_id, token, system.now - timedelta(seconds=2))  # not by its date: by its key
    assert system.key_ring().alive() == []
    assert not list((tmp_path / "key-ring" / "keys").iterdir())
    with system.database.unit_of_work() as work:
        row = work.session.get_one(PersonalDataRow, order_id)
        assert (row.seal, row.redacted_at) == (None, dies_at)


def test_a_later_import_brings_nothing_back(system: System) -> None:
    order_id = place_canary(system)
    system.advance(31 * DAY)
    (redacted,) = system.events(OrderRedacted)
    system.amazon.change_order(order_id, lambda order, now: order.request_cancel("too late", now))
    system.amazon.change_order(order_id, canary)  # Amazon still shows all of it
    system.advance(180)
    system.import_now()
    (updated,) = system.events(OrderUpdated)
    assert updated.changes == ("cancel_requested",)
    assert (updated.personal_data.state, updated.personal_data.seal) == ("redacted", None)
    assert updated.personal_data.redacted_at == redacted.personal_data.redacted_at
    assert system.key_ring().alive() == []


def test_an_order_older_than_30_days_arrives_redacted(start: Start) -> None:
    system = start(import_from=(START - timedelta(days=60)).isoformat())
    order_id = place_canary(system, created_at=START - timedelta(days=31))
    (imported,) = system.events(OrderImported)
    assert (imported.personal_data.state, imported.personal_data.seal) == ("redacted", None)
    assert system.key_ring().alive() == []
    system.advance(DAY)
    assert not system.events(OrderRedacted)
    with system.database.unit_of_work() as work:
        assert work.session.get_one(PersonalDataRow, order_id).redacted_at is not None


def test_events_that_come_early_again_or_for_nothing_are_harmless(system: System) -> None:
    order_id = place_canary(system)
    dies_at = system.store.orders[order_id].personal_data.dies_at
    assert dies_at is not None
    aged = OrderAged(order_id=order_id, account_id="main").model_dump_json().encode()
    key = KeyExpired(moment=dies_at).model_dump_json().encode()
    nobody = OrderAged(order_id="999-0000000-0000000", account_id="main").model_dump_json().encode()
    for topic, body in (("order.aged", aged), ("key.expired", key), ("order.aged", nobody)):
        system.produce(topic, body)
    system.run_until_idle()
    assert not system.events(OrderRedacted)
    assert system.opened(order_id).city == "Canaryville"
    system.advance(31 * DAY)  # they were posted again for their day, in the place of those that stood there
    assert system.outcomes_of("order.aged") == ["handled"] * 3
    assert system.outcomes_of("key.expired") == ["handled"] * 3  # early, at its moment, and a look afterwards
    assert len(system.events(OrderRedacted)) == 1
    for topic, body in (("order.aged", aged), ("key.expired", key)):
        system.produce(topic, body)
    system.run_until_idle()
    assert len(system.events(OrderRedacted)) == 1


def test_orders_of_one_hour_share_a_key_and_each_is_redacted(system: System) -> None:
    order_ids = system.imported(count=5)
    assert len(system.key_ring().alive()) == 1
    system.advance(30 * DAY)
    assert sorted(event.order_id for event in system.events(OrderRedacted)) == sorted(order_ids)
    assert {event.personal_data.state for event in system.store.orders.values()} == {"redacted"}


@pytest.mark.parametrize("address_changed", [True, False])
@pytest.mark.parametrize("first", ["the redactor", "the key's death"])
def test_an_import_at_the_moment_of_death(
    system: System, monkeypatch: pytest.MonkeyPatch, first: str, address_changed: bool
) -> None:
    """The importer has looked at the clock, the moment passes, and only then it seals: nothing comes back to life."""
    order_id = place_canary(system)
    dies_at = system.store.orders[order_id].personal_data.dies_at
    assert dies_at is not None
    system.advance((dies_at - system.now).total_seconds() - 200)

    def touch(order: Order, now: datetime) -> None:
        order.cancellation["cancellationRequest"] = {"requester": "BUYER", "cancelReason": "x"}
        if address_changed:
            order.facts["recipient"]["deliveryAddress"]["addressLine1"] = "Another 12"
        order.updated_at = now

    system.amazon.change_order(order_id, touch)
    system.advance(199)

    def seal_too_late(*arguments: Any) -> str:
        if first == "the key's death":
            system.key_ring().destroy(dies_at)
        else:
            system.clock.advance(2)
        return seal(*arguments)

    monkeypatch.setattr(personal_data, "seal", seal_too_late)
    system.import_now()
    system.advance(60)
    assert len(system.events(OrderRedacted)) == 1
    last = system.store.orders[order_id]
    assert last.personal_data.state == "redacted"
    assert last.cancel_requested is not None
    with system.database.unit_of_work() as work:
        assert work.session.get_one(PersonalDataRow, order_id).seal is None
    assert system.key_ring().alive() == []


def test_in_a_folder_without_a_ring_nothing_is_destroyed(anywhere: System, tmp_path: Path) -> None:
    """The redactor's folder is not the importer's: tombstones there would say that keys are dead which live."""
    system = anywhere
    (order_id,) = system.imported()
    moment = system.store.orders[order_id].personal_data.dies_at
    assert moment is not None
    system.advance((moment - system.now).total_seconds() - 60)
    right = dict(system.pipelines)
    elsewhere = system.settings.model_copy(update={"key_ring": tmp_path / "elsewhere"})
    astray = redactor.wire(elsewhere, system.database).pipeline()
    system.pipelines |= dict.fromkeys(("key.expired", "redaction.due", "sweep.due", "redactor.retry"), astray)
    with system.database.unit_of_work() as work:
        work.post(RedactionDue(order_id="another"))
        work.post(SweepDue())
    system.advance(180)
    for topic in ("key.expired", "redaction.due", "sweep.due"):
        assert system.outcomes_of(topic)[-1] == "given-back"
    assert not system.events(OrderRedacted)
    assert not list((tmp_path / "elsewhere" / "tombstones").iterdir())
    system.pipelines = right
    system.advance(120)
    assert [event.order_id for event in system.events(OrderRedacted)] == [order_id]
    assert (system.settings.key_ring / "tombstones" / key_name(moment)).exists()
