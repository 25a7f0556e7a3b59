"""A store that lost its orders has them again from a whole house, while live orders come and the importer dies."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import select

from orderbridge.database.models import OrderRow, PersonalDataRow
from orderbridge.database.unit_of_work import Database
from orderbridge.store import Received, Store
from schemas.orders import OrderDocument, OrderEvent
from services.storefront.books import Books
from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until
from tests.parts.standing_house import StandingHouse

pytestmark = pytest.mark.timeout(400)
ORDERS = 260
"""Three batches of a replay."""
Told = dict[str, tuple[int, str, str | None]]
"""By order: its sequence, its document, its seal."""


@dataclass
class Reader:
    """A store's reading loop, which writes what comes into each of these books that wants it."""

    books: list[tuple[Books, Callable[[str], bool]]]
    replayed: list[str] = field(default_factory=list)
    live: list[str] = field(default_factory=list)
    """Orders that came otherwise, in between."""

    def read(self, store: Store) -> None:
        for received in store.read():
            event = received.event
            if isinstance(event, OrderEvent):
                (self.replayed if event.replay else self.live).append(event.order_id)
            for books, wants in list(self.books):
                self._keep(books, wants, received)

    def _keep(self, books: Books, wants: Callable[[str], bool], received: Received) -> None:
        if wants(getattr(received.event, "order_id", "")):
            books.keep(received)


@contextmanager
def reading(house: StandingHouse, reader: Reader) -> Iterator[None]:
    with Store(house.addresses["kafka"], group="books", embedded=True) as store:
        thread = threading.Thread(target=reader.read, args=(store,))
        thread.start()
        try:
            yield
        finally:
            store.close()
            thread.join()


def command(house: StandingHouse, *arguments: str) -> str:
    """What a command prints that is typed beside the house."""
    typed = StandingHouse(house.folder, *arguments)
    assert typed.process.wait(120 * PATIENCE) == 0, typed.output.read_text()
    return typed.output.read_text()


def bridge(database: Database) -> Told:
    with database.unit_of_work() as work:
        rows = work.session.execute(
            select(OrderRow, PersonalDataRow.seal).outerjoin(
                PersonalDataRow, PersonalDataRow.order_id == OrderRow.order_id
            )
        )
        return {
            row.order_id: (row.sequence, OrderDocument.model_validate_json(row.document).model_dump_json(), seal)
            for row, seal in rows
        }


def store(books: Books) -> Told:
    return {
        event.order_id: (
            event.sequence,
            OrderDocument.model_validate(event.model_dump()).model_dump_json(),
            event.personal_data.seal,
        )
        for event in (order.event for order in books.orders())
    }


def test_an_emptied_and_a_half_full_store_have_what_the_bridge_has(tmp_path: Path) -> None:
    whole, emptied, half_full = (Books(tmp_path / name) for name in ("whole", "emptied", "half-full"))
    reader = Reader([(whole, lambda _: True), (half_full, lambda order_id: not order_id.endswith(tuple("13579")))])
    house = StandingHouse(tmp_path, "up", "--speed", "100")
    try:
        house.wait_until_it_stands()
        (file,) = tmp_path.rglob("orderbridge.sqlite")
        with closing(Database(f"sqlite:///{file}")) as database, reading(house, reader):
            long_ago = (datetime.now(UTC) - timedelta(days=40)).isoformat()
            old = place(house, count=3, created_at=long_ago)
            for order_id in old:
                command(house, "import", "--order", order_id)
            place(house, count=ORDERS)
            wait_until(
                lambda: bool(command(house, "import")) and len(store(whole)) == ORDERS + 3,
                seconds=120,
                what="all orders are here",
                interval=1,
            )
            assert 0 < len(store(half_full)) < ORDERS
            live_before = len(reader.live)
            reader.books = [(books, lambda _: True) for books in (whole, emptied, half_full)]

            asked = json.loads(command(house, "events", "replay", "--all", "--json").splitlines()[-1])
            assert asked["orders"] == ORDERS + 3
            wait_until(lambda: len(reader.replayed) > 0, seconds=30, what="the first batch", interval=0.02)
            importer(house).kill()
            new = place(house, count=5)
            wait_until(
                lambda: bool(command(house, "import")) and set(new) <= set(store(whole)),
                seconds=60,
                what="live orders",
                interval=1,
            )
            wait_until(
                lambda: store(emptied) == store(half_full) == bridge(database),
                seconds=60,
                what="the stores have what the bridge has",
                interval=0.5,
            )
        assert set(reader.live[live_before:]) >= set(new)
        assert len(set(reader.replayed)) == ORDERS + 3
        assert store(whole) == store(emptied)
        for order_id in old:
            order = emptied.order(order_id)
            assert order is not None
            assert order.event.personal_data.state == "redacted"
            assert order.event.personal_data.placeholder is not None
            assert order.event.personal_data.placeholder.first_name == "Amazon Replaced"
    finally:
        house.close()


def place(house: StandingHouse, **wish: Any) -> list[str]:
    placed: list[str] = house.post("sandbox", "/_sandbox/orders", wish)["order_ids"]
    return placed


def importer(house: StandingHouse) -> psutil.Process:
    children = psutil.Process(house.process.pid).children(recursive=True)
    return next(child for child in children if child.cmdline()[-1:] == ["importer"])
