"""What becomes of a package after a call to Amazon, in a transaction of its own, if our claim on it still stands."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from sqlalchemy import select

from orderbridge.accounts.attentions import (
    SHIPMENT_ROLE_MISSING,
    SHIPMENTS_UNRECOGNISED,
    end_attention,
    raise_attention,
)
from orderbridge.amazon import AccessDenied, ConsentRevoked, LoginRefused, OrderPackage, Refused, refuses_ship_date
from orderbridge.amazon_calls import CallFailed
from orderbridge.database.models import PackageRow
from orderbridge.database.unit_of_work import Work
from orderbridge.shipment_slots import plan_slot
from services.shipper import answers
from services.shipper.amazons_words import as_refusal
from services.shipper.content import Content, ContentLine, as_text, content_of
from services.shipper.planning import look_again, name_of

_LONGEST_BACKOFF = timedelta(minutes=15)
_MINUTE = timedelta(minutes=1)
_MOST_WAITS = 5
"""For another package of the same order."""


def confirmed(work: Work, row: PackageRow, claim: str, content: Content, ship_date: datetime) -> None:
    """Amazon took the content that was sent under the claim."""
    current = _locked(work, row, claim)
    if current is None:
        return  # the claim ran out, and another has taken over: it asks Amazon itself
    _release(current)
    current.unsure = False
    current.confirmed_at = work.now
    newest = content_of(current.content).with_taken(content.lines)
    end_attention(work, row.account_id, SHIPMENT_ROLE_MISSING, SHIPMENTS_UNRECOGNISED)
    if current.revision == _revision(claim):
        current.content = as_text(newest)
        answers.confirmed(work, current, newest, ship_date)
        current.state = "confirmed"
        work.withdraw(name_of(row))
        return
    # Corrected while the call was under way: the newest is sent last, on its own ship date.
    current.content = as_text(newest.changed(superseded=()))
    answers.confirmed(work, current, content, ship_date, newest.superseded)
    _go_on(work, current)


def answered(
    work: Work,
    row: PackageRow,
    claim: str,
    content: Content,
    known: OrderPackage | None,
    ship_date: datetime,
    *,
    same: bool,
) -> None:
    """Amazon was asked what it has: `known`, which is the `same` as we would tell it or not."""
    if same:
        confirmed(work, row, claim, content, ship_date)
        return
    current = _locked(work, row, claim)
    if current is None:
        return
    _release(current)
    current.unsure = False
    newest = content_of(current.content)
    if known is not None:  # an earlier revision: its lines are not free, whatever becomes of this one
        theirs = tuple(ContentLine(item.order_item_id, item.quantity) for item in known.package_items)
        current.content = as_text(newest.with_taken(theirs))
    else:
        current.content = as_text(newest.changed(maybe_taken=True))
    _go_on(work, current)


def failed(work: Work, row: PackageRow, claim: str, content: Content, failure: CallFailed, *, asked: bool) -> None:
    """Amazon gave no usable answer, or refused."""
    current = _locked(work, row, claim)
    if current is None:
        return
    _release(current)
    error = failure.error
    newest = content_of(current.content)
    refused = isinstance(error, Refused) and error.code is not None
    # A question that was not answered leaves us as unsure as before; one that is refused is not asked again.
    current.unsure = not refused if asked else error.outcome_unknown
    if refused:
        newest = newest.changed(maybe_taken=asked or newest.maybe_taken)
        current.content = as_text(newest)
    if isinstance(error, ConsentRevoked | LoginRefused):
        # Nothing of the package's: it stays ready, and waits for the account's next slot with all the others.
        work.withdraw(name_of(row))
        plan_slot(work, row.account_id, failure.retry_at)
        return
    if refused and not asked:
        if isinstance(error, AccessDenied):
            raise_attention(
                work,
                row.account_id,
                SHIPMENT_ROLE_MISSING,
                f"Amazon refuses this account's shipments: {error.message}",
                "Give the application the role Inventory and Order Tracking in Seller Central, authorise it again, "
                f"connect the account, then `orderbridge shipments retry --account {row.account_id}`.",
            )
        if current.revision != _revision(claim):
            current.content = as_text(newest.changed(superseded=()))
            answers.superseded(work, current, content, newest.superseded)
            _go_on(work, current)
        elif refuses_ship_date(error) and error.server_date is not None and newest.ship_date_at_most is None:
            current.content = as_text(newest.changed(ship_date_at_most=error.server_date - _MINUTE))
            _go_on(work, current)  # once, by Amazon's own clock
        elif not isinstance(error, AccessDenied) and (at := _another_gives_units_back(work, current, newest)):
            current.hold_until = max(current.hold_until, at)
            newest = newest.changed(waits=newest.waits + 1)
            current.content = as_text(newest)
            _try_again(work, current, newest, failure)
        else:
            work.withdraw(name_of(row))
            answers.refused(work, current, newest, as_refusal(error, row.order_id))
        return
    _try_again(work, current, newest, failure)


def _another_gives_units_back(work: Work, row: PackageRow, content: Content) -> datetime | None:
    """When to try again, if another package of the order may hold units of this one's until Amazon is told of it.

    It waits to be told with fewer of them, or nobody knows what Amazon has of it. Soon, and a few times: else the store
    would not hear for days that this one was refused.
    """
    if content.waits >= _MOST_WAITS:
        return None
    items = {line.order_item_id for line in content.lines}
    others = select(PackageRow).where(
        PackageRow.order_id == row.order_id,
        PackageRow.package_key != row.package_key,
        PackageRow.state.in_(("waiting", "held")),
    )
    for one in work.session.scalars(others.execution_options(populate_existing=True)):  # as they are after the call
        other, at = content_of(one.content), max(one.hold_until, one.claimed_until or one.hold_until)
        said = {line.order_item_id: line.quantity for line in other.lines}
        fewer = any(
            line.quantity > said.get(line.order_item_id, 0) for line in other.taken if line.order_item_id in items
        )
        if (fewer or one.unsure or other.maybe_taken) and at <= work.now + _LONGEST_BACKOFF:
            return at
    return None


def _try_again(work: Work, row: PackageRow, content: Content, failure: CallFailed) -> None:
    row.failures += 1
    backoff = min(timedelta(seconds=2 ** min(row.failures, 10)), _LONGEST_BACKOFF)
    jitter = random.uniform(0.5, 1.0)  # noqa: S311  (spreads tries, keeps no secret)
    row.hold_until = max(row.hold_until, failure.retry_at, work.now + backoff * jitter)
    if row.ship_by is not None and row.hold_until >= row.ship_by:
        answers.warned(
            work,
            row,
            content,
            "amazon_unwell",
            f"Amazon has not taken the shipment in {row.failures} tries, and the order's ship-by "
            f"({row.ship_by:%Y-%m-%d %H:%M} UTC) comes before the next. The last: {failure.error.message}",
            "Nothing: it is tried on. To be in time, confirm it in Seller Central by hand.",
        )
    look_again(work, row, row.hold_until)


def _go_on(work: Work, row: PackageRow) -> None:
    if row.state == "waiting":
        look_again(work, row, max(row.hold_until, work.now))


def _release(row: PackageRow) -> None:
    row.claimed_by = None
    row.claimed_until = None


def _revision(claim: str) -> int:
    return int(claim.rpartition("/")[2])


def _locked(work: Work, row: PackageRow, claim: str) -> PackageRow | None:
    """The package under its order's lock, if our claim on it still stands."""
    work.lock_order(row.order_id)
    current = work.session.get_one(PackageRow, (row.order_id, row.package_key), populate_existing=True)
    return current if current.claimed_by == claim else None
