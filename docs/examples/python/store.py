"""A small store in Python: orders in a table, one program for each way through the contract (docs/your-store.md).

    python store.py read                                        until Ctrl-C
    python store.py ship ORDER_ID PACKAGE_ID CARRIER TRACKING
    python store.py options ACCOUNT_ID
    python store.py open ORDER_ID PURPOSE

It is told by ORDERBRIDGE_KAFKA_BOOTSTRAP_SERVERS, ORDERBRIDGE_TOPIC_PREFIX, ORDERBRIDGE_API_URL, ORDERBRIDGE_API_TOKEN
and STORE_FILE, its database.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import uuid
from datetime import UTC, datetime

from orderbridge.store import NotOpened, NotSent, Store
from schemas.accounts import PaymentType, StatusOption, StoreOptions
from schemas.orders import Choice, OrderEvent
from schemas.shipments import OrderShipped, ShipmentConfirmed, ShipmentRejected

TABLES = """
CREATE TABLE IF NOT EXISTS orders (order_id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS shipments (
    event_id TEXT PRIMARY KEY, said_at TEXT NOT NULL, document TEXT NOT NULL, sent INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'waits', note TEXT NOT NULL DEFAULT ''
);
"""
UPSERT = """
INSERT INTO orders VALUES (?, ?, ?)
ON CONFLICT (order_id) DO UPDATE SET sequence = excluded.sequence, document = excluded.document
WHERE excluded.sequence > orders.sequence
"""


def read(store: Store, books: sqlite3.Connection) -> None:
    """Keep what the bridge says. An event counts as read when the loop comes back: commit before that."""
    for received in store.read():
        with books:
            match received.event:
                case OrderEvent() as order:
                    row = (order.order_id, order.sequence, order.model_dump_json(exclude_none=True))
                    kept = books.execute(UPSERT, row).rowcount
                    told = f"order {order.order_id} {order.amazon_status} {order.personal_data.state}"
                    print(told if kept else f"older {order.order_id}", flush=True)
                case ShipmentConfirmed() as answer:
                    settle(books, answer.caused_by, "confirmed", "")
                case ShipmentRejected() as answer:
                    settle(books, answer.caused_by, "rejected", f"{answer.message} {answer.what_to_do}")
                case other:
                    print(f"{other.event_type} {other.key()}", flush=True)


def settle(books: sqlite3.Connection, caused_by: str, state: str, note: str) -> None:
    """Mark the shipment that an answer is for.

    Rejected, sent again by a person, confirmed: which of the two is read first nobody knows, and confirmed stands.
    """
    answered = "UPDATE shipments SET state = ?, note = ? WHERE event_id = ? AND state <> 'confirmed'"
    books.execute(answered, (state, note, caused_by))
    print(f"{state} {caused_by} {note}".strip(), flush=True)


def ship(store: Store, books: sqlite3.Connection, order_id: str, package_id: str, carrier: str, number: str) -> None:
    """Write down that a package has left, then say so; whatever was not taken before is said again, with its own id."""
    event = OrderShipped(order_id=order_id, package_id=package_id, carrier=carrier, tracking_number=number)
    with books:
        row = (str(uuid.uuid4()), datetime.now(UTC).isoformat(), event.model_dump_json(exclude_none=True))
        books.execute("INSERT INTO shipments (event_id, said_at, document) VALUES (?, ?, ?)", row)
    unsent = "SELECT event_id, said_at, document FROM shipments WHERE NOT sent ORDER BY said_at"
    for event_id, said_at, document in books.execute(unsent).fetchall():
        said = OrderShipped.model_validate_json(document)
        store.shipped(said, event_id=event_id, time=datetime.fromisoformat(said_at))
        with books:  # beside `orderbridge up` send again, too, what has no answer after its restart: its broker forgets
            books.execute("UPDATE shipments SET sent = 1 WHERE event_id = ?", (event_id,))
        print(event_id)


def options(store: Store, account_id: str) -> None:
    """Say what the store offers, so that the settings page can map to it; again at each change."""
    store.publish_options(
        StoreOptions(
            account_id=account_id,
            statuses=(
                StatusOption(id="1", name="New", kind="new"),
                StatusOption(id="4", name="Shipped", kind="shipped"),
            ),
            payment_types=(PaymentType(id="14", name="Amazon", kind="online"),),
            shipping_methods=(Choice(id="3", name="Priority"),),
        )
    )


def open_order(store: Store, books: sqlite3.Connection, order_id: str, purpose: str) -> None:
    """Show the buyer of an order, and keep nothing of it."""
    row = books.execute("SELECT document FROM orders WHERE order_id = ?", (order_id,)).fetchone()
    if row is None:
        sys.exit(f"{order_id} is not in the books: `python store.py read` puts it there.")
    personal_data = OrderEvent.model_validate_json(row[0]).personal_data
    if personal_data.seal is None:
        print(personal_data.model_dump_json(exclude_none=True))  # placeholder: "Amazon Replaced", or "FBA Orders"
        return
    (opened,) = store.open_personal_data([(order_id, personal_data.seal)], purpose)  # type: ignore[arg-type]  # it checks it
    print(opened.model_dump_json(exclude_none=True))


def main(command: str, *arguments: str) -> None:
    """Do one of the four."""
    books = sqlite3.connect(os.environ.get("STORE_FILE", "store.sqlite"))
    books.executescript(TABLES)
    with Store.from_settings(group="my-store-python", name="my-store") as store:
        try:
            match command, arguments:
                case "read", ():
                    read(store, books)
                case "ship", (order_id, package_id, carrier, number):
                    ship(store, books, order_id, package_id, carrier, number)
                case "options", (account_id,):
                    options(store, account_id)
                case "open", (order_id, purpose):
                    open_order(store, books, order_id, purpose)
                case _:
                    sys.exit(__doc__)
        except NotSent as error:
            sys.exit(f"Kafka has not taken it: {error}. It is written down; the next `ship` sends it again.")
        except NotOpened as error:
            sys.exit(str(error))
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main(*sys.argv[1:] or ["help"])
