"""After a restore: reads the packages of orders that may have shipped since from Amazon, and writes them down.

Without it a package that was confirmed after the dump would be planned anew, with the next free number: two packages at
Amazon for one of the store's, or one overwritten by another. So it is done while the shipper stands, before the store's
events are read again. An order is done in one transaction, with a row in the inbox that says so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlalchemy import select

from orderbridge.accounts import connected_accounts
from orderbridge.amazon import ConsentRevoked, LoginRefused, Refused, get_order
from orderbridge.amazon.operations import GET_ORDER
from orderbridge.amazon.order_models import Order
from orderbridge.amazon_calls import AmazonCalls, CallFailed
from orderbridge.bus.cause import cause_of
from orderbridge.bus.envelope import MAX_ORIGINAL, open_envelope, validate
from orderbridge.bus.outcomes import Rejected
from orderbridge.database.models import InboxRow, OrderRow, PackageRow
from orderbridge.database.unit_of_work import Database, Work
from orderbridge.recovery import CannotRecover
from orderbridge.recovery.packages import Found, Wait
from orderbridge.settings import Settings
from schemas.failures import GivenBack, Original
from schemas.shipments import OrderShipped, ShipmentConfirmed, ShipmentRejected
from services.shipper import answers
from services.shipper.adoption import Adopted, OrderToRead, Parcel, Said, adopt, content_taken_over, is_as_told, parcels
from services.shipper.content import Content, as_text, content_of
from services.shipper.planning import look_again, name_of
from services.shipper.resolve import find_order_id

_AMAZON_ID = re.compile(r"\d{3}-\d{7}-\d{7}")
_CONSUMER = "recover"
_RETRIES = "shipper.retry"
_OPEN = ("waiting", "held")
_Answer = ShipmentConfirmed | ShipmentRejected
_ANSWERS: dict[str, type[_Answer]] = {kind.event_type: kind for kind in (ShipmentConfirmed, ShipmentRejected)}
_TRIES = 8
"""How often Amazon is asked about one order; from the third fault on that is every half a minute and more."""


class Packages:
    """Implements `orderbridge.recovery.packages.Packages`."""

    topics = (OrderShipped.event_type, ShipmentConfirmed.event_type, ShipmentRejected.event_type, _RETRIES)

    def __init__(self, settings: Settings, database: Database, since: datetime) -> None:
        self._prefix = settings.topic_prefix
        self._database = database
        self._calls = AmazonCalls(settings, database)
        self._source = since.isoformat()

    def orders(self, originals: Iterable[Original]) -> list[OrderToRead]:
        said, answered = self._read(originals)
        told = [one for one in answered if isinstance(one, ShipmentConfirmed)]
        answered_ids = frozenset(one.caused_by for one in answered)
        with self._database.unit_of_work() as work:
            accounts = tuple(account.account_id for account in connected_accounts(work))
            of_order = _resolve(work, said.values(), told)
            confirmed: dict[str, list[ShipmentConfirmed]] = defaultdict(list)
            for one in told:
                confirmed[one.order_id].append(one)
            rows = work.session.execute(
                select(PackageRow.order_id, PackageRow.account_id)
                .where(PackageRow.state.in_(_OPEN), PackageRow.hold_until <= work.now)
                .distinct()
            )
            waiting = {row.order_id: row.account_id for row in rows}
            done = select(InboxRow.event_id).where(InboxRow.consumer == _CONSUMER, InboxRow.source == self._source)
            wanted = sorted({*of_order, *confirmed, *waiting} - set(work.session.scalars(done)))
            return [
                OrderToRead(
                    order_id,
                    _whose(work, order_id, waiting.get(order_id), confirmed[order_id], of_order[order_id], accounts),
                    tuple(sorted(of_order[order_id], key=lambda one: one.cause.rank)),
                    tuple(confirmed[order_id]),
                    answered_ids & {one.cause.event_id for one in of_order[order_id]},
                )
                for order_id in wanted
            ]

    def read(self, order: OrderToRead, wait: Wait) -> Found:
        for account_id in order.account_ids:
            answer = self._ask(account_id, order.order_id, wait)
            if answer is not None:
                with self._database.unit_of_work() as work:
                    return self._write_down(work, account_id, order, answer)
        if order.account_ids:  # else its account is not connected: the order is to be read once it is
            with self._database.unit_of_work() as work:
                self._done(work, order.order_id)
        return Found(is_known=False)

    def _read(self, originals: Iterable[Original]) -> tuple[dict[str, Said], list[_Answer]]:
        """What the topics say, by the place where it was first seen; what cannot be read is refused again later."""
        said: dict[str, Said] = {}
        answered: list[_Answer] = []
        for original in originals:
            try:
                topic = original.topic.removeprefix(self._prefix)
                if (kind := _ANSWERS.get(topic)) is not None:
                    answered.append(validate(kind, open_envelope(original).body))
                    continue
                if topic == _RETRIES:
                    original = validate(GivenBack, open_envelope(original, most=MAX_ORIGINAL).body).original
                if original.topic.removeprefix(self._prefix) == OrderShipped.event_type:
                    envelope = open_envelope(original)
                    event = validate(OrderShipped, envelope.body)
                    said[original.place()] = Said(event, cause_of(original, envelope, 0, self._database.clock.now()))
            except Rejected:
                continue
        return said, answered

    def _ask(self, account_id: str, order_id: str, wait: Wait) -> Order | None:
        """The order as Amazon has it, within the account's quota; None if it is not this account's."""
        for number in range(_TRIES):
            with self._database.unit_of_work() as work:
                while (not_before := self._calls.reserve(work, account_id, GET_ORDER)) is not None:
                    work.commit()
                    wait(not_before)
                try:
                    return self._calls.make(
                        work,
                        account_id,
                        GET_ORDER,
                        order_id,
                        lambda connection: get_order(connection, order_id, included_data=("PACKAGES", "FULFILLMENT")),
                    ).order
                except CallFailed as failure:
                    error, retry_at = failure.error, failure.retry_at
                except LookupError:
                    return None  # disconnected since
            if isinstance(error, Refused):
                return None
            if isinstance(error, ConsentRevoked | LoginRefused):
                raise CannotRecover(
                    f"Amazon does not let us in as {account_id}: {error}. Connect it again "
                    f"(`orderbridge accounts connect {account_id}`), and recover again: what is done stays done."
                )
            if number < _TRIES - 1:
                wait(retry_at)
        raise CannotRecover(
            f"Amazon gave no answer about {order_id}: {error}. Recover again later: what is done stays done."
        )

    def _write_down(self, work: Work, account_id: str, order: OrderToRead, answer: Order) -> Found:
        row = work.lock_order(order.order_id)
        now = work.now
        rows = {one.package_key: one for one in _rows(work, order.order_id)}
        found = parcels(answer, order.told)
        answered = order.answered | {one.caused_by for one in order.told}
        settled = sum(self._settle(work, one, found.get(one.reference_id), answered) for one in rows.values())
        adopted = adopt(answer, found, order, {key: one.reference_id for key, one in rows.items()})
        ship_by = row.ship_by if row is not None else _ship_by(answer)
        for one in adopted:
            content = content_taken_over(one, now, answer.created_time)
            package = _package(one, content, order.order_id, account_id, now, ship_by)
            work.session.add(package)
            if package.state == "waiting":
                look_again(work, package, now)
            elif one.said is not None and content.caused_by not in answered:
                answers.confirmed(work, package, content, one.parcel.shipped_at or now, [content.caused_by])
        self._done(work, order.order_id)
        return Found(taken_over=len(adopted), settled=settled)

    def _settle(self, work: Work, row: PackageRow, parcel: Parcel | None, answered: frozenset[str]) -> bool:
        """A package that the database knows: what Amazon has taken of it; True if it waited for just that.

        Of a corrected package Amazon may have an earlier revision that only looks the same: it is sent in any case.
        """
        if parcel is None or not parcel.seen:
            row.unsure = row.unsure or (parcel is not None and row.state in _OPEN)
            return False
        content = content_of(row.content).with_taken(parcel.lines)
        row.content = as_text(content)
        if row.state not in _OPEN or row.revision > 1 or not is_as_told(content, parcel):
            return False
        row.state, row.held_for = "confirmed", None
        row.unsure = False
        row.claimed_by = row.claimed_until = None
        row.confirmed_at = work.now
        work.withdraw(name_of(row))
        callers = [event_id for event_id in content.callers if event_id not in answered]
        answers.confirmed(work, row, content, parcel.shipped_at or work.now, callers)
        return True

    def _done(self, work: Work, order_id: str) -> None:
        row = {"consumer": _CONSUMER, "source": self._source, "event_id": order_id, "digest": "", "outcome": "handled"}
        work.session.execute(work.insert(InboxRow).values(**row, handled_at=work.now).on_conflict_do_nothing())


def _package(
    adopted: Adopted, content: Content, order_id: str, account_id: str, now: datetime, ship_by: datetime | None
) -> PackageRow:
    """The row, as if the shipper had planned it and Amazon taken it, or not answered.

    With the rank of the event that said it, older ones come too late, and newer ones correct it as ever.
    """
    open_question = adopted.said is not None and not adopted.parcel.seen
    return PackageRow(
        order_id=order_id,
        package_key=adopted.package_key,
        account_id=account_id,
        reference_id=adopted.parcel.reference_id,
        revision=1,
        rank=adopted.said.cause.rank if adopted.said is not None else "",
        content=as_text(content),
        state="waiting" if open_question else "confirmed",
        hold_until=now,
        ship_by=ship_by,
        failures=0,
        unsure=open_question,
        confirmed_at=None if open_question else now,
    )


def _resolve(work: Work, said: Iterable[Said], told: Iterable[ShipmentConfirmed]) -> dict[str, list[Said]]:
    """The events by Amazon's number of their order: what the database forgot, other events may still say."""
    by_cause = {one.caused_by: one.order_id for one in told}
    events = list(said)
    learned = {
        number: order_id
        for one in events
        if (number := one.event.store_order_number) and (order_id := _order_id(work, one.event.order_id))
    }
    found: dict[str, list[Said]] = defaultdict(list)
    for one in events:
        name = one.event.order_id
        order_id = by_cause.get(one.cause.event_id) or _order_id(work, name) or learned.get(name)
        if order_id is not None:
            found[order_id].append(one)
    return found


def _order_id(work: Work, name: str) -> str | None:
    try:
        known = find_order_id(name, work)
    except Rejected:
        return None
    amazons = _AMAZON_ID.search(name)
    return known or (amazons[0] if amazons else None)


def _whose(
    work: Work,
    order_id: str,
    waiting: str | None,
    told: list[ShipmentConfirmed],
    said: list[Said],
    accounts: tuple[str, ...],
) -> tuple[str, ...]:
    row = work.session.get(OrderRow, order_id)
    named: Iterator[str | None] = iter(
        [
            row.account_id if row is not None else None,
            waiting,
            *(one.account_id for one in told),
            *(one.event.account_id for one in said),
        ]
    )
    certain = next((account_id for account_id in named if account_id is not None), None)
    return tuple(one for one in accounts if certain in (None, one))


def _rows(work: Work, order_id: str) -> Iterable[PackageRow]:
    return work.session.scalars(select(PackageRow).where(PackageRow.order_id == order_id)).all()


def _ship_by(order: Order) -> datetime | None:
    window = order.fulfillment.ship_by_window if order.fulfillment is not None else None
    return window.latest_date_time if window is not None else None
