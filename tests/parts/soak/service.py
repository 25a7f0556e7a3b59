"""A service as a process of a soak: `python -m tests.parts.soak.service SERVICE`.

ORDERBRIDGE_TEST_SOAK is the seconds after which the ticker takes rows away, instead of days: so the tables come to rest
within the run. But for the audit log, which a trigger of the database keeps for a year.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta

import tests.parts.kafka_python  # noqa: F401 - before the bus, which imports Kafka
from orderbridge.service import run_service
from tests.parts.chaos.service import put

VARIABLE = "ORDERBRIDGE_TEST_SOAK"
SHORTENED = (
    "PUBLISHED_FOR",
    "HANDLED_FOR",
    "ATTEMPTS_FOR",
    "FAILURES_FOR",
    "SLOTS_FOR",
    "RUNS_FOR",
    "SILENT_FOR",
    "CONSENT_REQUESTS_FOR",
    "MAILS_FOR",
    "SKIPPED_FOR",
    "UNKNOWN_FOR",
)
LONGER = ("HANDLED_FOR",)
"""By half, as the inbox outlives what it knows."""
PRUNINGS = 10
"""Within the time for which rows are kept."""


def shorten(seconds: float) -> None:
    """Keep rows for so long, in this process."""
    for name in SHORTENED:
        put("services.ticker.prune", name, timedelta(seconds=seconds * (1.5 if name in LONGER else 1)))
    put("services.ticker.app", "_PRUNE_EVERY", seconds / PRUNINGS)


if __name__ == "__main__":
    if sys.argv[1] == "ticker":
        shorten(float(os.environ[VARIABLE]))
    run_service(sys.argv[1], [])
