"""Every place of an order's personal data is found, and how it stands there, from its import to its death."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from orderbridge.database.models import Opening, OutboxRow
from orderbridge.privacy import places
from orderbridge.privacy.places import Place
from sandbox.orders import Order
from schemas.failures import DeadLetter, Original
from tests.parts.in_process import System

DAY = 86_400


def found(system: System, order_id: str) -> list[Place]:
    ring = system.key_ring()
    with system.database.unit_of_work() as work:
        judged = places.judge(work, ring, order_id)
        here = list(places.in_tables(work, order_id, judged))
    moments = [place.until for place in here if place.until is not None]
    return [*here, *places.in_key_ring(ring, order_id, moments, judged)]


def states(system: System, order_id: str) -> Counter[tuple[str, str]]:
    return Counter((place.place, place.state) for place in found(system, order_id))


def moved(order: Order, now: object) -> None:
    order.facts["recipient"]["deliveryAddress"]["addressLine1"] = "Elsewhere 2"
    order.updated_at = now  # type: ignore[assignment]  # it is the sandbox's clock


def test_from_its_import_to_its_death(system: System) -> None:
    order_id, other = system.imported(count=2)
    system.amazon.change_order(order_id, moved)
    system.advance(180)
    system.import_now()
    assert states(system, order_id) == {
        ("table personal_data", "sealed"): 1,
        ("table outbox", "sealed"): 2,
        ("key ring", "alive"): 1,
    }
    assert states(system, other)["table outbox", "sealed"] == 1
    dies_at = system.store.orders[order_id].personal_data.dies_at
    assert {place.until for place in found(system, order_id)} == {dies_at}
    system.advance(30 * DAY)
    assert states(system, order_id) == {
        ("table personal_data", "redacted"): 1,
        ("table outbox", "dead"): 2,
        ("table outbox", "redacted"): 1,
        ("key ring", "dead"): 1,
    }
    assert not [place for place in found(system, order_id) if place.state in ("sealed", "alive", "refused")]


def test_a_mark_in_the_ring_refuses_every_seal(system: System) -> None:
    (order_id,) = system.imported(count=1)
    system.key_ring().mark_redacted(order_id)
    assert states(system, order_id) == {
        ("table personal_data", "refused"): 1,
        ("table outbox", "refused"): 1,
        ("key ring", "alive"): 1,
        ("key ring", "marked"): 1,
    }


def test_a_key_that_was_destroyed_is_dead_before_its_date(system: System) -> None:
    (order_id,) = system.imported(count=1)
    (moment,) = system.key_ring().alive()
    system.key_ring().destroy(moment)
    assert {place.state for place in found(system, order_id)} == {"dead"}
    with system.database.unit_of_work() as work:  # by its date alone it would live
        assert places.judge(work, None, order_id).of_seal(moment) == "sealed"


def test_who_asked_to_open_it(system: System) -> None:
    order_id, other = system.imported(count=2)
    with system.database.unit_of_work() as work:
        for asked, state in ((order_id, "open"), (order_id, "refused"), (other, "open")):
            told = {"token_id": "1", "account_id": "main", "purpose": "display", "state": state}
            work.session.add(Opening(asked_at=work.now, token_name="web-store", order_id=asked, **told))
    with system.database.unit_of_work() as work:
        found = list(places.openings(work, order_id))
    assert [(one.where, one.state, one.at) for one in found] == [
        ("by web-store, for display", state, system.now) for state in ("open", "refused")
    ]


def original(system: System, topic: str, key: str, value: str, offset: int = 0) -> Original:
    return Original.model_construct(
        topic=topic,
        partition=2,
        offset=offset,
        timestamp=system.now,
        key=key.encode(),
        value=value.encode(),
        headers=(),
    )


def test_topics_are_read_by_the_order(system: System) -> None:
    order_id, other = system.imported(count=2)
    imported = system.store.orders[order_id].model_dump_json(exclude_none=True)
    records = [
        original(system, "shop.order.imported", other, imported),
        original(system, "shop.order.imported", order_id, imported, offset=7),
        original(system, "shop.order.redacted", order_id, "{}", offset=1),
        original(system, "shop.order.updated", order_id, "no JSON at all"),
    ]
    with system.database.unit_of_work() as work:
        judged = places.judge(work, system.key_ring(), order_id)
    (first, second, third) = places.in_topics(records, "shop.", order_id, judged)
    assert (first.place, first.where, first.state) == (
        "topic shop.order.imported",
        "partition 2, offset 7",
        "sealed",
    )
    assert first.until == system.store.orders[order_id].personal_data.dies_at
    assert (second.state, third.state) == ("redacted", "none")


@pytest.mark.parametrize("settled", [False, True])
def test_a_seal_in_a_dead_letter_is_found(system: System, settled: bool) -> None:
    (order_id,) = system.imported(count=1)
    imported = system.store.orders[order_id].model_dump_json(exclude_none=True)
    letter = DeadLetter(
        service="shipper",
        original=original(system, "order.shipped", order_id, imported),
        failures=0,
        reason="invalid",
        message="A store sent our own event back.",
        failed_at=system.now,
    )
    with system.database.unit_of_work() as work:
        work.post(letter)
        if settled:
            work.session.query(OutboxRow).filter_by(topic="shipper.dead-letter").update({"settled_as": "discarded"})
    assert [place.state for place in found(system, order_id) if "dead-letter" in place.where] == ["sealed"]


def test_another_orders_seal_is_not_counted(system: System) -> None:
    order_id, other = system.imported(count=2)
    with system.database.unit_of_work() as work:
        judged = places.judge(work, system.key_ring(), order_id)
    record = original(system, "order.imported", order_id, system.store.orders[other].model_dump_json())
    assert [place.state for place in places.in_topics([record], "", order_id, judged)] == ["none"]
    assert judged.key_lives(system.key_ring().alive()[0])
    assert not judged.key_lives(system.now - timedelta(seconds=1))
