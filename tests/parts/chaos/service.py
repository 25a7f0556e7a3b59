"""A service as a process of a test of chaos: `python -m tests.parts.chaos.service [ARGUMENT…] SERVICE`.

ORDERBRIDGE_TEST_CHAOS is JSON:

    apart    seconds by which this process's clock is wrong
    hurried  true: what waits for a crash to be over waits seconds, not minutes
    defect   the name of a planted defect (`defects.py`)

The sandbox's orders are full of canaries (`tests/parts/canaries.py`).
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from datetime import datetime, timedelta, tzinfo
from typing import Any
from unittest import mock

import tests.parts.kafka_python  # noqa: F401 - before the bus, which imports Kafka
from orderbridge.service import run_service
from tests.parts.canaries import Flock
from tests.parts.chaos.defects import DEFECTS

VARIABLE = "ORDERBRIDGE_TEST_CHAOS"
HURRIED: dict[str, dict[str, Any]] = {
    "services.importer.claim": {"LEASE": timedelta(seconds=6), "_SOON": timedelta(seconds=1)},
    "services.importer.report_run": {"_LOOK_AGAIN": timedelta(seconds=1), "_AFTER_BREAK": timedelta(seconds=1)},
    "services.importer.search_trouble": {"_AFTER_A_STRANGERS_ANSWER": timedelta(seconds=2)},
    "services.shipper.confirm": {"CLAIM": timedelta(seconds=30)},
    "orderbridge.amazon_calls": {"SEND_WITHIN": 5.0},
    "orderbridge.database.quotas": {"CLOSED_FOR": timedelta(seconds=3), "CLOSED_LONGEST": timedelta(seconds=3)},
}
"""The claim stays longer than a call can take: sent within 5 s, connected in 2 s, silent for 4 s at most."""
_TIMEOUT = (2, 4)


def set_apart(seconds: float) -> None:
    """The clock of this process is so much ahead, for good: for whoever asks `time`, and for the product's `datetime`.

    `time.monotonic` is as it was: no clock that is set moves it.
    """
    real_time, real_time_ns = time.time, time.time_ns

    class Apart(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # a plain one, as everybody has
            return datetime.now(tz) + timedelta(seconds=seconds)

    time.time = lambda: real_time() + seconds
    time.time_ns = lambda: real_time_ns() + int(seconds * 1_000_000_000)
    for module in ("orderbridge.clock", "orderbridge.bus.envelope"):
        put(module, "datetime", Apart)


def hurry(service: str) -> None:
    """Shorten what a service waits for after a crash, as far as it has it."""
    for module, values in HURRIED.items():
        if not module.startswith("services.") or module.split(".")[1] == service:
            for name, value in values.items():
                put(module, name, value)
    transport = importlib.import_module("orderbridge.amazon.transport")
    transport.Connection.__init__.__kwdefaults__["timeout"] = _TIMEOUT


def put(module: str, name: str, what: Any) -> None:
    """In the place of what is there, for good; a name that is not there is refused."""
    mock.patch.object(importlib.import_module(module), name, what).start()


def plant_canaries() -> None:
    """Every order that is placed has a canary in each personal field."""
    central: Any = importlib.import_module("sandbox.seller_central")
    flock, make = Flock(), central.make_order

    def make_with_canaries(*arguments: Any) -> Any:
        order = make(*arguments)
        flock.plant(order, order.updated_at)
        return order

    put("sandbox.seller_central", "make_order", make_with_canaries)


def main(*arguments: str) -> None:
    """Be what is asked for."""
    *options, service = arguments
    wishes = json.loads(os.environ.get(VARIABLE) or "{}")
    if service == "sandbox":
        plant_canaries()
    elif service != "storefront":
        if wishes.get("hurried"):
            hurry(service)
        if wishes.get("defect"):
            DEFECTS[wishes["defect"]](service)
        if wishes.get("apart"):
            set_apart(wishes["apart"])
    run_service(service, options)


if __name__ == "__main__":
    main(*sys.argv[1:])
