"""One order's whole life, in moments: what was told and heard, Amazon's calls, its packages, and who opened its seals.

No personal data is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Select, select

from orderbridge.database.models import Attempt, Opening, OrderRow, OutboxRow, PackageRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.orders import shipment_moments
from schemas.failures import DeadLetter
from schemas.orders import OrderImported, OrderRedacted, OrderUpdated

Tone = Literal["", "good", "warn", "bad"]
_MOST_TOLD: Final = 60
_MOST_CALLS: Final = 30
_MOST_OPENINGS: Final = 30
_OF_ORDERS = (OrderImported.event_type, OrderUpdated.event_type, OrderRedacted.event_type)


@dataclass(frozen=True)
class Moment:
    """Something that happened, or is planned."""

    at: datetime
    what: str
    more: str = ""
    to_do: str = ""
    tone: Tone = ""


@dataclass(frozen=True)
class Life:
    """The moments, the newest last; `left_out` says that there are older ones of some kind."""

    moments: tuple[Moment, ...]
    left_out: bool


def life_of(work: Work, row: OrderRow, packages: Iterable[PackageRow], kept: PersonalDataRow | None) -> Life:
    """The order's life, of its packages and its personal data's row too. Three statements, each bounded.

    What was told lies in the outbox for 30 days after it was published, and calls as long.
    """
    packages = list(packages)
    told = list(reversed(work.session.scalars(_told(row.order_id)).all()))
    calls = latest_calls(work, row, packages)
    openings = list(reversed(work.session.scalars(_openings(row.order_id)).all()))
    moments = [
        Moment(row.placed_at, "Ordered at Amazon"),
        *(_of_order_event(one) for one in told if one.topic in _OF_ORDERS),
        # Of one moment: first what was said, then the call that it led to, then the answer.
        *(Moment(one.at, one.what, one.more, one.to_do, one.tone) for one in shipment_moments.heard(packages)),
        *map(_of_call, calls),
        *(_of_other_event(one) for one in told if one.topic not in _OF_ORDERS),
        *map(_of_opening, openings),
        *_of_personal_data(kept),
    ]
    bounds = ((told, _MOST_TOLD), (calls, _MOST_CALLS), (openings, _MOST_OPENINGS))
    return Life(tuple(sorted(moments, key=lambda moment: moment.at)), any(len(found) >= most for found, most in bounds))


def latest_calls(work: Work, row: OrderRow, packages: Iterable[PackageRow], most: int = _MOST_CALLS) -> list[Attempt]:
    """The latest calls to Amazon about the order or one of its packages, in their order."""
    subjects = [row.order_id, *(f"{row.order_id}/{package.package_key}" for package in packages)]
    calls = (
        select(Attempt)
        .where(Attempt.account_id == row.account_id, Attempt.subject.in_(subjects))
        .order_by(Attempt.started_at.desc())
        .limit(most)
    )
    return list(reversed(work.session.scalars(calls).all()))


def _told(order_id: str) -> Select[OutboxRow]:
    return (
        select(OutboxRow)
        .where(
            OutboxRow.key == order_id,
            OutboxRow.topic.in_((*_OF_ORDERS, *shipment_moments.TOPICS)) | OutboxRow.topic.endswith(".dead-letter"),
        )
        .order_by(OutboxRow.position.desc())
        .limit(_MOST_TOLD)
    )


def _openings(order_id: str) -> Select[Opening]:
    return select(Opening).where(Opening.order_id == order_id).order_by(Opening.opening_id.desc()).limit(_MOST_OPENINGS)


def _of_order_event(row: OutboxRow) -> Moment:
    at = row.posted_at
    if row.topic == OrderImported.event_type:
        if OrderImported.model_validate_json(row.body).replay:
            return Moment(at, "Sent again", "The store was sent the order once more, as it was then.")
        return Moment(at, "Imported", "The store was told of the new order.", tone="good")
    if row.topic == OrderRedacted.event_type:
        return Moment(at, "Personal data replaced", "The store was told that it reads Amazon Replaced from now on.")
    changes = OrderUpdated.model_validate_json(row.body).changes
    words = ", ".join(changes).replace("_", " ")
    return Moment(at, "Changed", f"The store was told what is new: {words or 'as it is now'}.")


def _of_other_event(row: OutboxRow) -> Moment:
    if row.topic not in shipment_moments.TOPICS:
        return _of_dead_letter(row)
    said = shipment_moments.told(row.topic, row.body)
    return Moment(row.posted_at, said.what, said.more, said.to_do, said.tone)


def _of_dead_letter(row: OutboxRow) -> Moment:
    letter = DeadLetter.model_validate_json(row.body)
    settled = {"replayed": "It was replayed.", "discarded": "It was discarded."}.get(row.settled_as or "", "")
    return Moment(
        row.posted_at,
        f"The {letter.service} gave an event up: {letter.original.topic}",
        f"{letter.reason}: {letter.message} {settled}".strip(),
        "" if settled else "Mend and replay it, or discard it: it is among the dead letters.",
        "" if settled else "bad",
    )


def _of_call(call: Attempt) -> Moment:
    package = call.subject.partition("/")[2].removeprefix("tracking:")
    about = f"About package {package}." if package else ""
    outcome = call.outcome or ("under way, or cut off" if call.finished_at is None else "cut off")
    tone: Tone = "" if outcome == "done" else "warn"
    return Moment(
        call.started_at, f"Amazon was called: {call.operation}", f"{about} Outcome: {outcome}.".strip(), "", tone
    )


def _of_opening(one: Opening) -> Moment:
    became = {"open": "Opened"}.get(one.state, one.state.capitalize())
    why = f", {one.reason}" if one.reason else ""
    who = f"{one.on_behalf_of} through {one.token_name}" if one.on_behalf_of is not None else one.token_name
    more = f"By {who}, for {one.purpose.replace('_', ' ')}. {became}{why.replace('_', ' ')}."
    return Moment(one.asked_at, "Personal data asked for", more)


def _of_personal_data(kept: PersonalDataRow | None) -> Iterator[Moment]:
    if kept is None or kept.redacted_at is not None:
        return
    if kept.seal is not None:
        yield Moment(kept.dies_at, "Personal data dies", "Its key is destroyed then, and it reads Amazon Replaced.")
