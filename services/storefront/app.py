"""A small store, to look at and to copy from: it reads orders, shows them in queues, and ships them.

One thread reads events into the books, one sends what the books hold unsent, the web server does the rest.
"""

from __future__ import annotations

import logging
import signal
import socket
import sqlite3
import sys
import threading
from typing import Any

import uvicorn

from orderbridge.accounts.store_options import MANUAL_OFFER
from orderbridge.settings import Settings, load_settings
from orderbridge.store import NotSent, Store
from schemas.accounts import PaymentType, StoreOptions
from schemas.orders import Choice
from services.storefront.api import create_api
from services.storefront.books import Books
from services.storefront.buyers import Buyers

log = logging.getLogger(__name__)


def store_options(account_id: str) -> StoreOptions:
    """What this store offers, for one Amazon account."""
    return StoreOptions(
        account_id=account_id,
        statuses=MANUAL_OFFER.statuses,
        payment_types=(PaymentType(id="14", name="Amazon", kind="online"),),
        shipping_methods=(Choice(id="1", name="Ground"), Choice(id="3", name="Priority")),
    )


class Storefront:
    """The store's two threads."""

    def __init__(self, settings: Settings) -> None:
        self.books = Books(settings.storefront_database)
        self._store = Store.from_settings(settings, group="storefront", name="storefront")
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._troubles: dict[str, str | None] = {}
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read, self._send)]

    def start(self) -> None:
        """Begin to read and to send; first of all what was not answered when the store went down."""
        self.books.send_unanswered_again()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End both threads."""
        self._stopping.set()
        self._wake.set()
        self._store.close()
        for thread in self._threads:
            thread.join(timeout=1)

    def wake(self) -> None:
        """Have the sender look into the books at once."""
        self._wake.set()

    def health(self) -> dict[str, Any]:
        """Whether both threads are well, and how much waits to be sent."""
        troubles = [trouble for trouble in self._troubles.values() if trouble]
        return {"trouble": "; ".join(troubles) or None, "unsent": len(self.books.unsent())}

    def _read(self) -> None:
        while not self._stopping.is_set():
            try:
                for received in self._store.read():
                    self.books.keep(received)
                    self._troubles["reading"] = None
                    self.wake()
            except Exception as error:  # the event at hand was not counted as handled: it comes again
                self._failed("reading", error)
                self._stopping.wait(1)

    def _send(self) -> None:
        told: set[str] = set()
        while not self._stopping.is_set():
            try:
                for account_id in set(self.books.accounts()) - told:
                    self._store.publish_options(store_options(account_id))
                    told.add(account_id)
                self._troubles["sending"] = None
                for event_id, said_at, event in self.books.unsent():
                    try:
                        self._store.shipped(event, event_id=event_id, time=said_at)
                        self.books.mark_sent(event_id)
                    except NotSent as error:  # one that Kafka refuses holds up no other
                        self._failed("sending", error)
            except (NotSent, sqlite3.Error) as error:
                self._failed("sending", error)
            self._wake.wait(1)
            self._wake.clear()

    def _failed(self, what: str, error: Exception) -> None:
        self._troubles[what] = f"{what}: {type(error).__name__}"
        if not self._stopping.is_set():
            log.error("%s failed, trying again: %s", what, type(error).__name__)


def main() -> None:
    """Run the store until SIGTERM or SIGINT. Its first line on standard output says where it listens."""
    settings = load_settings()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    storefront = Storefront(settings)
    api = create_api(storefront.books, storefront.wake, storefront.health, Buyers(settings))
    server = uvicorn.Server(uvicorn.Config(api, log_config=None, access_log=False, timeout_graceful_shutdown=1))

    def stop(*_: object) -> None:
        server.should_exit = True

    # For the moments in which uvicorn's own handlers are not yet there, or no longer.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with socket.create_server(("127.0.0.1", settings.storefront_port)) as listening:
        print(f"storefront listening on http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        storefront.start()
        server.run(sockets=[listening])
    storefront.stop()


if __name__ == "__main__":
    main()
