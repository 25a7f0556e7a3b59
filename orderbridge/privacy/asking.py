"""The events by which importer and redactor are asked to look at personal data."""

from __future__ import annotations

from orderbridge.database.unit_of_work import Work
from schemas.privacy import RedactionDue, SealsDue


def look_at_seals(work: Work, account_id: str) -> str:
    """Have the importer look at all seals of the account, from the first on; returns the event's id.

    Whoever changes what decides about them asks anew: a look that is under way has perhaps come past an order.
    """
    return work.post(SealsDue(account_id=account_id), name=seals_name(account_id))


def seals_name(account_id: str) -> str:
    """The name of the account's look at its seals, in the outbox."""
    return f"seals:{account_id}"


def fetch_name(order_id: str) -> str:
    """The name under which an order whose key is lost is asked for again, in the outbox."""
    return f"reseal:{order_id}"


def redact_early(work: Work, order_id: str) -> None:
    """Have the redactor redact an order before its day. Whoever sees the key ring marks the order there first."""
    work.post(RedactionDue(order_id=order_id), name=f"redaction:{order_id}")
