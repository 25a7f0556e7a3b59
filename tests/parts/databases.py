"""Databases with today's tables, and what tests put into them and read from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from orderbridge.clock import Clock
from orderbridge.database.migrate import upgrade
from orderbridge.database.models import Account, Base, OrderRow, OutboxRow
from orderbridge.database.unit_of_work import Cause, Database
from schemas.base import Event
from schemas.orders import OrderAged


@contextmanager
def migrated(url: str, clock: Clock | None = None) -> Iterator[Database]:
    """The database at `url`, brought to today's tables, closed at the end."""
    database = Database(url, clock)
    try:
        upgrade(database.engine)
        yield database
    finally:
        database.close()


class Template:
    """An empty SQLite database with today's tables, to be copied: quicker than migrating one for each example."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "template.sqlite"
        with migrated(f"sqlite:///{self._file}"):
            pass

    def copy(self, folder: str) -> str:
        """The URL of a copy in `folder`."""
        path = Path(folder) / "orderbridge.sqlite"
        with closing(sqlite3.connect(self._file)) as source, closing(sqlite3.connect(path)) as copy:
            source.backup(copy)
        return f"sqlite:///{path}"


def empty(database: Database) -> None:
    """Delete every row: quicker than a new database for each test."""
    with database.unit_of_work() as work:
        for table in Base.metadata.tables.values():
            work.session.execute(table.delete())


def aged(order_id: str) -> OrderAged:
    """A small event about an order: its key is the order."""
    return OrderAged(account_id="main", order_id=order_id)


def cause(event_id: str, source: str = "store") -> Cause:
    """The event that a handler is working on."""
    return Cause(event_id, source, "order.shipped/0/1", "1", datetime(2026, 11, 24, tzinfo=UTC))


def post(database: Database, *events: Event, at: datetime | None = None, name: str | None = None) -> list[str]:
    """Post events, one transaction each. Returns their ids."""
    ids = []
    for event in events:
        with database.unit_of_work() as work:
            ids.append(work.post(event, at, name))
    return ids


def outbox(database: Database) -> list[OutboxRow]:
    """All rows of the outbox, in order."""
    with database.unit_of_work() as work:
        return list(work.session.scalars(select(OutboxRow).order_by(OutboxRow.position)))


def unpublished(database: Database) -> int:
    """How many rows wait."""
    with database.unit_of_work() as work:
        query = select(func.count()).select_from(OutboxRow).where(OutboxRow.published_at.is_(None))
        return work.session.execute(query).scalar_one()


def add_order(database: Database, order_id: str, sequence: int = 0) -> None:
    """An order's row with nothing of interest in it."""
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    with database.unit_of_work() as work:
        work.session.add(
            OrderRow(
                order_id=order_id,
                account_id="main",
                order_number=order_id,
                amazon_status="unshipped",
                fulfilled_by="merchant",
                placed_at=moment,
                amazon_updated_at=moment,
                sequence=sequence,
                document="{}",
            )
        )


def add_account(database: Database, account_id: str, refresh_token: str, url: str, settings: str = "{}") -> None:
    """A connected account's row, as nobody has tried it at Amazon; its refresh token is sealed already."""
    with database.unit_of_work() as work:
        work.session.add(
            Account(
                account_id=account_id,
                marketplace_ids='["ATVPDKIKX0DER"]',
                refresh_token=refresh_token,
                api_url=url,
                login_url=f"{url}/auth/o2/token",
                connected_at=work.now,
                settings=settings,
            )
        )
