"""What a service does with one type of event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from orderbridge.bus.outcomes import Rejected
from orderbridge.database.unit_of_work import Work
from schemas.base import Event

Handler = Callable[[Any, Work], None]
Together = Callable[[Sequence[Any], Work], Sequence[bool]]
"""Handles in one transaction those of many events that are in order; says of each whether it did."""
AnswerRejected = Callable[[dict[str, Any], Rejected, Work], bool]
"""Answers the sender of a bad event from its raw body; False if nothing in it says whom to answer."""


@dataclass(frozen=True)
class Subscription:
    """An event type, its handler, and who answers the sender of a bad one."""

    event: type[Event]
    handler: Handler
    answer_rejected: AnswerRejected | None = None
    of_a_key: int = 1
    """So many events of one key may be handled at once."""
    together: Together | None = None
    """Handles events that wait at once. Those that it leaves, or fails on, are handled each by itself."""
