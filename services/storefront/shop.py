"""A small store, to look at and to copy from: it reads orders, keeps them in its books, and says what it ships.

One thread reads events into the books, one sends what the books hold unsent.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import uuid
from collections.abc import Mapping
from typing import Any

from orderbridge.store import NotSent, Settings, Store
from schemas.accounts import PaymentType, StatusOption, StoreOptions
from schemas.orders import Choice
from schemas.shipments import OrderShipped
from services.storefront.books import Books
from services.storefront.orders import QUEUES, Order

log = logging.getLogger(__name__)


def store_options(account_id: str) -> StoreOptions:
    """What this store offers, for one Amazon account."""
    queues = ({"id": number, "name": name, "kind": name.lower()} for name, number in QUEUES.items())
    return StoreOptions(
        account_id=account_id,
        statuses=tuple(map(StatusOption.model_validate, queues)),
        payment_types=(PaymentType(id="14", name="Amazon", kind="online"),),
        shipping_methods=(Choice(id="1", name="Ground"), Choice(id="3", name="Priority")),
    )


class Shop:
    """The books, and the two threads that join them to the bridge."""

    def __init__(self, settings: Settings) -> None:
        self.books = Books(settings.storefront_database)
        self.store = Store.from_settings(settings, group="storefront", name="storefront", open_seconds=2)
        self.console = settings.public_url.rstrip("/")
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._troubles: dict[str, str | None] = {}
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read, self._send)]

    def start(self) -> None:
        """Begin to read and to send; first of all what had no answer when the store went down."""
        for shipment in self.books.shipments():
            if shipment.said is not None and not shipment.told:  # the broker may have forgotten it
                self.books.mark(shipment, sent=False)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End both threads."""
        self._stopping.set()
        self._wake.set()
        self.store.close()
        for thread in self._threads:
            thread.join(timeout=1)

    def health(self) -> dict[str, Any]:
        """Whether both threads are well, and how much waits to be sent."""
        troubles = [trouble for trouble in self._troubles.values() if trouble]
        return {"trouble": "; ".join(troubles) or None, "unsent": len(self.books.unsent())}

    def ship(self, order: Order, said: Mapping[str, Any], *, new: bool = False) -> str:
        """Have a package (a `new` one, or any) sent to the bridge; returns its event's id. Raises ValueError."""
        event = OrderShipped.model_validate({**said, "order_id": order.order_id, "account_id": order.event.account_id})
        event_id = str(uuid.uuid4())
        self.books.ship(event_id, event, new=new)
        self._wake.set()
        return event_id

    def _read(self) -> None:
        while not self._stopping.is_set():
            try:
                for received in self.store.read():
                    self.books.keep(received)
                    self._troubles["reading"] = None
                    self._wake.set()
            except Exception as error:  # the event at hand was not counted as handled: it comes again
                self._failed("reading", error)
                self._stopping.wait(1)

    def _send(self) -> None:
        told: set[str] = set()
        while not self._stopping.is_set():
            try:
                for account_id in set(self.books.accounts()) - told:
                    try:
                        self.store.publish_options(store_options(account_id))
                        told.add(account_id)
                        self._troubles["offering"] = None
                    except NotSent as error:  # no shipment waits for it
                        self._failed("offering", error)
                self._troubles["sending"] = None
                for shipment, event in self.books.unsent():
                    try:
                        self.store.shipped(event, event_id=shipment.event_id, time=shipment.said_at)
                        self.books.mark(shipment, sent=True)
                    except NotSent as error:  # one that Kafka refuses holds up no other
                        self._failed("sending", error)
            except sqlite3.Error as error:
                self._failed("sending", error)
            self._wake.wait(1)
            self._wake.clear()

    def _failed(self, what: str, error: Exception) -> None:
        self._troubles[what] = f"{what}: {type(error).__name__}"
        if not self._stopping.is_set():
            log.error("%s failed, trying again: %s", what, type(error).__name__)
