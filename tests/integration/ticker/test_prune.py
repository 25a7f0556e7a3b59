"""Old rows go, in bounded steps; what is still needed stays."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select

from orderbridge.access.sign_in import LOCKED_FOR
from orderbridge.database.models import (
    Attempt,
    ConsentRequest,
    ConsoleLink,
    ConsoleSession,
    HandlerFailure,
    InboxRow,
    LoginFailure,
    Mail,
    Opening,
    OutboxRow,
    ProcessRow,
    Run,
    RunLineRow,
    SkippedOrder,
    Slot,
    UnknownOrder,
)
from services.ticker.prune import (
    ATTEMPTS_FOR,
    BATCH,
    CONSENT_REQUESTS_FOR,
    FAILURES_FOR,
    HANDLED_FOR,
    MAILS_FOR,
    OPENINGS_FOR,
    PUBLISHED_FOR,
    RUNS_FOR,
    SILENT_FOR,
    SKIPPED_FOR,
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
                skipped_at = START - SKIPPED_FOR - more
                skipped = {"account_id": "main", "order_id": str(number), "programs": "PRIME"}
                work.session.add(SkippedOrder(skipped_at=skipped_at, **skipped))
                asked_at = START - UNKNOWN_FOR - more
                work.session.add(UnknownOrder(account_id="main", order_id=str(number), asked_at=asked_at, why=""))
                work.session.add(_consent(str(number), START - CONSENT_REQUESTS_FOR - more))
                work.session.add(_mail(f"sent-{number}", START - MAILS_FOR - more))
            work.session.add(_mail("waits", None))
            work.session.add(_outbox("waits", None))
        assert prune(database) == 7
        assert prune(database) == 0
        with database.unit_of_work() as work:
            assert set(work.session.scalars(select(OutboxRow.event_id))) == {"published-1", "waits"}
            assert set(work.session.scalars(select(InboxRow.event_id))) == {"event-1"}
            assert work.session.scalars(select(Slot.starts_at)).all() == [START - SLOTS_FOR + timedelta(seconds=1)]
            assert set(work.session.scalars(select(Mail.event_id))) == {"sent-1", "waits"}
            assert set(work.session.scalars(select(SkippedOrder.order_id))) == {"1"}
            assert set(work.session.scalars(select(UnknownOrder.order_id))) == {"1"}
            assert set(work.session.scalars(select(ConsentRequest.state_hash))) == {"1"}


def test_old_logs_go_and_the_last_of_what_is_kept_stays(database_url: str) -> None:
    with migrated(database_url, HandClock(START)) as database:
        with database.unit_of_work() as work:
            for name, more in (("old", timedelta(seconds=1)), ("new", timedelta(seconds=-1))):
                calling = {"account_id": "main", "operation": "getOrder", "subject": "1"}
                work.session.add(Attempt(attempt_id=name, started_at=START - ATTEMPTS_FOR - more, **calling))
                failure = HandlerFailure(service="shipper", place=name, exception="KeyError")
                failure.failed_at = START - FAILURES_FOR - more
                told = {"service": "shipper", "instance": "1", "state": "ok", "started_at": START - timedelta(days=3)}
                process = ProcessRow(process_id=name, seen_at=START - SILENT_FOR - more, **told)
                opening = Opening(token_id="1", token_name="store", purpose="display", state="open", on_behalf_of=name)
                opening.asked_at = START - OPENINGS_FOR - more
                work.session.add_all([failure, process, opening, _run(name, START - RUNS_FOR - more)])
                work.session.add_all(RunLineRow(run_id=name, rank=2, line="{}") for _ in range(2))
            work.session.add(_run("open", None))
            work.session.add(RunLineRow(run_id="open", rank=2, line="{}"))
        assert prune(database) == 7  # an attempt, a failure, a process, an opening, a run and its two lines
        assert prune(database) == 0
        with database.unit_of_work() as work:
            names = (Attempt.attempt_id, HandlerFailure.place, ProcessRow.process_id, Opening.on_behalf_of)
            for kept in names:
                assert work.session.scalars(select(kept)).all() == ["new"]
            assert set(work.session.scalars(select(Run.run_id))) == {"new", "open"}
            assert sorted(work.session.scalars(select(RunLineRow.run_id))) == ["new", "new", "open"]


def test_a_run_stays_until_all_its_lines_are_gone(sqlite_url: str) -> None:
    with migrated(sqlite_url, HandClock(START)) as database:
        with database.unit_of_work() as work:
            work.session.add(_run("long", START - RUNS_FOR - timedelta(seconds=1)))
            work.session.add_all(RunLineRow(run_id="long", rank=2, line="{}") for _ in range(BATCH + 5))
        assert prune(database) == BATCH
        with database.unit_of_work() as work:
            assert work.session.scalar(select(func.count()).select_from(Run)) == 1
        assert prune(database) == 5 + 1
        assert prune(database) == 0


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


def _run(run_id: str, finished_at: datetime | None) -> Run:
    return Run(
        run_id=run_id,
        account_id="main",
        kind="search",
        started_at=START,
        finished_at=finished_at,
        progress="{}",
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
