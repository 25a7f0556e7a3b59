"""Every place that holds or held an order's personal data: tables, topics, the key ring, who opened it.

What a store, a backup or Amazon holds nobody here can see. A backup's seals die with their keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select

from orderbridge.database.models import Opening, OrderRow, OutboxRow, PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.privacy.seals_in import seals_in
from orderbridge.vault.key_ring import KeyRing, key_name
from schemas.events import WORKERS
from schemas.failures import DeadLetter, GivenBack, Original
from schemas.orders import OrderDocument

TOPICS = (
    "order.imported",
    "order.updated",
    "order.redacted",
    *(own.event_type.format(service=worker) for worker in WORKERS for own in (GivenBack, DeadLetter)),
)
"""Topics that may hold a seal: orders as they are told, and whatever a worker gave back or up."""

_CARRIERS: dict[str, type[DeadLetter | GivenBack]] = {".dead-letter": DeadLetter, ".retry": GivenBack}

State = Literal["sealed", "refused", "dead", "redacted", "none", "in plain", "alive", "marked"]


@dataclass(frozen=True)
class Place:
    """One place, and how the data stands there.

    `sealed` opens until `until`; `refused` is sealed, but nothing opens it, since the order is redacted; `dead` opens
    no more since `until`; `redacted` and `none` say that there is no data (any more). Of a key: `alive` or `dead`. Of a
    wish to open it: how that was answered.
    """

    place: str
    where: str
    state: str
    until: datetime | None = None
    at: datetime | None = None
    """When it was written there."""


class Judge:
    """Says how a seal of the order stands now. Without a key ring to look into, by its date alone."""

    def __init__(self, now: datetime, ring: KeyRing | None, *, redacted: bool) -> None:
        self._now = now
        self._alive = set(ring.alive()) if ring is not None else None
        self._redacted = redacted

    def key_lives(self, moment: datetime) -> bool:
        """Whether the key of that moment can still be used."""
        return moment > self._now and (self._alive is None or moment in self._alive)

    def of_seal(self, moment: datetime) -> State:
        """How a seal under the key of that moment stands."""
        if not self.key_lives(moment):
            return "dead"
        return "refused" if self._redacted else "sealed"


def judge(work: Work, ring: KeyRing | None, order_id: str) -> Judge:
    """A judge for the order's seals."""
    row = work.session.get(PersonalDataRow, order_id)
    redacted = (row is not None and row.redacted_at is not None) or (ring is not None and ring.is_redacted(order_id))
    return Judge(work.now, ring, redacted=redacted)


def in_tables(work: Work, order_id: str, judged: Judge) -> Iterator[Place]:
    """The order's own rows, and events about it in the outbox, dead letters and retries among them."""
    row = work.session.get(PersonalDataRow, order_id)
    if row is not None and row.seal is not None:
        for moment in seals_in(row.seal, order_id):
            yield Place("table personal_data", "seal", judged.of_seal(moment), moment)
    elif row is not None:
        yield Place("table personal_data", "no seal", "redacted", at=row.redacted_at)
    order = work.session.get(OrderRow, order_id)
    if order is not None:
        wish = OrderDocument.model_validate_json(order.document).cancel_requested
        if wish is not None and wish.reason is not None:  # of a version before 0.1.0's seal held it
            yield Place("table orders", "document: why the buyer asks to cancel", "in plain")
    posted = select(OutboxRow).where(OutboxRow.key == order_id, OutboxRow.topic.in_(TOPICS))
    for event in work.session.scalars(posted.order_by(OutboxRow.position)):
        where = f"{event.topic}, {'published' if event.published_at else 'waiting'}"
        for place in _in_body("table outbox", where, event.topic, event.body, order_id, judged):
            yield Place(place.place, place.where, place.state, place.until, event.posted_at)


def in_topics(records: Iterable[Original], prefix: str, order_id: str, judged: Judge) -> Iterator[Place]:
    """The order's records among these."""
    key = order_id.encode()
    for record in records:
        if record.key == key:
            topic, text = record.topic.removeprefix(prefix), (record.value or b"").decode("utf-8", "replace")
            where = f"partition {record.partition}, offset {record.offset}"
            for place in _in_body(f"topic {record.topic}", where, topic, text, order_id, judged):
                yield Place(place.place, place.where, place.state, place.until, record.timestamp)


def in_key_ring(ring: KeyRing, order_id: str, moments: Iterable[datetime], judged: Judge) -> Iterator[Place]:
    """The keys of the order's seals, and whether it is marked as redacted before its day."""
    for moment in sorted(set(moments)):
        yield Place("key ring", f"key {key_name(moment)}", "alive" if judged.key_lives(moment) else "dead", moment)
    if ring.is_redacted(order_id):
        yield Place("key ring", "redacted before its day: every opening is refused", "marked")


def openings(work: Work, order_id: str) -> Iterator[Place]:
    """Who asked to have it opened, when and what for: where it was opened a copy may be with him."""
    asked = select(Opening).where(Opening.order_id == order_id).order_by(Opening.opening_id)
    for row in work.session.scalars(asked):
        who = f"{row.on_behalf_of} through {row.token_name}" if row.on_behalf_of is not None else row.token_name
        yield Place("asked to open", f"by {who}, for {row.purpose}", row.state, at=row.asked_at)


def _in_body(place: str, where: str, topic: str, text: str, order_id: str, judged: Judge) -> Iterator[Place]:
    """The seals in an event; one that carries none says so."""
    moments = [moment for body in (text, *_originals(topic, text)) for moment in seals_in(body, order_id)]
    for moment in moments:
        yield Place(place, where, judged.of_seal(moment), moment)
    if not moments:
        yield Place(place, where, "redacted" if topic == "order.redacted" else "none")


def _originals(topic: str, text: str) -> Iterator[str]:
    """What a dead letter or a retry carries of the event that came."""
    own: type[DeadLetter | GivenBack] | None = _CARRIERS.get(topic[topic.rfind(".") :])
    if own is not None:
        try:
            yield (own.model_validate_json(text).original.value or b"").decode("utf-8", "replace")
        except ValueError:  # somebody else's record on our topic
            return
