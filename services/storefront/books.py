"""The store's own books: an SQLite file with its orders, its shipments, and what became of them.

Every method is one transaction on a connection of its own, so any thread may call it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from orderbridge.store import Received
from schemas.accounts import AccountSettingsChanged
from schemas.base import OrderKeyed
from schemas.orders import OrderEvent
from schemas.shipments import (
    OrderShipped,
    ShipmentAnswer,
    ShipmentConfirmed,
    ShipmentHeld,
    ShipmentRejected,
    ShipmentWarned,
)

_TABLES = """
CREATE TABLE IF NOT EXISTS accounts (account_id TEXT PRIMARY KEY, settings TEXT);
CREATE TABLE IF NOT EXISTS orders (order_id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, event TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS received (event_id TEXT PRIMARY KEY, order_id TEXT NOT NULL, event_type TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS received_by_order ON received (order_id);
CREATE TABLE IF NOT EXISTS shipments (
    event_id TEXT PRIMARY KEY, order_id TEXT NOT NULL, package_id TEXT, tracking_number TEXT, lines TEXT NOT NULL,
    event TEXT, said_at TEXT NOT NULL, sent INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS shipments_by_order ON shipments (order_id);
CREATE TABLE IF NOT EXISTS answers (
    event_id TEXT PRIMARY KEY, caused_by TEXT NOT NULL, state TEXT NOT NULL, said_at TEXT NOT NULL, answer TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS answers_by_cause ON answers (caused_by);
"""
_STATES: dict[type, str] = {
    ShipmentWarned: "warned",
    ShipmentHeld: "held",
    ShipmentConfirmed: "confirmed",
    ShipmentRejected: "rejected",
}
_AWAITS_SHIPMENT = ("unshipped", "partially_shipped", "pending", "pending_availability", "unknown")


@dataclass
class Shipment:
    """An `order.shipped` of ours, and how it was answered. `unsent`: Kafka does not have it yet."""

    event_id: str
    order_id: str
    package_id: str | None
    carrier: str | None
    """As we wrote it; None where somebody else said it."""
    tracking_number: str | None
    lines: list[dict[str, Any]]
    state: str
    """unsent | sent | held | confirmed | rejected"""
    answers: list[dict[str, Any]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """What the books say of it: the answers are counted, `confirmed` is what Amazon took, as we were told."""
        latest = self.answers[-1] if self.answers else {}
        reason = {"reason": latest["reason"]} if latest.get("reason") else {}
        taken = {name: latest[name] for name in ("package_reference_id", "lines") if self.state == "confirmed"}
        return {**asdict(self), "answers": len(self.answers), "confirmed": taken or None, **reason}


@dataclass
class Order:
    """An order as last told, with its shipments."""

    event: OrderEvent
    shipments: list[Shipment]

    def packages(self) -> list[Shipment]:
        """The shipments, each package as it was last said: a correction takes the place of what it corrects."""
        return list({s.package_id or s.tracking_number or s.event_id: s for s in self.shipments}.values())

    def queue(self) -> str:
        """The store's queue: the one that came with the order; while it awaits shipment, what we do about it."""
        if self.event.fulfilled_by == "amazon" or self.event.amazon_status not in _AWAITS_SHIPMENT:
            return self.event.store.status.name
        # A package that was corrected counts as it was last said.
        packages = {s.package_id or s.tracking_number: s for s in self.shipments if s.state != "rejected"}.values()
        if self.event.cancel_requested is not None and not packages:
            return "Hold"
        if any(package.state != "confirmed" for package in packages):
            return "Processing"
        told = [line for package in packages for line in package.answers[-1]["lines"]]
        ordered = left = 0
        for line in self.event.lines:
            ours = sum(part["quantity"] for part in told if part["order_item_id"] == line.order_item_id)
            ordered += line.quantity - line.quantity_cancelled
            left += max(line.quantity - line.quantity_cancelled - max(ours, line.quantity_shipped), 0)
        if left == ordered:
            return self.event.store.status.name
        return "Partial" if left else "Shipped"


class Books:
    """The books in the file at `path`, which is made if it is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._transaction() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_TABLES)

    def keep(self, received: Received) -> None:
        """Take an event in. The same event again, or an older one, changes nothing."""
        event = received.event
        with self._transaction() as connection:
            if isinstance(event, AccountSettingsChanged):
                connection.execute(
                    "INSERT INTO accounts VALUES (?, ?) ON CONFLICT DO UPDATE SET settings = excluded.settings",
                    (event.account_id, event.model_dump_json()),
                )
            if isinstance(event, OrderKeyed):
                row = (received.event_id, event.order_id, event.event_type)
                connection.execute("INSERT INTO received VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row)
            if isinstance(event, OrderEvent):
                connection.execute("INSERT INTO accounts VALUES (?, NULL) ON CONFLICT DO NOTHING", (event.account_id,))
                connection.execute(
                    "INSERT INTO orders VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
                    " SET sequence = excluded.sequence, event = excluded.event"
                    " WHERE excluded.sequence > orders.sequence",
                    (event.order_id, event.sequence, event.model_dump_json()),
                )
            if isinstance(event, ShipmentAnswer):
                self._keep_answer(connection, received.event_id, received.time, event)

    def _keep_answer(
        self, connection: sqlite3.Connection, event_id: str, said_at: datetime, answer: ShipmentAnswer
    ) -> None:
        connection.execute(
            "INSERT INTO answers VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (event_id, answer.caused_by, _STATES[type(answer)], said_at.isoformat(), answer.model_dump_json()),
        )
        # What somebody typed into Kafka by hand is answered too: it stands in the books like a shipment of ours.
        connection.execute(
            "INSERT INTO shipments VALUES (?, ?, ?, ?, '[]', NULL, ?, 1) ON CONFLICT DO NOTHING",
            (answer.caused_by, answer.order_id, answer.package_id, answer.tracking_number, said_at.isoformat()),
        )

    def ship(self, event_id: str, event: OrderShipped) -> None:
        """Write a shipment down, to be sent."""
        body = event.model_dump_json(exclude_none=True)
        lines = json.dumps(json.loads(body)["lines"])
        now = datetime.now(UTC).isoformat()
        row = (event_id, event.order_id, event.package_id, event.tracking_number, lines, body, now)
        with self._transaction() as connection:
            connection.execute("INSERT INTO shipments VALUES (?, ?, ?, ?, ?, ?, ?, 0)", row)

    def send_unanswered_again(self) -> None:
        """Have shipments without any answer sent again: the broker may have forgotten them."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE shipments SET sent = 0"
                " WHERE event IS NOT NULL AND event_id NOT IN (SELECT caused_by FROM answers)"
            )

    def unsent(self) -> list[tuple[str, datetime, OrderShipped]]:
        """Event id, moment and event of each shipment that Kafka does not have, in the order they were said."""
        with self._transaction() as connection:
            rows = connection.execute("SELECT event_id, said_at, event FROM shipments WHERE sent = 0 ORDER BY rowid")
            return [
                (event_id, datetime.fromisoformat(said_at), OrderShipped.model_validate_json(event))
                for event_id, said_at, event in rows
            ]

    def mark_sent(self, event_id: str) -> None:
        """Kafka has it."""
        with self._transaction() as connection:
            connection.execute("UPDATE shipments SET sent = 1 WHERE event_id = ?", (event_id,))

    def sales(self) -> dict[str, Any]:
        """The sales report: orders and their total by currency.

        Orders of an account that is not to be considered are left out, whenever they came. So are those that are
        cancelled, and those that have no price yet.
        """
        with self._transaction() as connection:
            rows = connection.execute("SELECT account_id, settings FROM accounts WHERE settings IS NOT NULL").fetchall()
        excluded = {name for name, text in rows if json.loads(text).get("exclude_from_sales_reports")}
        sums: dict[str, tuple[int, Decimal]] = {}
        left_out = 0
        for event in (order.event for order in self.orders()):
            left_out += event.account_id in excluded
            currency = event.totals.currency
            if event.account_id in excluded or event.amazon_status == "cancelled" or currency is None:
                continue
            orders, total = sums.get(currency, (0, Decimal("0.00")))
            sums[currency] = orders + 1, total + event.totals.total
        return {
            "currencies": [
                {"currency": currency, "orders": orders, "total": f"{total:f}"}
                for currency, (orders, total) in sorted(sums.items())
            ],
            "orders_not_considered": left_out,
        }

    def accounts(self) -> list[str]:
        """The Amazon accounts we have been told of."""
        with self._transaction() as connection:
            return [account_id for (account_id,) in connection.execute("SELECT account_id FROM accounts")]

    def orders(self) -> list[Order]:
        """All orders, the newest first."""
        with self._transaction() as connection:
            events = connection.execute("SELECT event FROM orders ORDER BY sequence DESC").fetchall()
            of_order: dict[str, list[Shipment]] = {}
            for shipment in _shipments(connection):
                of_order.setdefault(shipment.order_id, []).append(shipment)
        orders = [OrderEvent.model_validate_json(event) for (event,) in events]
        return [Order(event, of_order.get(event.order_id, [])) for event in orders]

    def order(self, order_id: str) -> Order | None:
        """One order, or None."""
        with self._transaction() as connection:
            row = connection.execute("SELECT event FROM orders WHERE order_id = ?", (order_id,)).fetchone()
            if row is None:
                return None
            shipments = list(_shipments(connection, order_id))
            return Order(OrderEvent.model_validate_json(row[0]), shipments)

    def shipments(self) -> list[Shipment]:
        """All shipments, in the order they were said."""
        with self._transaction() as connection:
            return list(_shipments(connection))

    def events(self) -> dict[str, dict[str, int]]:
        """How many different events have come: order → type → number."""
        counts: dict[str, dict[str, int]] = {}
        with self._transaction() as connection:
            rows = connection.execute("SELECT order_id, event_type, count(*) FROM received GROUP BY 1, 2")
            for order_id, event_type, number in rows:
                counts.setdefault(order_id, {})[event_type] = number
        return counts

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=10)) as connection, connection:
            yield connection


def _shipments(connection: sqlite3.Connection, order: str | None = None) -> Iterator[Shipment]:
    rows = connection.execute(
        "SELECT event_id, order_id, package_id, json_extract(event, '$.carrier'), tracking_number, lines, sent"
        " FROM shipments WHERE ?1 IS NULL OR order_id = ?1 ORDER BY rowid",
        (order,),
    ).fetchall()
    for event_id, order_id, package_id, carrier, tracking_number, lines, sent in rows:
        # Topics are not ordered among each other: "held" may be read after what followed it.
        answers = connection.execute(
            "SELECT state, answer FROM answers WHERE caused_by = ?"
            " ORDER BY CASE state WHEN 'warned' THEN 0 WHEN 'held' THEN 1 ELSE 2 END, said_at",
            (event_id,),
        ).fetchall()
        state = answers[-1][0] if answers else "warned"
        if state == "warned":  # no answer yet, only something to look at
            state = "sent" if sent or answers else "unsent"
        told = [{"state": state, **json.loads(answer)} for state, answer in answers]
        yield Shipment(event_id, order_id, package_id, carrier, tracking_number, json.loads(lines), state, told)
