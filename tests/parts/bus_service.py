"""A small shipper for the tests of the bus, run as a child process: each event says what its handler is to do.

`python -m tests.parts.bus_service '{"attempts": 3, ...}'` reads `order.shipped`; `shipping_method` is the order:

    raise             fails with a canary in the exception's text
    fail-until FILE   fails until the file is there
    fail-once FILE    fails once: FILE remembers it
    hang FILE         says so in FILE.begun, then blocks until FILE is there
    kill FILE         kills its own process with SIGKILL in the open transaction, once: FILE remembers it
    not-yet FILE      gives the event back for 200 ms until the file is there
    skip, reject      raises Skipped, Rejected
    database          a wrong statement, with the canary in the database's error
    together-kill FILE  as kill, among others in one transaction, with the option `together`
    together-fail     fails, with all others of its transaction; alone it does not
    anything else     nothing

Then it notes its effect, (order, package, its process) in the table `effects`, in the worker's own transaction.
With the option `together`, a file, events without an order share transactions; the file tells how many each took.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import text

from orderbridge.bus import faust_app
from orderbridge.bus.outcomes import NotYet, Rejected, Skipped
from orderbridge.bus.pipeline import RetryPolicy
from orderbridge.bus.worker import Worker
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.settings import load_settings
from orderbridge.telemetry import configure_logging
from schemas.shipments import OrderShipped

CANARY = "Canary-Bird-4711"
"""Stands for personal data: must be found in no dead letter's exception, no log and no metric."""
POLL_SECONDS = 0.01


def handle(event: OrderShipped, work: Work) -> None:
    """Do what the event says, then note its effect."""
    word, _, argument = (event.shipping_method or "").partition(" ")
    file = Path(argument)
    match word:
        case "raise":
            raise RuntimeError(f"the buyer is {CANARY}")
        case "fail-until" if not file.exists():
            raise RuntimeError(f"the buyer is {CANARY}")
        case "fail-once" if not file.exists():
            file.touch()
            raise RuntimeError(f"the buyer is {CANARY}")
        case "hang":
            file.with_name(file.name + ".begun").touch()
            while not file.exists():
                time.sleep(POLL_SECONDS)
        case "kill" if not file.exists():
            _note(event, work)
            file.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        case "not-yet" if not file.exists():
            raise NotYet(work.now + timedelta(milliseconds=200), "not yet")
        case "skip":
            raise Skipped("none of ours")
        case "reject":
            raise Rejected("not_wanted", "This event is not wanted.")
        case "database":
            work.session.execute(text("SELECT CAST(:value AS integer) / 0"), {"value": CANARY})
    _note(event, work)


def handle_together(events: Sequence[OrderShipped], work: Work, *, sizes: Path) -> list[bool]:
    """Note the effects of those that are told to do nothing."""
    taken = []
    for event in events:
        word, _, argument = (event.shipping_method or "").partition(" ")
        if word == "together-fail":
            raise RuntimeError(f"the buyer is {CANARY}")
        if word in ("", "together-kill"):
            _note(event, work)
        if word == "together-kill" and not Path(argument).exists():
            Path(argument).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        taken.append(word in ("", "together-kill"))
    with sizes.open("a") as file:
        file.write(f"{sum(taken)}\n")
    return taken


async def never_stop(_consumer: Any) -> None:
    """A consumer that waits for what never comes."""
    await asyncio.Event().wait()


async def stop_late(consumer: Any) -> None:
    """A consumer that stops, and commits, when its thread takes no more calls, as it may in a crash."""
    while consumer._thread._method_queue._workers:
        await asyncio.sleep(0)
    await super(type(consumer), consumer).on_stop()


def _note(event: OrderShipped, work: Work) -> None:
    work.session.execute(
        text("INSERT INTO effects (order_id, package, process) VALUES (:order_id, :package, :process)"),
        {"order_id": event.order_id, "package": event.package_key(), "process": os.getpid()},
    )


def main(options: dict[str, Any]) -> None:
    """Run the worker until SIGTERM."""
    settings = load_settings()
    configure_logging(settings, "shipper")
    if not options.get("commits", True):
        faust_app.COMMIT_SECONDS, faust_app.COMMIT_EVERY = 3600.0, 1_000_000
    faust_app.END_SECONDS = options.get("end_seconds", faust_app.END_SECONDS)
    if options.get("stop_hangs"):
        faust_app._Consumer.on_stop = never_stop  # type: ignore[method-assign,assignment]
    if options.get("stops_late"):
        faust_app._Consumer.on_stop = stop_late  # type: ignore[method-assign,assignment]
    retries = RetryPolicy(timedelta(milliseconds=200), 2.0, timedelta(seconds=2), options.get("attempts", 3))
    database = Database(settings.database_url)
    worker = Worker("shipper", settings, database, retries=retries, stuck_after=options.get("stuck_after", 90.0))
    together = options.get("together")
    shared = partial(handle_together, sizes=Path(together)) if together is not None else None
    worker.on(OrderShipped, handle, together=shared)
    worker.run()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {})
