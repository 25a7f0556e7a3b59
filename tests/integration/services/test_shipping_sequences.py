"""Any sequence of shipped, corrected, repeated, cancelled and updated, in any order, through faults and crashes.

A simple model says what Amazon's books must show in the end: each package once, as its newest event said.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orderbridge.accounts.change_settings import change_settings
from orderbridge.amazon import confirm_shipment
from sandbox.errors import Impossible
from sandbox.orders import Order
from schemas.failures import Original
from schemas.imports import ImportDue
from schemas.shipments import ShipmentConfirmed, ShipmentRejected
from services.shipper import confirm
from tests.parts import databases
from tests.parts.hand_clock import START
from tests.parts.in_process import ACCOUNT, Killed, System
from tests.parts.sandbox_server import SandboxServer

# Each package has a SKU of its own, so that no order of events can make one package steal another's goods.
PACKAGES = {"P1": "MUG-BLUE", "P2": "TEAPOT-1L", "P3": "LAMP-DESK"}
LINES = [{"sku": sku, "quantity": 3} for sku in PACKAGES.values()]
KINDS = ("429", "503", "timeout", "truncated", "drop_before_effect", "drop_after_effect")


@dataclass(frozen=True)
class Say:
    """The store says what is in a package; `at` is its own time, by which the newest is found."""

    package_id: str
    at: int
    quantity: int
    carrier: str
    ship_date: str | None


@dataclass(frozen=True)
class Again:
    """An earlier message is read again."""

    which: int


@dataclass(frozen=True)
class Fault:
    """The next call of this operation fails."""

    operation: str
    kind: str


@dataclass(frozen=True)
class Crash:
    """The process dies in its next call, before or after it took effect."""

    after_effect: bool


@dataclass(frozen=True)
class Wait:
    """Time passes."""

    seconds: int


@dataclass(frozen=True)
class Cancel:
    """The order is cancelled at Amazon, unless something of it has been shipped."""


@dataclass(frozen=True)
class Wish:
    """The buyer asks to cancel."""


@dataclass(frozen=True)
class Import:
    """The order's news is imported."""


@dataclass(frozen=True)
class News:
    """Amazon notifies, and the order is read at once: what a call did is told before its own outcome is."""


@dataclass(frozen=True)
class Pause:
    """Confirming shipments is paused, or goes on."""

    on: bool


Step = Say | Again | Fault | Crash | Wait | Cancel | Wish | Import | News | Pause

STEPS = st.lists(
    st.one_of(
        st.builds(
            Say,
            st.sampled_from(sorted(PACKAGES)),
            st.integers(0, 10_000),
            st.integers(1, 3),
            st.sampled_from(["ups", "fedex", "Bike Courier"]),
            st.sampled_from([None, None, "2026-11-24", "2026-11-25"]),
        ),
        st.builds(Again, st.integers(0, 20)),
        st.builds(Fault, st.sampled_from(["confirmShipment", "confirmShipment", "getOrder", "login"]),
                  st.sampled_from(KINDS)),
        st.builds(Crash, st.booleans()),
        st.builds(Wait, st.sampled_from([1, 61, 400])),
        st.sampled_from([Cancel(), Wish(), Import(), News(), News()]),
        st.builds(Pause, st.booleans()),
    ),
    max_size=12,
)  # fmt: skip


FIRST = Say("P1", at=1, quantity=3, carrier="ups", ship_date=None)


class Play:
    """Plays the steps, and keeps the model's books: per package the newest thing said."""

    def __init__(self, system: System) -> None:
        self.system = system
        (self.order_id,) = system.imported(lines=LINES, programs=[])
        self.said: list[Original] = []
        self.newest: dict[str, tuple[tuple[int, int], Say, str]] = {}
        self.cancelled = False

    def step(self, step: Step) -> None:
        system = self.system
        match step:
            case Say():
                number = len(self.said)
                tracking = f"T{number}"
                message = system.store_says(
                    event_id=f"e-{number}",
                    time=START - timedelta(seconds=10_000 - step.at),
                    order_id=self.order_id,
                    package_id=step.package_id,
                    carrier=step.carrier,
                    tracking_number=tracking,
                    ship_date=step.ship_date,
                    lines=[{"sku": PACKAGES[step.package_id], "quantity": step.quantity}],
                )
                rank = (step.at, number)
                if step.package_id not in self.newest or rank > self.newest[step.package_id][0]:
                    self.newest[step.package_id] = (rank, step, tracking)
                self.said.append(message)
            case Again() if self.said:
                system.redeliver(self.said[step.which % len(self.said)])
            case Fault():
                system.fault(step.operation, step.kind)
            case Crash():
                self.crash(after_effect=step.after_effect)
            case Wait():
                system.advance(step.seconds)
            case Cancel():
                self.at_amazon(lambda order, now: order.cancel("BUYER", "NO_LONGER_NEEDED", now))
                self.cancelled = system.amazon.books()["orders"][self.order_id]["status"] == "CANCELLED"
            case Wish():
                self.at_amazon(lambda order, now: order.request_cancel("NO_LONGER_NEEDED", now))
            case Import():
                system.advance(180)
                system.import_now()
            case News():
                with system.database.unit_of_work() as work:
                    work.post(ImportDue(account_id=ACCOUNT, reason="changed", order_id=self.order_id, since=system.now))
            case Pause():
                self.pause(on=step.on)
        system.run_until_idle()

    def at_amazon(self, change: Callable[[Order, datetime], None]) -> None:
        with suppress(Impossible):
            self.system.amazon.change_order(self.order_id, change)

    def pause(self, *, on: bool) -> None:
        with self.system.database.unit_of_work() as work:
            change_settings(work, "main", {"confirm_shipments": not on})

    def crash(self, *, after_effect: bool) -> None:
        whole = confirm_shipment

        def die(*arguments: Any) -> None:
            if after_effect:
                whole(*arguments)
            raise Killed

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(confirm, "confirm_shipment", die)
            for message in self.said[-1:]:  # the newest package is touched once more, if it has not been sent
                self.system.redeliver(message)
            try:
                self.system.advance(5)
            except Killed:
                self.system.restart()

    def check(self) -> None:
        system = self.system
        self.pause(on=False)
        system.advance(3 * 86_400)
        packages = list(system.packages(self.order_id).values())
        found = {}
        for package in packages:
            (item,) = package["content"]["orderItems"]
            content = package["content"]
            found[content["trackingNumber"]] = (content["carrierName"], item["quantity"])
        carriers = {"ups": "UPS", "fedex": "FedEx", "Bike Courier": "Bike Courier"}
        expected = {tracking: (carriers[step.carrier], step.quantity) for _, step, tracking in self.newest.values()}
        confirmed = [event.tracking_number for event in system.events(ShipmentConfirmed)]
        rejected = system.events(ShipmentRejected)
        if self.cancelled:
            assert not packages
            assert not confirmed
            assert {event.reason for event in rejected} <= {"superseded", "order_cancelled", "amazon_refused"}
        else:
            assert len(packages) <= len(expected), "a package was doubled"
            assert found == expected
            assert len(packages) == len(expected)
            assert set(expected) <= set(confirmed)
            assert {event.reason for event in rejected} <= {"superseded"}
        answered = [event.caused_by for event in (*system.events(ShipmentConfirmed), *rejected)]
        assert sorted(answered) == sorted(f"e-{number}" for number in range(len(self.said)))  # each once


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with today's tables, to be copied."""
    path = tmp_path_factory.mktemp("template") / "orderbridge.sqlite"
    with databases.migrated(f"sqlite:///{path}"):
        pass
    return path


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
@example([Fault("confirmShipment", "drop_after_effect"), FIRST, News(), replace(FIRST, at=2)])
def test_the_books_end_as_the_model_says(migrated: Path, sandbox: SandboxServer, steps: list[Step]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "orderbridge.sqlite"
        with closing(sqlite3.connect(migrated)) as source, closing(sqlite3.connect(path)) as copy:
            source.backup(copy)
        with closing(System(f"sqlite:///{path}", Path(folder), sandbox)) as system:
            play = Play(system)
            for step in steps:
                play.step(step)
            play.check()
