"""Defects that a run must find: planted into a worker's process, never into the product."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable
from typing import Any
from unittest import mock


def acknowledged_before_commit(_service: str) -> None:
    """Each message is acknowledged when it is taken, not when its outcome is committed: a crash loses it."""
    lanes: Any = importlib.import_module("orderbridge.bus.lanes").Lanes
    put = lanes.put

    async def put_and_acknowledge(self: Any, key: bytes | None, message: Any) -> None:
        self._acknowledge(message)
        await put(self, key, message)

    mock.patch.object(lanes, "put", put_and_acknowledge).start()
    faust_app: Any = importlib.import_module("orderbridge.bus.faust_app")
    acknowledge = faust_app._acknowledge

    def acknowledge_once(event: Any) -> None:
        if not event.message.acked:
            acknowledge(event)

    mock.patch.object(faust_app, "_acknowledge", acknowledge_once).start()


def handled_again(_service: str) -> None:
    """Nobody looks into the inbox: a message that comes twice is handled twice."""
    inbox: Any = importlib.import_module("orderbridge.database.inbox")
    record = inbox.record

    def record_or_not(*arguments: Any, **more: Any) -> bool:
        record(*arguments, **more)
        return True

    mock.patch.object(inbox, "look_up", return_value="new").start()
    mock.patch.object(inbox, "record", record_or_not).start()


def another_package_id(_service: str) -> None:
    """Each attempt has a package id of its own at Amazon: what is tried again, or corrected, is a second package."""
    confirm: Any = importlib.import_module("services.shipper.confirm")
    make = confirm._make

    def make_anew(work: Any, calls: Any, row: Any, *more: Any, **asks: bool) -> None:
        row.reference_id = random.SystemRandom().randrange(1000, 1_000_000)
        make(work, calls, row, *more, **asks)

    mock.patch.object(confirm, "_make", make_anew).start()


DEFECTS: dict[str, Callable[[str], None]] = {
    defect.__name__: defect for defect in (acknowledged_before_commit, handled_again, another_package_id)
}
