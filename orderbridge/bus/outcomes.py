"""What a handler may say instead of doing its work. The three classes of failure are never mixed:

- the input is wrong: `Rejected`, answered to the store if an order can be read from it, else a dead letter;
- not now: `NotYet`, given back and tried again at its date; any other exception is a bug of the handler, given back
  with backoff and counted against the worker;
- our own database or broker fails: nobody says so, the event waits in place.
"""

from __future__ import annotations

from datetime import datetime


class Rejected(Exception):
    """The input is wrong. `reason` is a stable code, `message` and `what_to_do` are for people."""

    def __init__(self, reason: str, message: str, what_to_do: str = "Correct the event and send it again.") -> None:
        super().__init__(reason)
        self.reason = reason
        self.message = message
        self.what_to_do = what_to_do


class NotYet(Exception):
    """Give the event back until a moment: Amazon is unwell, another is at work on it, something must come first."""

    def __init__(self, until: datetime, why: str) -> None:
        super().__init__(why)
        self.until = until
        self.why = why


class Skipped(Exception):
    """The event is none of our business: counted, never a dead letter."""
