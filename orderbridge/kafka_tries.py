"""Of the Kafka clients' lines in a log: an outage shows, and does not push everything else out of it."""

from __future__ import annotations

import logging
from typing import Final

PASSING: Final = (
    "Group Coordinator Request failed",
    "Marking the coordinator dead",
    "Heartbeat failed for group %s because it is rebalancing",
    "No node available for metadata refresh",
)
"""How the Kafka clients' lines begin that each start and added copy brings: tries, repeated by themselves."""

_MINUTE: Final = 60.0


class KafkaTries(logging.Filter):
    """What the Kafka clients log at each try, several a second while Kafka is away, is told once a minute.

    The rule: a warning or error is for somebody. So a line of `PASSING` is told only if it has come again and again for
    a minute, when it is no start any more; every other line at once. Both then once a minute from each place in the
    code, as long as it lasts: an outage shows, and does not push everything else out of the log.
    """

    def __init__(self) -> None:
        """One for each handler."""
        super().__init__()
        self._since: dict[tuple[str, int], tuple[float, float]] = {}
        self._told: dict[tuple[str, int], float] = {}

    @classmethod
    def on_standard_error(cls) -> logging.Handler:
        """A handler for `logging.basicConfig` that writes what such a filter lets through."""
        handler = logging.StreamHandler()
        handler.addFilter(cls())
        return handler

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is told."""
        if record.name.partition(".")[0] not in {"aiokafka", "kafka"}:
            return True
        if record.name == "kafka.net.selector" and record.levelno < logging.ERROR:
            return False  # it warns of each 0.1 s that a busy machine took
        place, now = (record.pathname, record.lineno), record.created
        first, last = self._since.get(place, (now, now))
        first = first if now - last < _MINUTE else now
        self._since[place] = (first, now)
        if str(record.msg).startswith(PASSING) and now - first < _MINUTE:
            return False
        if now - self._told.get(place, -_MINUTE) < _MINUTE:
            return False
        self._told[place] = now
        return True
