"""Where an event stands among its like: what handlers know of the message that caused them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orderbridge.bus.envelope import Envelope, identity
from orderbridge.database.unit_of_work import Cause
from schemas.failures import Original

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CLOCKS = timedelta(minutes=10)
"""A sender's clock may be so far ahead of ours."""


def cause_of(original: Original, envelope: Envelope | None, failures: int, now: datetime) -> Cause:
    """Where the event stands among its like: the sender's time, else Kafka's, then its place on the topic.

    A time far ahead of ours is not believed: it would count as newer than every correction until then. Nor is one
    before 1970, with which nobody could reckon. Ours is that of the first sighting: by a later one an event that was
    given back would overtake its correction.
    """
    told = original.mended_at or (envelope.time if envelope else None) or original.timestamp
    said_at = max(min(told, (original.seen_at or now) + CLOCKS), EPOCH)
    source, event_id = identity(original, envelope)
    return Cause(
        event_id=event_id,
        source=source,
        place=original.place(),
        rank=f"{int(said_at.timestamp() * 1_000_000):020d}/{original.partition:06d}/{original.offset:020d}",
        first_seen=original.timestamp,
        failures=failures,
    )
