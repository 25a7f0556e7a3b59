"""What a message of a queue comes to: Amazon says that an order changed, and the importer is asked to look.

Nothing depends on a message. The import by the hour reads the same change from Amazon's search, so that one which
comes twice, late, to the wrong place or never does no harm, and one that cannot be read may be thrown away.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final, Literal

import structlog
from sqlalchemy import select

from orderbridge.accounts import find_account
from orderbridge.amazon.order_changes import ForeignMessage, OrderChange, order_change_message
from orderbridge.database import inbox
from orderbridge.database.models import OrderRow, Subscription
from orderbridge.database.unit_of_work import Cause, Database, Work
from schemas.imports import ImportDue

log = structlog.get_logger()
Outcome = Literal["posted", "repeated", "known", "disabled", "not-wanted", "foreign", "unreadable"]

CONSUMER: Final = "listener"
SOURCE: Final = "amazon/ORDER_CHANGE"
COALESCE: Final = timedelta(seconds=2)
"""How long an order is left to settle: Amazon's messages of one change come in bursts, and one `getOrder` is enough.
Each puts off the one before, which at two seconds a message no order keeps up for long."""


def take(database: Database, body: str) -> Outcome:
    """Do what a message says, in one transaction; after that it may be deleted. No text of it is ever logged."""
    try:
        change = order_change_message(body)
    except ForeignMessage as error:
        log.warning("a message that is no ORDER_CHANGE", why=str(error))
        return "unreadable"
    if not all(map(str.isprintable, (change.notification_id, change.subscription_id, change.order_id))):
        return "unreadable"
    cause = Cause(change.notification_id, SOURCE, SOURCE, "", change.published_at)
    with database.unit_of_work(cause) as work:
        outcome = _take(work, change)
        # A repeated one has its row; of two processes with the same message the second one's name in the outbox
        # replaces the first one's.
        if outcome not in ("repeated", "foreign"):
            digest = hashlib.sha256(body.encode(errors="replace")).hexdigest()
            inbox.record(work, CONSUMER, digest, "handled" if outcome == "posted" else "skipped", outcome)
    if outcome == "foreign":
        log.warning("a message of a subscription that is not ours")
    return outcome


def _take(work: Work, change: OrderChange) -> Outcome:
    found = select(Subscription.account_id).where(Subscription.subscription_id == change.subscription_id)
    account_id = work.session.scalars(found).first()
    account = find_account(work, account_id) if account_id is not None else None
    if account is None or not account.connected:
        return "foreign"
    if inbox.look_up(work, CONSUMER, "") != "new":
        return "repeated"  # whatever its body: the order was looked at since
    if not account.settings.enabled:
        return "disabled"
    # To the second, as orders tell it: else what is here already always looked older than the message.
    changed_at = (change.changed_at or change.published_at).replace(microsecond=0)
    known = work.session.get(OrderRow, change.order_id)
    if known is not None and known.amazon_updated_at >= changed_at:
        return "known"
    if known is None and change.fulfillment_type == "AFN" and not account.settings.import_fba:
        return "not-wanted"  # half of a seller's messages may be such, and `getOrder` has a quota
    work.post(
        ImportDue(account_id=account.account_id, reason="changed", order_id=change.order_id, since=changed_at),
        at=work.now + COALESCE,
        name=f"order-change:{change.order_id}",
    )
    return "posted"
