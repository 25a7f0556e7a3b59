"""The system in one process after a restore of its database (`tests/parts/in_process.py`)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from orderbridge.database.models import Base
from orderbridge.recovery.packages import Found
from schemas.failures import Original
from schemas.shipments import ShipmentConfirmed, ShipmentRejected
from services.shipper.recovery import Packages
from tests.parts.in_process import System


class Restored:
    """A dump of the system's database, and what the topics hold since."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.since = system.now
        self.said: list[Original] = []
        self._told = len(system.told)
        with system.database.unit_of_work() as work:
            self._rows = {
                table: [dict(row) for row in work.session.execute(select(table)).mappings()]
                for table in Base.metadata.sorted_tables
            }

    def store_says(self, **event: Any) -> None:
        """The store emits `order.shipped`, which is handled."""
        self.said.append(self.system.store_says(**event))
        self.system.run_until_idle()
        self.system.advance(1)

    def restore(self) -> None:
        """The database as it was dumped; all else has gone on."""
        told = self.system.told[self._told :]
        self.answers = [event for event in told if isinstance(event, ShipmentConfirmed | ShipmentRejected)]
        del self.system.told[self._told :]
        with self.system.database.unit_of_work() as work:
            for table, rows in self._rows.items():
                work.session.execute(delete(table))
                if rows:
                    work.session.execute(insert(table), rows)
        self.system.restart()

    def packages(self) -> Packages:
        """What `orderbridge recover` has from the shipper."""
        return Packages(self.system.settings, self.system.database, self.since)

    def read_packages(self, *, answers_are_on_the_topic: bool = True) -> list[Found]:
        """Amazon is asked about every order that may be ahead of the database."""
        packages = self.packages()
        return [packages.read(order, self.wait) for order in packages.orders(self.topics(answers_are_on_the_topic))]

    def topics(self, answers_are_there: bool = True) -> Iterable[Original]:
        """What is on the topics since the dump."""
        yield from self.said
        for number, answer in enumerate(self.answers if answers_are_there else []):
            yield Original(
                topic=answer.event_type,
                partition=0,
                offset=number,
                timestamp=self.system.now,
                key=None,
                value=answer.model_dump_json().encode(),
                headers=(),
            )

    def go_on(self, said: Iterable[Original] | None = None) -> None:
        """The services read again what they read before."""
        for original in self.said if said is None else said:
            self.system.redeliver(original)
        self.system.run_until_idle()
        self.system.advance(120)

    def wait(self, until: datetime) -> None:
        """Time passes, and nothing happens: the services stand."""
        self.system.clock.advance(max((until - self.system.now).total_seconds(), 0.1))
