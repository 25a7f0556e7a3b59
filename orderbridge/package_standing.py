"""How a package stands on its way to Amazon, read from its row: for those who warn and those who look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from orderbridge.database.models import PackageRow

Stand = Literal["confirmed", "refused", "paused", "buyer_asked_to_cancel", "unanswered", "failing", "held", "queued"]
"""`paused`, `buyer_asked_to_cancel`: held until somebody ends it; `unanswered`: a call was made and no answer has come;
`failing`: tried and to be tried again; `held`: until its ship date; `queued`: waits for its turn."""


@dataclass(frozen=True)
class Standing:
    """Where a package stands, and the moment that goes with it: confirmed then, held or tried again then."""

    stand: Stand
    at: datetime | None = None
    failures: int = 0


def standing(package: PackageRow, now: datetime) -> Standing:
    """Where the package stands now."""
    if package.state == "confirmed":
        return Standing("confirmed", package.confirmed_at)
    if package.state == "rejected":
        return Standing("refused")
    if package.state == "held":
        return Standing("buyer_asked_to_cancel" if package.held_for == "buyer_asked_to_cancel" else "paused")
    if package.unsure or (package.claimed_until is not None and package.claimed_until > now):
        return Standing("unanswered", package.hold_until, package.failures)
    if package.failures:
        return Standing("failing", package.hold_until, package.failures)
    return Standing("held", package.hold_until) if package.hold_until > now else Standing("queued")
