"""What the sandbox remembers: one SQLite file, written with every change, so that a killed sandbox forgets nothing.

Orders are kept as JSON beside the columns they are searched by. Without a file the same tables live in memory.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox.accounts import Account
from sandbox.clock import to_record
from sandbox.orders import Order, Package

_TABLES = """
CREATE TABLE IF NOT EXISTS accounts (account TEXT PRIMARY KEY, refresh_token TEXT UNIQUE NOT NULL, content TEXT);
CREATE TABLE IF NOT EXISTS orders (
    ordinal INTEGER PRIMARY KEY, order_id TEXT UNIQUE NOT NULL, account TEXT NOT NULL, marketplace_id TEXT NOT NULL,
    fulfilled_by TEXT NOT NULL, status TEXT NOT NULL, created_at TEXT NOT NULL, placed_at TEXT NOT NULL,
    updated_at TEXT NOT NULL, content TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS orders_by_update ON orders (account, updated_at, order_id);
CREATE INDEX IF NOT EXISTS orders_by_creation ON orders (account, created_at, order_id);
CREATE TABLE IF NOT EXISTS hidden_orders (order_id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS refusals (
    order_id TEXT NOT NULL, at TEXT NOT NULL, status INTEGER, code TEXT, message TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS calls (operation TEXT, outcome TEXT, calls INTEGER, PRIMARY KEY (operation, outcome));
CREATE TABLE IF NOT EXISTS token_key (key BLOB NOT NULL);
"""

_INSERT = """INSERT INTO orders (order_id, account, marketplace_id, fulfilled_by, status, created_at, placed_at,
    updated_at, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_COLUMNS = """SELECT order_id, account, marketplace_id, fulfilled_by, status, created_at, placed_at, updated_at, content
    FROM orders """
_SEARCH = (
    _COLUMNS  # noqa: S608 - `moment` below is one of two names of columns
    + """WHERE account = :account AND {moment} >= :after AND {moment} <= :before AND placed_at <= :visible_until
    AND ({moment}, order_id) > (:last_moment, :last_order_id)
    AND (:hidden OR order_id NOT IN (SELECT order_id FROM hidden_orders))
    AND (:marketplaces IS NULL OR marketplace_id IN (SELECT value FROM json_each(:marketplaces)))
    AND (:fulfilled_by IS NULL OR fulfilled_by IN (SELECT value FROM json_each(:fulfilled_by)))
    AND (:statuses IS NULL OR status IN (SELECT value FROM json_each(:statuses)))
    ORDER BY {moment}, order_id LIMIT :limit"""
)
_SEARCHES = {moment: _SEARCH.replace("{moment}", moment) for moment in ("updated_at", "created_at")}


@dataclass(frozen=True)
class Refusal:
    """A shipment confirmation that was refused."""

    order_id: str
    at: str
    status: int
    code: str
    message: str
    body: Any


class Database:
    """The tables. `folder` None keeps them in memory. To be used by one thread at a time."""

    connection: sqlite3.Connection
    """For tables that others keep in the same file (`records.py`)."""

    def __init__(self, folder: Path | None = None) -> None:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        file = ":memory:" if folder is None else str(folder / "sandbox.sqlite3")
        self.connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        # A change survives the death of this process, not a power cut: that is cheap, and enough for a sandbox.
        self.connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;" + _TABLES)

    def close(self) -> None:
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def token_key(self) -> bytes:
        """The key that signs tokens: made once."""
        row = self.connection.execute("SELECT key FROM token_key").fetchone()
        if row is None:
            row = (secrets.token_bytes(32),)
            self.connection.execute("INSERT INTO token_key VALUES (?)", row)
        return bytes(row[0])

    # --- accounts

    def save_account(self, account: Account) -> None:
        """Insert or replace; raises sqlite3.IntegrityError if another account has the refresh token."""
        self.connection.execute(
            "INSERT INTO accounts VALUES (?, ?, ?) ON CONFLICT (account) DO UPDATE"
            " SET refresh_token = excluded.refresh_token, content = excluded.content",
            (account.account, account.refresh_token, account.model_dump_json()),
        )

    def account(self, name: str) -> Account | None:
        return self._account("SELECT content FROM accounts WHERE account = ?", name)

    def accounts(self) -> Iterator[Account]:
        for row in self.connection.execute("SELECT content FROM accounts"):
            yield Account.model_validate_json(row[0])

    def account_of_token(self, refresh_token: str) -> Account | None:
        return self._account("SELECT content FROM accounts WHERE refresh_token = ?", refresh_token)

    def _account(self, query: str, value: str) -> Account | None:
        row = self.connection.execute(query, (value,)).fetchone()
        return Account.model_validate_json(row[0]) if row else None

    # --- orders

    def next_ordinal(self) -> int:
        """The number of the next order; numbers are never used twice."""
        row = self.connection.execute("SELECT coalesce(max(ordinal), 0) + 1 FROM orders").fetchone()
        return int(row[0])

    def add_orders(self, orders: Iterable[Order]) -> None:
        self.connection.executemany(
            _INSERT,
            (
                (order.order_id, order.account, order.marketplace_id, order.fulfilled_by, order.status,
                 to_record(order.created_at), to_record(order.placed_at), to_record(order.updated_at), _content(order))
                for order in orders
            ),
        )  # fmt: skip

    def save_order(self, order: Order) -> None:
        self.connection.execute(
            "UPDATE orders SET status = ?, updated_at = ?, content = ? WHERE order_id = ?",
            (order.status, to_record(order.updated_at), _content(order), order.order_id),
        )

    def order(self, order_id: str) -> Order | None:
        row = self.connection.execute(_COLUMNS + "WHERE order_id = ?", (order_id,)).fetchone()
        return _order(row) if row else None

    def orders(self) -> Iterator[Order]:
        """All orders, as they were placed."""
        for row in self.connection.execute(_COLUMNS + "ORDER BY ordinal"):
            yield _order(row)

    def hide_order(self, order_id: str) -> None:
        """From now on `select` leaves it out."""
        self.connection.execute("INSERT OR IGNORE INTO hidden_orders VALUES (?)", (order_id,))

    def show_order(self, order_id: str) -> None:
        self.connection.execute("DELETE FROM hidden_orders WHERE order_id = ?", (order_id,))

    def select(
        self,
        account: str,
        *,
        moment: str,
        after: datetime,
        before: datetime,
        visible_until: datetime,
        last: tuple[str, str] = ("", ""),
        marketplaces: list[str] | None = None,
        fulfilled_by: list[str] | None = None,
        statuses: list[str] | None = None,
        hidden: bool = False,
        limit: int = -1,
    ) -> Iterator[Order]:
        """Orders whose `moment` ("updated_at" or "created_at") lies in [after, before], in its order, after `last`.

        `last` is (moment, order id) of the order before the page. `hidden` takes in the hidden ones; a negative
        `limit` is none. They are read while they are taken: nothing may be written meanwhile.
        """
        parameters = {
            "account": account,
            "after": to_record(after),
            "before": to_record(before),
            "visible_until": to_record(visible_until),
            "last_moment": last[0],
            "last_order_id": last[1],
            "marketplaces": json.dumps(marketplaces) if marketplaces else None,
            "fulfilled_by": json.dumps(fulfilled_by) if fulfilled_by else None,
            "statuses": json.dumps(statuses) if statuses else None,
            "hidden": hidden,
            "limit": limit,
        }
        yield from map(_order, self.connection.execute(_SEARCHES[moment], parameters))

    # --- books

    def add_refusal(self, refusal: Refusal) -> None:
        self.connection.execute(
            "INSERT INTO refusals VALUES (?, ?, ?, ?, ?, ?)",
            (refusal.order_id, refusal.at, refusal.status, refusal.code, refusal.message, json.dumps(refusal.body)),
        )

    def refusals(self) -> Iterator[Refusal]:
        rows = self.connection.execute("SELECT * FROM refusals ORDER BY rowid")
        for order_id, at, status, code, message, body in rows:
            yield Refusal(order_id, at, status, code, message, json.loads(body))

    def count_call(self, operation: str, outcome: str) -> None:
        self.connection.execute(
            "INSERT INTO calls VALUES (?, ?, 1) ON CONFLICT (operation, outcome) DO UPDATE SET calls = calls + 1",
            (operation, outcome),
        )

    def calls(self) -> Iterator[tuple[str, str, int]]:
        """(operation, outcome, calls); the outcome is the HTTP status, or what became of the connection."""
        yield from self.connection.execute("SELECT operation, outcome, calls FROM calls ORDER BY operation, outcome")


def _content(order: Order) -> str:
    return json.dumps(
        {
            "facts": order.facts,
            "packages": {reference_id: vars(package) for reference_id, package in order.packages.items()},
            "cancellation": order.cancellation,
        }
    )


def _order(row: tuple[str, ...]) -> Order:
    order_id, account, marketplace_id, fulfilled_by, status, created_at, placed_at, updated_at, text = row
    content = json.loads(text)
    return Order(
        order_id=order_id,
        account=account,
        marketplace_id=marketplace_id,
        fulfilled_by=fulfilled_by,
        status=status,
        created_at=datetime.fromisoformat(created_at),
        placed_at=datetime.fromisoformat(placed_at),
        updated_at=datetime.fromisoformat(updated_at),
        facts=content["facts"],
        packages={reference_id: Package(**package) for reference_id, package in content["packages"].items()},
        cancellation=content["cancellation"],
    )
