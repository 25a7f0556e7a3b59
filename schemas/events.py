"""All events, by the type that names them on the wire."""

from __future__ import annotations

import schemas.accounts
import schemas.failures
import schemas.imports
import schemas.mails
import schemas.orders
import schemas.privacy
import schemas.replays
import schemas.shipments  # noqa: F401  (imported for the events they define)
from schemas.base import Event, subclasses
from schemas.failures import DeadLetter, GivenBack

WORKERS = ("importer", "shipper", "redactor", "reporter")
"""The services that read events with a worker: each has a retry and a dead-letter topic of its own."""

# Sorted: the order of subclasses is that in which somebody imported their modules.
EVENTS: dict[str, type[Event]] = dict(sorted((event.event_type, event) for event in subclasses(Event)))


def event_class(event_type: str) -> type[Event] | None:
    """The model for a CloudEvents `type`, or None if this version does not know it."""
    for own in (GivenBack, DeadLetter):
        suffix = own.event_type.removeprefix("{service}")
        if event_type.removesuffix(suffix) in WORKERS and event_type.endswith(suffix):
            return own
    return EVENTS.get(event_type)


def all_topics() -> dict[str, type[Event]]:
    """Every topic of the system (without prefix) and the event it carries."""
    topics = {name: event for name, event in EVENTS.items() if not name.startswith("{service}")}
    for worker in WORKERS:
        for own in (GivenBack, DeadLetter):
            topics[own.event_type.format(service=worker)] = own
    return topics
