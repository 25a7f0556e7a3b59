"""Several workers at the same moment, on PostgreSQL: row locks, claims and leases decide."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, update

from orderbridge.amazon import search_orders
from orderbridge.bus.outcomes import Rejected
from orderbridge.bus.worker import Worker
from orderbridge.database.models import InboxRow, Lease, OutboxRow, Run
from orderbridge.database.unit_of_work import Database, Work
from schemas.failures import DeadLetter
from schemas.imports import ImportDue, ImportFinished
from schemas.orders import KeyExpired, OrderImported, OrderRedacted
from schemas.shipments import OrderShipped, ShipmentConfirmed
from services.importer import imports, search_run
from services.importer.claim import Claim
from tests.parts.in_process import System
from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until

LINES = [{"sku": "MUG-BLUE", "quantity": 3}]


def together(*jobs: Callable[[], Any]) -> list[Any]:
    """The results of jobs that start at the same moment, a thread each."""
    barrier = threading.Barrier(len(jobs))

    def start(job: Callable[[], Any]) -> Any:
        barrier.wait(10 * PATIENCE)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result(60 * PATIENCE) for future in [pool.submit(start, job) for job in jobs]]


def process(system: System, topic: str, body: bytes) -> Callable[[], str]:
    original = system.produce(topic, body)
    return lambda: system.pipelines[topic].process(original)


def test_two_packages_of_one_order_never_share_a_number(postgres_system: System) -> None:
    system = postgres_system
    (order_id,) = system.imported(lines=LINES)
    events = [
        OrderShipped(
            order_id=order_id, carrier="UPS", tracking_number=f"T{number}",
            lines=[{"sku": "MUG-BLUE", "quantity": 1}],  # type: ignore[arg-type]  # pydantic makes them lines
        )
        for number in range(3)
    ]  # fmt: skip
    jobs = [process(system, "order.shipped", event.model_dump_json().encode()) for event in events]
    assert together(*jobs) == ["handled"] * 3
    system.advance(120)
    packages = system.packages(order_id)
    assert sorted(packages) == ["1", "2", "3"]
    assert {package["calls"] for package in packages.values()} == {1}
    assert len(system.events(ShipmentConfirmed)) == 3


def test_one_package_said_by_two_events_at_once_is_one_package(postgres_system: System) -> None:
    system = postgres_system
    (order_id,) = system.imported(lines=LINES)
    body = OrderShipped(order_id=order_id, carrier="UPS", tracking_number="T").model_dump_json().encode()
    together(*(process(system, "order.shipped", body) for _ in range(4)))
    system.advance(180)
    (package,) = system.packages(order_id).values()
    assert package["calls"] == 1 + package["identical"]  # said again while a call was in flight, it is an edit
    assert {event.tracking_number for event in system.events(ShipmentConfirmed)} == {"T"}


def test_one_message_read_by_two_workers_takes_effect_once(postgres_system: System) -> None:
    system = postgres_system
    (order_id,) = system.imported(lines=LINES)
    message = system.store_says(order_id=order_id)
    pipeline = system.pipelines["order.shipped"]
    outcomes = together(*[lambda: pipeline.process(message)] * 3)
    assert "handled" in outcomes
    system.advance(180)
    assert len(system.events(ShipmentConfirmed)) == 1
    assert next(iter(system.packages(order_id).values()))["calls"] == 1


@pytest.mark.parametrize("second", ["good", "bad"])
def test_one_event_id_used_twice_at_once_loses_neither(postgres_system: System, second: str) -> None:
    """Both look into the inbox before either has written there; the one that comes late is refused, not dropped."""
    system, both = postgres_system, threading.Barrier(2)
    worker = Worker("shipper", system.settings, system.database)
    first_try = {"UPS": True, "DHL": True}

    def handler(event: OrderShipped, _work: Work) -> None:
        if first_try[event.carrier]:
            first_try[event.carrier] = False
            both.wait(20 * PATIENCE)
            if event.carrier == "DHL":
                assert wait_for_row(system.database)
                if second == "bad":
                    raise Rejected("not_wanted", "It is not.")

    worker.on(OrderShipped, handler)
    pipeline = worker.pipeline()
    (order_id,) = system.imported()
    messages = [system.store_says(event_id="e-1", order_id=order_id, carrier=carrier) for carrier in ("UPS", "DHL")]
    outcomes = together(*(partial(pipeline.process, message) for message in messages))
    assert outcomes == ["handled", "dead-letter"]
    with system.database.unit_of_work() as work:
        rows = work.session.scalars(select(OutboxRow.body).where(OutboxRow.topic == "shipper.dead-letter")).all()
    (letter,) = map(DeadLetter.model_validate_json, rows)
    assert letter.reason == "event_id_reused"
    assert letter.original.model_copy(update={"seen_at": None}) == messages[1]


def wait_for_row(database: Database) -> bool:
    """Once the other event stands in the inbox."""

    def there() -> bool:
        with database.unit_of_work() as work:
            return work.session.scalars(select(InboxRow).where(InboxRow.event_id == "e-1")).first() is not None

    wait_until(there, seconds=20, what="the first event's row")
    return True


def test_two_imports_at_once(postgres_system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both come to the lease at the same moment; the call of the first lasts until the second has given back."""
    system = postgres_system
    order_ids = system.place_orders(count=5)
    system.advance(180)
    given_back, search, at_once = threading.Event(), search_orders, [0, 0]

    def slow(*arguments: Any, **options: Any) -> Any:
        at_once[0] += 1
        at_once[1] = max(at_once)
        given_back.wait(20 * PATIENCE)
        page = search(*arguments, **options)
        at_once[0] -= 1
        return page

    monkeypatch.setattr(search_run, "search_orders", slow)
    body = b'{"account_id": "main", "reason": "slot"}'

    def run(job: Callable[[], str]) -> Callable[[], str]:
        def watched() -> str:
            outcome = job()
            if outcome == "given-back":
                given_back.set()
            return outcome

        return watched

    outcomes = together(*(run(process(system, "import.due", body)) for _ in range(2)))
    assert sorted(outcomes) == ["given-back", "handled"]
    assert at_once[1] == 1
    system.advance(60)
    assert sorted(event.order_id for event in system.events(OrderImported)) == sorted(order_ids)
    assert system.events(ImportFinished)[0].counts.imported == 5


def test_an_import_races_the_redactor(postgres_system: System) -> None:
    """Whichever comes first at the moment of death: redacted once, nothing sealed after, sequences rise."""
    system = postgres_system
    order_ids = system.imported(count=4, lines=LINES)
    dies_at = system.store.orders[order_ids[0]].personal_data.dies_at
    assert dies_at is not None
    system.clock.advance((dies_at - system.now).total_seconds() - 200)
    for order_id in order_ids:
        system.amazon.change_order(order_id, lambda order, now: order.request_cancel("mistake", now))
    system.clock.advance(200)
    body = KeyExpired(moment=dies_at).model_dump_json().encode()
    outcomes = together(
        process(system, "import.due", b'{"account_id": "main", "reason": "slot"}'),
        *(process(system, "key.expired", body) for _ in range(3)),
    )
    assert outcomes == ["handled"] * 4
    system.advance(60)
    assert len(system.events(OrderRedacted)) == 4
    for order_id in order_ids:
        last = system.store.orders[order_id]
        assert (last.personal_data.state, last.cancel_requested is not None) == ("redacted", True)
        sequences = [event.sequence for event in system.told_of_orders() if event.order_id == order_id]
        assert len(sequences) == len(set(sequences)) == 3
    assert system.key_ring().alive() == []


def test_a_key_whose_orders_are_locked_waits_for_none_of_them(postgres_system: System) -> None:
    """Somebody holds an order: the others of its key are redacted, and that one once it is free."""
    system = postgres_system
    held, *others = sorted(system.imported(count=3))
    dies_at = system.store.orders[held].personal_data.dies_at
    assert dies_at is not None
    system.advance((dies_at - system.now).total_seconds() - 1)  # whoever else wants the order has had it
    system.clock.advance(1)
    with system.database.unit_of_work() as work:
        work.lock_order(held)
        done = together(process(system, "key.expired", KeyExpired(moment=dies_at).model_dump_json().encode()))
        assert done == ["handled"]
        system.advance(0.5)
        assert sorted(event.order_id for event in system.events(OrderRedacted)) == others
    system.advance(1)
    assert sorted(event.order_id for event in system.events(OrderRedacted)) == [held, *others]


@pytest.mark.parametrize("kind", ["search", "history"])
def test_a_step_of_a_run_that_another_worker_ends_meanwhile_opens_none(
    system: System, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The run was open when the step looked for it, and is not any more when the step has its claim."""
    system.imported()
    with system.database.unit_of_work() as work:
        work.session.add(Run(run_id="the-run", account_id="main", kind=kind, started_at=system.now, progress="{}"))
        work.post(ImportDue(account_id="main", reason="rest", run_id="the-run"))

    def claim_after_its_end(work: Work, account_id: str, of_kind: str) -> Claim:
        work.session.execute(update(Run).where(Run.run_id == "the-run").values(finished_at=work.now))
        return Claim(work, account_id, of_kind)

    monkeypatch.setattr(imports, "Claim", claim_after_its_end)
    system.run_until_idle()
    with system.database.unit_of_work() as work:
        assert work.session.scalars(select(Run.kind).where(Run.finished_at.is_(None))).all() == []
        assert work.session.scalars(select(Lease.name).where(Lease.name.startswith("import:"))).all() == []
    assert len(system.events(ImportFinished)) == 1
