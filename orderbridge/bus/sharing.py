"""Events of several keys in one transaction, where their handler can: most of an event's cost is its transaction.

Only what is in order is done here: an event that can be read, is new, and that the handler takes. All others, and all
of a batch in which anything goes wrong, are handled each by itself by the pipeline, which knows what to do about it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog

from orderbridge import tracing
from orderbridge.bus.envelope import digest, identity, open_envelope, validate
from orderbridge.bus.outcomes import Rejected
from orderbridge.bus.subscription import Subscription, Together
from orderbridge.database import inbox
from orderbridge.database.unit_of_work import Database
from orderbridge.telemetry import EVENT_SECONDS, EVENTS, describe
from schemas.base import Event
from schemas.failures import Original

log = structlog.get_logger()
Message = tuple[inbox.Identity, str, Event]
"""How the inbox knows it, its digest, and what it says."""


class _SomeAreKnown(Exception):
    """Another process has committed one of them meanwhile: the effect of all is rolled back."""


def handle_together(
    service: str, database: Database, subscription: Subscription | None, originals: Sequence[Original]
) -> list[bool]:
    """Handle messages of one topic in one transaction; says of each whether it is done.

    Where traces are sent each is handled by itself: what a transaction for many posts belongs to no one's trace.
    """
    if subscription is None or subscription.together is None or tracing.is_on():
        return [False] * len(originals)
    started = time.perf_counter()
    read = [_read(original, subscription) for original in originals]
    messages: dict[inbox.Identity, Message] = {}
    for message in read:
        if message is not None:  # of those that have the same id the first; the inbox tells what the others are
            messages.setdefault(message[0], message)
    try:
        done = _handle(service, database, subscription.together, list(messages.values()))
    except Exception as error:
        log.warning("handled each by itself", events=len(messages), exception=describe(error))
        return [False] * len(originals)
    taken = [message is not None and message is messages[message[0]] and message[0] in done for message in read]
    seconds = time.perf_counter() - started
    for _ in done:
        EVENTS.labels(service, subscription.event.event_type, "handled").inc()
        EVENT_SECONDS.labels(service, subscription.event.event_type).observe(seconds)
    return taken


def _read(original: Original, subscription: Subscription) -> Message | None:
    try:
        envelope = open_envelope(original)
        if envelope.type not in (None, subscription.event.event_type):
            return None
        event = validate(subscription.event, envelope.body)
    except Rejected:
        return None
    return identity(original, envelope), digest(original), event


def _handle(service: str, database: Database, together: Together, messages: list[Message]) -> set[inbox.Identity]:
    with database.unit_of_work() as work:
        known = inbox.known(work, service, [message[0] for message in messages])
        new = [message for message in messages if message[0] not in known]
        if not new:
            return set()
        took = together([event for _, _, event in new], work)
        done = {identity: body for (identity, body, _), taken in zip(new, took, strict=True) if taken}
        if inbox.record_handled(work, service, done) < len(done):
            raise _SomeAreKnown
    return set(done)
