"""Old rows go, in bounded steps; what is still needed stays."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select

from orderbridge.access.sign_in import LOCKED_FOR
from orderbridge.database.models import (
    ConsentRequest,
    ConsoleLink,
    ConsoleSession,
    InboxRow,
    LoginFailure,
    Mail,
    OutboxRow,
    Slot,
    UnknownOrder,
)
from services.ticker.prune import (
    BATCH,
    CONSENT_REQUESTS_FOR,
    HANDLED_FOR,
    MAILS_FOR,
    PUBLISHED_FOR,
    SLOTS_FOR,
    UNKNOWN_FOR,
    prune,
)
from tests.parts.databases import migrated
from tests.parts.hand_clock import START, HandClock


def test_old_rows_go_and_others_stay(database_url: str) -> None:
    with migrated(database_url, HandClock(START)) as database:
        with database.unit_of_work() as work:
            for number, more in enumerate((timedelta(seconds=1), timedelta(seconds=-1))):
                work.session.add(_outbox(f"published-{number}", START - PUBLISHED_FOR - more))
                work.session.add(_inbox(f"event-{number}", START - HANDLED_FOR - more))
                work.session.add(Slot(account_id="main", starts_at=START - SLOTS_FOR - more))
                asked_at = START - UNKNOWN_FOR - more
                work.session.add(UnknownOrder(account_id="main", order_id=str(number), asked_at=asked_at, why=""))
                work.session.add(_consent(str(number), START - CONSENT_REQUESTS_FOR - more))
                work.session.add(_mail(f"sent-{number}", START - MAILS_FOR - more))
            work.session.add(_mail("waits", None))
            work.session.add(_outbox("waits", None))
        assert prune(database) == 6
        assert prune(database) == 0
        with database.unit_of_work() as work:
            assert set(work.session.scalars(select(OutboxRow.event_id))) == {"published-1", "waits"}
            assert set(work.session.scalars(select(InboxRow.event_id))) == {"event-1"}
            assert work.session.scalars(select(Slot.starts_at)).all() == [START - SLOTS_FOR + timedelta(seconds=1)]
            assert set(work.session.scalars(select(Mail.event_id))) == {"sent-1", "waits"}
            assert set(work.session.scalars(select(UnknownOrder.order_id))) == {"1"}
            assert set(work.session.scalars(select(ConsentRequest.state_hash))) == {"1"}


def test_what_lets_nobody_in_any_more_goes(database_url: str) -> None:
    with migrated(database_url, HandClock(START)) as database:
        with database.unit_of_work() as work:
            for name, over in (("old", START - timedelta(seconds=1)), ("new", START + timedelta(seconds=1))):
                session = ConsoleSession(token_hash=name, user_name="anna", begun_at=START, seen_at=START)
                session.expires_at = over
                link = ConsoleLink(token_hash=name, user_name="anna", made_at=START, expires_at=over)
                failure = LoginFailure(name_hash=name, failures=10, last_at=over - LOCKED_FOR)
                work.session.add_all([session, link, failure])
        assert prune(database) == 3
        with database.unit_of_work() as work:
            for kept in (ConsoleSession.token_hash, ConsoleLink.token_hash, LoginFailure.name_hash):
                assert work.session.scalars(select(kept)).all() == ["new"]


def test_a_long_backlog_goes_a_batch_at_a_time(sqlite_url: str) -> None:
    with migrated(sqlite_url, HandClock(START)) as database:
        with database.unit_of_work() as work:
            work.session.add_all(_outbox(str(number), START - timedelta(days=90)) for number in range(BATCH + 5))
        assert prune(database) == BATCH
        assert prune(database) == 5
        with database.unit_of_work() as work:
            assert work.session.scalar(select(func.count()).select_from(OutboxRow)) == 0


def _outbox(event_id: str, published_at: object) -> OutboxRow:
    return OutboxRow(
        event_id=event_id,
        event_type="order.aged",
        topic="order.aged",
        key="1",
        body="{}",
        posted_at=START,
        due_at=START,
        published_at=published_at,
    )


def _mail(event_id: str, ended_at: datetime | None) -> Mail:
    return Mail(
        event_id=event_id,
        recipient="a@shop.com",
        account_id="main",
        letter_id=event_id,
        about="run:1",
        event_type="import.finished",
        body="{}",
        created_at=START,
        due_at=START,
        ended_at=ended_at,
    )


def _inbox(event_id: str, handled_at: object) -> InboxRow:
    return InboxRow(
        consumer="shipper", source="store", event_id=event_id, digest="0", outcome="handled", handled_at=handled_at
    )


def _consent(state_hash: str, expires_at: datetime) -> ConsentRequest:
    return ConsentRequest(
        state_hash=state_hash,
        session_hash="0",
        account_id="main",
        marketplace_id="ATVPDKIKX0DER",
        asked_at=START,
        expires_at=expires_at,
    )
