"""Amazon answers with garbage: truncated, wrong types, huge numbers, nulls, web pages. Nothing fails, nothing stops.

And garbage in the queue of Amazon's notifications. `make garbage` has 50 times as much of both.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest

from orderbridge.accounts.subscriptions import subscribe
from orderbridge.bus.self_pause import SelfPause
from schemas.imports import ImportDue
from schemas.orders import OrderImported
from schemas.shipments import ShipmentConfirmed
from services.listener.messages import Outcome, take
from tests.parts.garbage import Garbage
from tests.parts.garbled_amazon import GarbledAmazon
from tests.parts.in_process import ACCOUNT, System
from tests.parts.sandbox_server import SandboxServer

ARN = "arn:aws:sqs:us-east-1:123456789012:orders"
Start = Callable[[str], System]


@pytest.fixture
def start(tmp_path: Path, sandbox: SandboxServer) -> Iterator[Start]:
    """Starts the system on a database."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(closing(System(url, tmp_path, sandbox)))


def play(system: System, sandbox: SandboxServer, seed: int, rounds: int) -> None:
    """Imports by every way, and shipments, while half of the answers are spoilt; then none, and all goes on."""
    system.tolerates_bugs = True
    between: list[GarbledAmazon] = []

    def wrap(app: object) -> GarbledAmazon:
        between.append(GarbledAmazon(app, seed, 0.5))  # type: ignore[arg-type]  # an ASGI app is any such callable
        return between[0]

    sandbox.between(wrap)
    for number in range(rounds):
        order_ids = system.place_orders(count=2, programs=[])
        system.advance(180)
        system.import_now()
        for order_id in order_ids:
            ask = ImportDue(account_id=ACCOUNT, reason="order", order_id=order_id)
            system.produce("import.due", ask.model_dump_json().encode())
            system.store_says(order_id=order_id, tracking_number=f"1Z{order_id}")
        if number % 5 == 0:
            since = system.now - timedelta(days=3)
            for due in (
                ImportDue(account_id=ACCOUNT, reason="history", since=since),
                ImportDue(account_id=ACCOUNT, reason="reconciliation", days=1),
                ImportDue(account_id=ACCOUNT, reason="dry_run"),
            ):
                system.produce("import.due", due.model_dump_json().encode())
        system.advance(900)
        if number % 7 == 0:
            system.forget_access_token()
        assert not system.failures(), f"after {between[0].last}: {system.failures()[-1]}"
    assert between[0].spoilt > rounds
    between[0].share = 0
    assert not SelfPause("importer", system.database).is_paused()
    assert not SelfPause("shipper", system.database).is_paused()
    system.advance(7200)
    (order_id,) = system.imported(programs=[])
    system.advance(3600)
    assert order_id in {event.order_id for event in system.events(OrderImported)}
    system.store_says(order_id=order_id, tracking_number="1Z999AA10123456784")
    system.advance(3600)
    assert order_id in {event.order_id for event in system.events(ShipmentConfirmed)}
    assert not system.failures()


def test_amazon_answers_with_garbage(start: Start, sqlite_url: str, sandbox: SandboxServer) -> None:
    play(start(sqlite_url), sandbox, 1, 20)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10, 20))
def test_amazon_answers_with_much_garbage(start: Start, database_url: str, sandbox: SandboxServer, seed: int) -> None:
    play(start(database_url), sandbox, seed, 50)


def take_garbage(system: System, first: int, total: int) -> None:
    subscribe(system.settings, system.database, ACCOUNT, ARN)
    bodies = []
    for _ in range(3):
        system.place_orders()
    bodies = [message.body for message in system.amazon.notifications.queues.messages]
    outcomes: Counter[str] = Counter()
    for number in range(first, first + total):
        outcomes[take(system.database, garbled(bodies, number))] += 1
    assert outcomes["unreadable"]
    assert outcomes["foreign"]
    assert set(outcomes) <= set(get_args(Outcome))
    (order_id,) = system.place_orders()
    assert take(system.database, system.amazon.notifications.queues.messages[-1].body) == "posted"
    system.advance(3)
    assert order_id in system.store.orders


def garbled(bodies: list[str], number: int) -> str:
    """One of the bodies, as SQS might hand it over: text, whatever is in it."""
    garbage = Garbage(number)
    body = json.loads(garbage.chance.choice(bodies))
    return garbage.text(body).decode("utf-8", garbage.chance.choice(("replace", "surrogateescape")))


def test_garbage_in_the_queue(start: Start, database_url: str) -> None:
    take_garbage(start(database_url), 0, 1_000)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_much_garbage_in_the_queue(start: Start, database_url: str) -> None:
    take_garbage(start(database_url), 100_000, 25_000)
