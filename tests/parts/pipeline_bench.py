"""A pipeline without Kafka, for tests: the handler is given, the clock moved by hand, the outbox read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

import tests.parts.kafka_python  # noqa: F401 - before the bus, which imports Kafka
from orderbridge.bus.pipeline import Pipeline, RetryPolicy
from orderbridge.bus.subscription import Subscription, Together
from orderbridge.database.models import OutboxRow
from orderbridge.database.unit_of_work import Database, Work
from schemas.failures import DeadLetter, GivenBack, Original
from schemas.shipments import OrderShipped

START = datetime(2026, 11, 23, 9, tzinfo=UTC)


class MovableClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment


class Bench:
    """A pipeline for `order.shipped` whose handler a test gives, and what it posted."""

    def __init__(self, database: Database, clock: MovableClock) -> None:
        self.database = database
        self.clock = clock
        self.handled: list[str] = []
        self.handler: Callable[[OrderShipped, Work], None] = lambda event, _: self.handled.append(event.order_id)
        self.together: Together = lambda events, _: [False] * len(events)
        self.pipeline = Pipeline(
            "shipper",
            database,
            [
                Subscription(
                    OrderShipped,
                    lambda event, work: self.handler(event, work),
                    together=lambda events, work: self.together(events, work),
                )
            ],
            retries=RetryPolicy(timedelta(seconds=5), 4.0, timedelta(hours=1), 3),
        )

    def posted(self) -> list[OutboxRow]:
        """What is in the outbox, in order."""
        with self.database.unit_of_work() as work:
            return list(work.session.scalars(select(OutboxRow).order_by(OutboxRow.position)))

    def dead_letters(self) -> list[DeadLetter]:
        """The dead letters posted."""
        rows = [row for row in self.posted() if row.topic == "shipper.dead-letter"]
        return [DeadLetter.model_validate_json(row.body) for row in rows]

    def retries(self) -> list[tuple[datetime, GivenBack]]:
        """The retries posted, each with its date."""
        rows = [row for row in self.posted() if row.topic == "shipper.retry"]
        return [(row.due_at, GivenBack.model_validate_json(row.body)) for row in rows]


def original(value: bytes | None, *, offset: int = 0, **others: Any) -> Original:
    """A message on order.shipped."""
    return Original.model_construct(
        topic=others.get("topic", "order.shipped"),
        partition=0,
        offset=offset,
        timestamp=others.get("timestamp", START),
        key=others.get("key", b"k"),
        value=value,
        headers=tuple(others.get("headers", ())),
    )
