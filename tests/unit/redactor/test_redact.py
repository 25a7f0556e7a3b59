"""The redactor's handlers, without Kafka: a date is a hint, never an order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from orderbridge.database.models import OrderRow, PersonalDataRow
from orderbridge.database.unit_of_work import Database
from schemas.orders import CancelRequest, OrderDocument, OrderRedacted
from services.redactor.redact import redact
from tests.parts.contract import EXAMPLES
from tests.parts.databases import add_order, aged, migrated, outbox
from tests.parts.hand_clock import START, HandClock

ORDER = "114-3941689-8772232"
DIES_AT = START + timedelta(hours=2)


@pytest.fixture
def clock() -> HandClock:
    """Two hours before the data dies."""
    return HandClock()


@pytest.fixture
def database(sqlite_url: str, clock: HandClock) -> Iterator[Database]:
    """A database with one order, whose personal data is sealed."""
    with migrated(sqlite_url, clock) as database:
        add_order(database, ORDER)
        with database.unit_of_work() as work:
            order = work.lock_order(ORDER)
            assert order is not None
            order.document = OrderRedacted.model_validate(EXAMPLES["order.redacted"]).model_dump_json(
                exclude={"sequence", "personal_data"}, exclude_none=True
            )
            work.session.add(PersonalDataRow(order_id=ORDER, seal="e30.e30", dies_at=DIES_AT))
        yield database


def kept(database: Database) -> tuple[str | None, datetime | None]:
    with database.unit_of_work() as work:
        row = work.session.get_one(PersonalDataRow, ORDER)
        return row.seal, row.redacted_at


def test_an_early_event_is_posted_again_for_its_day(database: Database) -> None:
    for _ in range(2):
        with database.unit_of_work() as work:
            redact(aged(ORDER), work)
    assert kept(database) == ("e30.e30", None)
    (row,) = outbox(database)  # the second took the place of the first
    assert (row.event_type, row.due_at, row.name) == ("order.aged", DIES_AT, f"aged:{ORDER}")


def test_on_its_day_it_is_replaced_once(database: Database, clock: HandClock) -> None:
    clock.advance(hours=2)
    for _ in range(3):
        with database.unit_of_work() as work:
            redact(aged(ORDER), work)
    assert kept(database) == (None, DIES_AT)
    (row,) = outbox(database)
    told = OrderRedacted.model_validate_json(row.body)
    assert (told.order_id, told.personal_data.state, told.personal_data.redacted_at) == (ORDER, "redacted", DIES_AT)
    assert told.sequence == int(DIES_AT.timestamp() * 1000)


def test_an_order_without_personal_data_and_one_we_do_not_have(database: Database, clock: HandClock) -> None:
    clock.advance(hours=2)
    add_order(database, "fba")
    with database.unit_of_work() as work:
        redact(aged("fba"), work)
        redact(aged("nobody's"), work)
    assert outbox(database) == []


def test_the_words_of_a_wish_to_cancel_go_too(database: Database, clock: HandClock) -> None:
    with database.unit_of_work() as work:
        order = work.lock_order(ORDER)
        assert order is not None
        document = OrderDocument.model_validate_json(order.document)
        wish = CancelRequest(requested_by="buyer", reason="my husband Jim has bought one")
        order.document = document.model_copy(update={"cancel_requested": wish}).model_dump_json()
    clock.advance(hours=2)
    with database.unit_of_work() as work:
        redact(aged(ORDER), work)
    (row,) = outbox(database)
    assert OrderRedacted.model_validate_json(row.body).cancel_requested == CancelRequest(requested_by="buyer")
    with database.unit_of_work() as work:
        assert "Jim" not in work.session.get_one(OrderRow, ORDER).document
