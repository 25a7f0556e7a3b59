"""What the type of a setting allows, whoever sets it."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field


def _prefix(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.#/-]{0,20}", text):
        raise ValueError("expected at most 20 letters, digits and . _ # / -")
    return text


Prefix = Annotated[str, AfterValidator(_prefix)]
Minutes = Annotated[int, Field(ge=1, le=60)]
IMPORT_EVERY: Final = (60, 30, 15, 5)
"""Minutes that a seller may choose; the type allows others, since a house on its own sandbox imports every minute."""
LATE_WARNING_HOURS: Final = (1, 72)
"""The least and the most that a seller may choose."""


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("expected an IANA time zone such as America/New_York")
    return name


TimeZone = Annotated[str, AfterValidator(_time_zone)]

Clock = Literal["placed", "shipped", "delivered"]
"""From when the days of personal data are counted (`orderbridge.privacy.clock`)."""
SendLogWhen = Literal["every_run", "when_something_happened", "daily"]
"""When the log of runs is mailed (`services/reporter`)."""
MOST_DAYS: Final = 30
"""Amazon's Data Protection Policy: "no longer than 30 days after order delivery"."""
Days = Annotated[int, Field(ge=1, le=MOST_DAYS)]
