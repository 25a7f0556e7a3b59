"""The same event again is answered once, whatever died meanwhile; another one is never taken for it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from orderbridge.amazon import confirm_shipment
from orderbridge.database.models import PackageRow
from orderbridge.dead_letters import find_letters, replay
from schemas.shipments import ShipmentConfirmed, ShipmentRejected
from services.shipper import confirm, shipped
from services.shipper.confirm import CLAIM
from services.shipper.content import as_text, content_of
from services.ticker.republish import republish_after_restart
from tests.parts.in_process import Killed, System


def answers(system: System) -> list[tuple[str, str]]:
    """What each event was told in the end."""
    ends = (event for event in system.told if isinstance(event, ShipmentConfirmed | ShipmentRejected))
    return sorted((end.caused_by, end.reason if isinstance(end, ShipmentRejected) else "confirmed") for end in ends)


def tracking_number(system: System, order_id: str) -> Any:
    (package,) = system.packages(order_id).values()
    return package["content"]["trackingNumber"]


def test_one_id_of_two_sources_names_two_events(system: System) -> None:
    """CloudEvents 1.0.2: source and id together name an event."""
    (order_id,) = system.imported()
    for source, number in (("till", b"OLD"), ("warehouse", b"NEW")):
        attributes = {"id": "1", "source": source, "type": "order.shipped", "specversion": "1.0"}
        headers = [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
        body = {"order_id": order_id, "package_id": "P1", "carrier": "UPS", "tracking_number": number.decode()}
        system.produce("order.shipped", json.dumps(body).encode(), key=order_id.encode(), headers=headers)
        system.advance(1)
    assert tracking_number(system, order_id) == "NEW"
    assert answers(system) == [("1", "confirmed"), ("1", "confirmed")]


def test_a_correction_on_a_topic_that_counts_from_0_again_is_not_the_event_it_corrects(system: System) -> None:
    """So does the embedded broker at each start."""
    (order_id,) = system.imported()
    first = system.store_says(order_id=order_id, package_id="P1", tracking_number="OLD")
    system.advance(60)
    correction = first.model_copy(
        update={"timestamp": system.now, "value": (first.value or b"").replace(b'"OLD"', b'"NEW"')}
    )
    system.redeliver(correction)
    system.run_until_idle()
    assert tracking_number(system, order_id) == "NEW"
    assert answers(system) == [("order.shipped/0/0", "confirmed")] * 2


@pytest.mark.parametrize("read_again", ["at once", "when all is told"])
def test_an_event_that_died_in_its_call_and_was_corrected_meanwhile_is_answered_once(
    system: System, monkeypatch: pytest.MonkeyPatch, read_again: str
) -> None:
    """The correction came under another key, and went past it; then the first one is read again."""
    (order_id,) = system.imported()
    package: dict[str, Any] = {"order_id": order_id, "package_id": "P1"}
    first_call = [True]

    def die(*arguments: Any) -> Any:
        if first_call and first_call.pop():
            correction = system.store_says(event_id="e-2", **package, tracking_number="NEW")
            system.pipelines["order.shipped"].process(correction)
            raise Killed
        return confirm_shipment(*arguments)

    monkeypatch.setattr(confirm, "confirm_shipment", die)
    first = system.store_says(event_id="e-1", **package, tracking_number="OLD")
    with pytest.raises(Killed):
        system.run_until_idle()
    system.restart()
    if read_again == "at once":
        system.run_until_idle()
    system._queue.clear()  # nobody reads it before the package is taken up again
    system.advance(CLAIM.total_seconds() + 1)
    system.redeliver(first)
    system.run_until_idle()
    assert tracking_number(system, order_id) == "NEW"
    assert answers(system) == [("e-1", "superseded"), ("e-2", "confirmed")]


def test_an_event_that_was_given_back_does_not_overtake_its_correction(system: System) -> None:
    """The store writes its local time as UTC: two hours ahead."""
    (order_id,) = system.place_orders()
    system.advance(180)
    ahead = timedelta(hours=2)
    system.store_says(order_id=order_id, event_id="a", time=system.now + ahead, package_id="P1", tracking_number="OLD")
    system.run_until_idle()  # the order is not known here, and imported meanwhile
    assert system.outcomes_of("order.shipped") == ["given-back"]
    system.clock.advance(1)
    system.store_says(order_id=order_id, event_id="b", time=system.now + ahead, package_id="P1", tracking_number="NEW")
    system.advance(600)
    assert tracking_number(system, order_id) == "NEW"
    assert answers(system) == [("a", "superseded"), ("b", "confirmed")]


def break_down(work: Any, calls: Any, row: Any, *others: Any) -> None:
    """In place of the handler's second half: a bug, after it has written down what the event says."""
    row.hold_until = work.now + timedelta(days=1)
    work.commit()
    raise RuntimeError("a bug")


@pytest.mark.parametrize("event_id", ["a", None])
def test_what_a_person_mends_counts_although_the_event_was_heard(
    system: System, monkeypatch: pytest.MonkeyPatch, event_id: str | None
) -> None:
    """The handler broke down when it had written the event's wrong number down already."""
    (order_id,) = system.imported()
    send_or_hold = shipped._send_or_hold

    monkeypatch.setattr(shipped, "_send_or_hold", break_down)
    system.tolerates_bugs = True
    first = system.store_says(order_id=order_id, event_id=event_id, package_id="P1", tracking_number="WRONG")
    system.advance(4 * 3600)
    monkeypatch.setattr(shipped, "_send_or_hold", send_or_hold)
    with system.database.unit_of_work() as work:
        (letter,) = find_letters(work)
        replay(work, letter, mended=(first.value or b"").decode().replace("WRONG", "RIGHT"))
    system.advance(600)
    assert tracking_number(system, order_id) == "RIGHT"
    caused_by = event_id or first.place()
    assert answers(system) == [(caused_by, "confirmed"), (caused_by, "superseded")]


@pytest.mark.parametrize("case", ["a store whose clock is ahead", "a correction meanwhile"])
def test_what_a_person_mends_was_said_when_it_was_mended(
    system: System, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """Not when the event was first seen: then it would be as old as what it mends, or older than a correction."""
    (order_id,) = system.imported()
    whole = shipped._send_or_hold

    monkeypatch.setattr(shipped, "_send_or_hold", break_down)
    system.tolerates_bugs = True
    ahead = timedelta(hours=2 if case == "a store whose clock is ahead" else 0)
    package: dict[str, Any] = {"order_id": order_id, "package_id": "P1"}
    first = system.store_says(event_id="a", time=system.now + ahead, **package, tracking_number="WRONG")
    system.advance(4 * 3600)
    monkeypatch.setattr(shipped, "_send_or_hold", whole)
    if case == "a correction meanwhile":
        system.store_says(event_id="b", time=system.now, **package, tracking_number="OTHER")
        system.advance(3600)
    with system.database.unit_of_work() as work:
        (letter,) = find_letters(work)
        replay(work, letter, mended=(first.value or b"").decode().replace("WRONG", "RIGHT"))
    system.advance(600)
    assert tracking_number(system, order_id) == "RIGHT"
    assert ("a", "confirmed") in answers(system)


def test_what_was_mended_is_not_handled_as_it_came_after_a_restart(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded broker's: every retry of it that is not known as done is published again."""
    (order_id,) = system.imported(lines=2)
    wrong, right = (line.order_item_id for line in system.store.orders[order_id].lines)
    whole = shipped._plan

    def break_down(*_: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(shipped, "_plan", break_down)
    system.tolerates_bugs = True
    lines = [{"order_item_id": wrong, "quantity": 1}]
    first = system.store_says(order_id=order_id, event_id="a", tracking_number="WRONG", lines=lines)
    system.advance(4 * 3600)
    monkeypatch.setattr(shipped, "_plan", whole)
    with system.database.unit_of_work() as work:
        (letter,) = find_letters(work)
        mended = (first.value or b"").decode().replace("WRONG", "RIGHT").replace(wrong, right)
        replay(work, letter, mended=mended)
    system.advance(600)
    republish_after_restart(system.database)
    system.advance(600)
    assert set(answers(system)) == {("a", "confirmed")}
    assert tracking_number(system, order_id) == "RIGHT"


def test_the_same_said_again_is_answered_with_the_dates_of_its_confirmation(system: System) -> None:
    (order_id,) = system.imported()
    system.store_says(order_id=order_id, event_id="a")
    system.run_until_idle()
    system.advance(3 * 86_400)
    system.store_says(order_id=order_id, event_id="b")
    system.run_until_idle()
    first, second = system.events(ShipmentConfirmed)
    assert (second.ship_date, second.confirmed_at) == (first.ship_date, first.confirmed_at)


def test_a_correction_without_a_ship_date_ships_nothing_later(system: System) -> None:
    """Thirty days after that the buyer's data must be gone, by one of the clocks."""
    (order_id,) = system.imported()
    system.store_says(order_id=order_id, package_id="P1", tracking_number="OLD")
    system.advance(120)
    system.advance(3 * 86_400)
    system.store_says(order_id=order_id, package_id="P1", tracking_number="NEW")
    system.run_until_idle()
    assert tracking_number(system, order_id) == "NEW"
    first, second = system.events(ShipmentConfirmed)
    assert second.ship_date - first.ship_date <= timedelta(minutes=1)
    assert second.confirmed_at > first.confirmed_at


def test_a_correction_of_what_amazon_says_was_shipped_before_the_purchase(system: System) -> None:
    """As after a restore, of a package whose ship date Amazon tells as the beginning of its day."""
    (order_id,) = system.imported()
    system.store_says(order_id=order_id, package_id="P1", tracking_number="OLD")
    system.run_until_idle()
    with system.database.unit_of_work() as work:
        row = work.session.scalars(select(PackageRow)).one()
        row.content = as_text(content_of(row.content).changed(first_said_at=system.now - timedelta(hours=9)))
    system.advance(120)
    system.store_says(order_id=order_id, package_id="P1", tracking_number="NEW", event_id="b")
    system.run_until_idle()
    assert ("b", "confirmed") in answers(system)
    assert tracking_number(system, order_id) == "NEW"
