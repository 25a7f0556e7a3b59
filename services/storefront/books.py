"""The store's own books: an SQLite file with a document for each order, and the stock.

Every method is one transaction on a connection of its own, so any thread may call it. Of a buyer there is the seal
alone, and only until a newer event of the order brings another, or none.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orderbridge.store import Received
from schemas.accounts import AccountSettingsChanged
from schemas.base import OrderKeyed
from schemas.orders import OrderEvent, OrderImported
from schemas.shipments import OrderShipped
from services.storefront import stock
from services.storefront.orders import OWN, Order, Shipment
from services.storefront.sales import Days, sales_of

_FILES = Path(__file__).parent
_UPSERT_ACCOUNT = "INSERT INTO accounts VALUES (?, ?) ON CONFLICT DO UPDATE SET settings = coalesce(?2, settings)"


class NoSuchOrder(Exception):
    """The store does not have it."""


class Books:
    """The books in the file at `path`, which is made if it is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript((_FILES / "books.sql").read_text())

    def keep(self, received: Received) -> None:
        """Take an event in. The same event again, or an older one, changes nothing."""
        event = received.event
        if isinstance(event, AccountSettingsChanged):
            self._do(_UPSERT_ACCOUNT, event.account_id, event.model_dump_json())
        elif isinstance(event, OrderKeyed):
            replay = isinstance(event, OrderEvent) and event.replay
            with self._changing(event.order_id) as (connection, order):
                new = order.latest is None
                order.take(received)
                if order.latest is not None and (new or not replay):
                    stock.settle(connection, order, replay=replay)
                if isinstance(event, OrderEvent) and event.account_id != OWN:
                    connection.execute(_UPSERT_ACCOUNT, (event.account_id, None))

    def place_own_order(self) -> str:
        """Somebody orders in this shop itself, whose alert goes out; returns the order's id."""
        now = datetime.now(UTC)
        number = f"WEB-{now:%y%m%d%H%M%S%f}"
        sample = OrderImported.model_validate_json((_FILES / "own_order.json").read_text())
        store = sample.store.model_copy(update={"order_number": number})
        changes = {"order_id": number, "sequence": int(now.timestamp() * 1000), "placed_at": now, "store": store}
        event = sample.model_copy(update=changes)
        self.keep(Received(event, number, "storefront", now, ""))
        return number

    def ship(self, event_id: str, event: OrderShipped, *, new: bool = False) -> None:
        """Write a shipment down, to be sent. Raises ValueError if it is to be `new` and its name is taken."""
        with self._changing(event.order_id) as (_, order):
            shipment = Shipment.of(event_id, event, datetime.now(UTC))
            if new and shipment.name in {one.name for one in order.packages()}:
                other = f"A package {shipment.name} of this order has been sent already, perhaps by somebody else."
                raise ValueError(f"{other} Give this one another name. That one is corrected by the link beside it.")
            order.shipments[event_id] = shipment

    def unsent(self) -> list[tuple[Shipment, OrderShipped]]:
        """The shipments that Kafka does not have, each with its event, in the order they were said."""
        shipments = _shipments(self._documents("WHERE unsent > 0"))
        return [(one, one.said) for one in shipments if one.said is not None and not one.sent]

    def mark(self, shipment: Shipment, *, sent: bool) -> None:
        """Whether Kafka has it."""
        with self._changing(shipment.order_id) as (_, order):
            order.shipments[shipment.event_id].sent = sent

    def accounts(self) -> dict[str, dict[str, Any]]:
        """The Amazon accounts we have been told of, each with what `account.settings` last said of it."""
        return {name: json.loads(text or "{}") for name, text in self._do("SELECT * FROM accounts ORDER BY 1")}

    def orders(self, *, own: bool = True) -> list[Order]:
        """All orders, the newest first; with or without those of this shop itself."""
        known = (one for one in self._documents() if one.latest is not None and (own or one.event.account_id != OWN))
        return sorted(known, key=lambda order: order.event.sequence, reverse=True)

    def order(self, order_id: str) -> Order:
        """One order. Raises NoSuchOrder."""
        for order in self._documents("WHERE order_id = ?", order_id):
            if order.latest is not None:
                return order
        raise NoSuchOrder

    def shipments(self) -> list[Shipment]:
        """All shipments, in the order they were said."""
        return _shipments(self._documents())

    def sales(self) -> tuple[dict[str, Days], int]:
        """The sales report, without the accounts that are not to be considered."""
        excluded = {name for name, settings in self.accounts().items() if settings.get("exclude_from_sales_reports")}
        return sales_of([order.event for order in self.orders()], excluded)

    def stock(self) -> list[sqlite3.Row]:
        """Each SKU with the units on its shelf."""
        return self._do("SELECT sku, units FROM stock ORDER BY sku")

    def movements(self) -> list[sqlite3.Row]:
        """The latest movements of the stock, the newest first."""
        return self._do("SELECT * FROM movements WHERE moved <> 0 ORDER BY rowid DESC LIMIT 100")

    def count(self, sku: str, units: int) -> None:
        """Somebody has counted the shelf of this SKU."""
        known = "coalesce((SELECT units FROM stock WHERE sku = ?2), 100)"
        now = datetime.now(UTC).isoformat()
        self._do(f"INSERT INTO movements SELECT ?, ?2, NULL, ?3 - {known}, 'counted'", now, sku, units)

    def _documents(self, where: str = "", *values: object) -> list[Order]:
        rows = self._do(f"SELECT document FROM documents {where}", *values)  # noqa: S608 - the callers' own words
        return [Order.model_validate_json(row["document"]) for row in rows]

    def _do(self, statement: str, *values: object) -> list[sqlite3.Row]:
        with self._transaction() as connection:
            return connection.execute(statement, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=10)) as connection, connection:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA secure_delete = ON")  # a seal whose place is taken is overwritten in the file
            yield connection

    @contextmanager
    def _changing(self, order_id: str) -> Iterator[tuple[sqlite3.Connection, Order]]:
        """An order's document, kept again as it is at the end."""
        with self._transaction() as connection:
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute("SELECT document FROM documents WHERE order_id = ?", (order_id,)).fetchone()
            order = Order.model_validate_json(row["document"]) if row else Order(order_id=order_id)
            yield connection, order
            unsent = sum(not shipment.sent for shipment in order.shipments.values())
            changed = (order_id, order.model_dump_json(), unsent)
            connection.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", changed)


def _shipments(orders: list[Order]) -> list[Shipment]:
    return sorted((one for order in orders for one in order.shipments.values()), key=lambda one: one.said_at)
