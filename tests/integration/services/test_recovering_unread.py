"""What a worker had not read when the dump was made is found by what the restored database does not show."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, update

from orderbridge.database.models import InboxRow, OutboxRow
from orderbridge.dead_letters import find_letters, replay
from orderbridge.recovery.unread import oldest_unread, store_topics
from schemas.failures import Original
from schemas.shipments import ShipmentDue
from tests.parts.hand_clock import START
from tests.parts.in_process import System


def unread(system: System, *said: Original, worker: str = "shipper") -> datetime | None:
    with system.database.unit_of_work() as work:
        return oldest_unread(work, said, [worker], START - timedelta(days=1), "")


def test_what_stores_say_is_read_by_the_shipper() -> None:
    assert store_topics() == {"order.shipped": "shipper"}


def test_nothing_is_unread_where_all_was_handled_refused_or_given_back(anywhere: System) -> None:
    system = anywhere
    (order_id,) = system.imported()
    (unknown,) = system.place_orders()
    said = [
        system.store_says(order_id=order_id),
        system.store_says(order_id=order_id, event_id="e-1", tracking_number=" "),
        system.store_says(order_id="not Amazon's"),
        system.produce("order.shipped", b"no JSON"),
    ]
    system.run_until_idle()
    said.append(system.store_says(order_id=unknown))
    system.pipelines["order.shipped"].process(said[-1])
    assert set(system.outcomes_of("order.shipped")) == {"handled", "rejected", "skipped", "dead-letter"}
    assert unread(system, *said) is None
    assert unread(system, worker="redactor") is None


def test_the_oldest_that_the_store_said_while_the_shipper_was_down(anywhere: System) -> None:
    system = anywhere
    (order_id,) = system.imported()
    said = [system.store_says(order_id=order_id)]
    system.run_until_idle()
    system.advance(600)
    down_since = system.now
    for number in range(3):
        said.append(system.store_says(order_id=order_id, event_id=f"e-{number}", tracking_number=f"T-{number}"))
        system.clock.advance(60)
    assert unread(system, *said) == down_since
    assert unread(system, *said, worker="importer") is None


def test_the_oldest_of_ours_that_its_worker_has_not_read(anywhere: System) -> None:
    system = anywhere
    system.imported()
    with system.database.unit_of_work() as work:
        for minutes in (5, 3):
            event_id = work.post(ShipmentDue(account_id="main"))
            published = update(OutboxRow).where(OutboxRow.event_id == event_id)
            work.session.execute(published.values(published_at=system.now - timedelta(minutes=minutes)))
    assert unread(system) == system.now - timedelta(minutes=5)
    assert unread(system, worker="importer") is None


def replayed(system: System, *, mended: bool) -> Original:
    """What a store said is given up, and replayed a day later."""
    (order_id,) = system.imported()
    body = f'{{"order_id": "{order_id}", "carrier": "UPS", "tracking_number": "1Z1"}}'
    said = system.produce("order.shipped", b"no JSON")
    system.run_until_idle()
    system.advance(86_400)
    with system.database.unit_of_work() as work:
        (letter,) = find_letters(work)
        replay(work, letter, mended=body if mended else None)
    system.run_until_idle()
    return said


def test_what_was_mended_is_read_and_its_original_done(anywhere: System) -> None:
    system = anywhere
    said = replayed(system, mended=True)
    assert unread(system, said) is None
    system.redeliver(said)
    system.run_until_idle()
    with system.database.unit_of_work() as work:
        assert not list(find_letters(work))


@pytest.mark.parametrize("mended", [False, True])
def test_what_was_replayed_and_not_read_yet(anywhere: System, mended: bool) -> None:
    """Its original came earlier than is looked at."""
    system = anywhere
    replayed(system, mended=mended)
    at = system.now
    with system.database.unit_of_work() as work:  # the dump was made before
        work.session.execute(delete(InboxRow).where(InboxRow.handled_at == at))
    assert unread(system) == at
