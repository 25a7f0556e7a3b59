"""Many orders' days in one transaction: each that is over is redacted and told, all others are left as they were."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from orderbridge.database.models import OrderRow, OutboxRow, PersonalDataRow
from schemas.failures import Original
from schemas.orders import OrderAged, OrderRedacted
from services.redactor import redact
from tests.parts.in_process import System

DAY = 86_400


def aged(system: System, *order_ids: str) -> list[Original]:
    """Their messages, not handled yet."""
    made = []
    for order_id in order_ids:
        body = OrderAged(order_id=order_id, account_id="main").model_dump_json().encode()
        made.append(system.produce("order.aged", body, key=order_id.encode()))
        system._queue.pop()
    return made


def process(system: System, messages: list[Original]) -> list[bool]:
    return system.pipelines["order.aged"].process_together(messages)


def die(system: System, *order_ids: str) -> None:
    """Their day was a second ago, by whichever clock."""
    with system.database.unit_of_work() as work:
        over = system.now - timedelta(seconds=1)
        work.session.execute(
            update(PersonalDataRow).where(PersonalDataRow.order_id.in_(order_ids)).values(dies_at=over)
        )


def redacted(system: System) -> set[str]:
    with system.database.unit_of_work() as work:
        return set(
            work.session.scalars(select(PersonalDataRow.order_id).where(PersonalDataRow.redacted_at.is_not(None)))
        )


def test_each_is_told_once_with_its_own_number(anywhere: System) -> None:
    system = anywhere
    over, early = system.imported(count=6), "114-0000000-0000000"
    die(system, *over[:5])
    messages = aged(system, *over[:5], over[5], early, over[0])
    sequences = {order_id: system.store.orders[order_id].sequence for order_id in over}
    assert process(system, messages) == [True] * 5 + [False, False, True]
    assert redacted(system) == set(over[:5])
    system.run_until_idle()
    told = system.events(OrderRedacted)
    assert sorted(event.order_id for event in told) == sorted(over[:5])
    assert all(event.sequence > sequences[event.order_id] for event in told)
    assert all(event.lines and event.personal_data.seal is None for event in told)
    for message in messages:
        system.redeliver(message)
    system.run_until_idle()
    assert len(system.events(OrderRedacted)) == 5
    assert redacted(system) == set(over[:5])
    assert system.opened(over[5]).last_name
    with system.database.unit_of_work() as work:
        waiting = select(OutboxRow.name).where(OutboxRow.published_at.is_(None), OutboxRow.topic == "order.aged")
        assert work.session.scalars(waiting).all() == [f"aged:{over[5]}"], "what came early is planned for its day"


def test_what_a_bug_breaks_is_left_whole(anywhere: System, monkeypatch: pytest.MonkeyPatch) -> None:
    order_ids = anywhere.imported(count=3)
    die(anywhere, *order_ids)
    tell = redact._tell

    def break_after(*given: Any) -> None:
        tell(*given)
        raise RuntimeError("planted")

    monkeypatch.setattr(redact, "_tell", break_after)
    messages = aged(anywhere, *order_ids)
    assert process(anywhere, messages) == [False] * 3
    assert redacted(anywhere) == set()
    monkeypatch.undo()
    assert process(anywhere, messages) == [True] * 3
    anywhere.run_until_idle()
    assert len(anywhere.events(OrderRedacted)) == 3


def test_an_order_that_is_locked_holds_up_no_other(postgres_system: System) -> None:
    """Its own event waits for it, by itself."""
    system = postgres_system
    locked, *others = system.imported(count=4)
    die(system, locked, *others)
    messages = aged(system, locked, *others)
    done = threading.Event()
    with system.database.unit_of_work() as work:
        assert work.lock_order(locked) is not None
        assert process(system, messages) == [False, True, True, True]
        assert redacted(system) == set(others)

        def alone() -> None:
            system.pipelines["order.aged"].process(messages[0])
            done.set()

        waiting = threading.Thread(target=alone)
        waiting.start()
        assert not done.wait(0.2)
    waiting.join(20)
    assert done.is_set()
    assert redacted(system) == {locked, *others}


def test_two_processes_with_the_same_events_at_once_tell_each_order_once(postgres_system: System) -> None:
    system = postgres_system
    order_ids = system.imported(count=20)
    die(system, *order_ids)
    messages = aged(system, *order_ids)
    begin, results = threading.Barrier(2), list[list[bool]]()

    def handle(mine: list[Original]) -> None:
        begin.wait(10)
        results.append(process(system, mine))

    threads = [threading.Thread(target=handle, args=(mine,)) for mine in (messages, messages[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(results) == 2
    for message in messages:
        system.redeliver(message)
    system.run_until_idle()
    assert sorted(event.order_id for event in system.events(OrderRedacted)) == sorted(order_ids)
    with system.database.unit_of_work() as work:
        numbers = work.session.execute(select(OrderRow.order_id, OrderRow.sequence)).all()
    assert {(event.order_id, event.sequence) for event in system.events(OrderRedacted)} == {
        tuple(row) for row in numbers
    }
