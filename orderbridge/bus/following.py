"""What an event's handling leaves for who looks on: its ids on each line of the log, and a span of its trace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import select

from orderbridge import tracing
from orderbridge.bus.envelope import Envelope
from orderbridge.database.models import OutboxRow
from orderbridge.database.unit_of_work import Work
from schemas.base import Event
from schemas.failures import Original

_PLAIN = re.compile(r"[A-Za-z0-9._:/@+-]{1,100}")
"""A store may call its events and orders anything: what looks like no id is not shown."""


@contextmanager
def followed(service: str, original: Original, envelope: Envelope, failures: int) -> Iterator[tracing.Doing]:
    """Each line logged in the block carries the event's id and topic; the block is a span where traces are sent."""
    event_id = envelope.event_id if _PLAIN.fullmatch(envelope.event_id) else original.place()
    structlog.contextvars.bind_contextvars(event_id=event_id, topic=original.topic)
    with tracing.doing(
        f"handle {original.topic}",
        "CONSUMER",
        {
            "messaging.system": "kafka",
            "messaging.destination.name": original.topic,
            "messaging.message.id": event_id,
            "messaging.consumer.group.name": f"orderbridge-{service}",
            "orderbridge.failures": failures,
        },
        parent=envelope.traceparent,
    ) as doing:
        if (traceparent := tracing.current_traceparent()) is not None:
            structlog.contextvars.bind_contextvars(trace_id=traceparent.split("-")[1])
        try:
            yield doing
        finally:
            structlog.contextvars.clear_contextvars()


def follow_the_order(event: Event, work: Work, envelope: Envelope) -> None:
    """The order's or the account's id goes on the lines, too, and on the span.

    A store's event that names no trace is linked to the one that brought the order in.
    """
    ids = {name.removesuffix("_id"): getattr(event, name, None) for name in ("order_id", "account_id")}
    known = {name: value for name, value in ids.items() if isinstance(value, str) and _PLAIN.fullmatch(value)}
    structlog.contextvars.bind_contextvars(**known)
    if not tracing.is_on():
        return
    here = tracing.here()
    here.tell(**known)
    if envelope.traceparent is None and (order_id := known.get("order")) is not None:
        first = select(OutboxRow.traceparent).where(OutboxRow.key == order_id, OutboxRow.traceparent.is_not(None))
        if (origin := work.session.scalar(first.order_by(OutboxRow.position).limit(1))) is not None:
            here.link(origin)
