"""The overview says where it hurts: which part is away, waits, or is behind, and what flows."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from orderbridge.database.models import (
    Account,
    HandlerFailure,
    OrderRow,
    PersonalDataRow,
    ProcessRow,
    Quota,
    ServiceState,
)
from orderbridge.database.unit_of_work import Database
from orderbridge.overview import SERVICES, Overview, overview
from schemas.imports import ImportDue
from schemas.orders import OrderDocument
from tests.parts.console import ConsoleServer
from tests.parts.contract import EXAMPLES
from tests.parts.databases import add_order
from tests.parts.hand_clock import HandClock


def beat(database: Database, service: str, *, name: str = "1", ago: float = 0, **more: Any) -> None:
    """A process that last told of itself `ago` seconds ago."""
    with database.unit_of_work() as work:
        seen_at = work.now - timedelta(seconds=ago)
        values = {"state": "ok", "lag": 0, "handled": 0, **more}
        work.session.add(
            ProcessRow(
                process_id=service + name,
                service=service,
                instance=name,
                started_at=seen_at,
                seen_at=seen_at,
                **values,
            )
        )


def seen(database: Database) -> Overview:
    with database.unit_of_work() as work:
        return overview(work)


@pytest.mark.parametrize(
    ("process", "state", "says"),
    [
        ({}, "well", "1 process, 0 behind"),
        ({"lag": 1_001}, "waiting", "1,001 behind"),
        ({"state": "waiting", "waiting_for": "the database"}, "waiting", "waits for the database"),
        ({"state": "stuck"}, "bad", "is stuck"),
        ({"ago": 21}, "bad", "silent since 2026-01-01 12:00 UTC"),
        (None, "bad", "not running"),
    ],
)
def test_a_parts_state(
    database: Database, clock: HandClock, process: dict[str, Any] | None, state: str, says: str
) -> None:
    if process is not None:
        beat(database, "shipper", **process)
    part = seen(database).parts["shipper"]
    found = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "2026-01-01 12:00", part.says)
    assert (part.state, found) == (state, says)


def test_what_is_not_needed_may_be_off_and_others_may_be_several(database: Database) -> None:
    for name in ("1", "2", "3"):
        beat(database, "importer", name=name, lag=5, ago=19 if name == "1" else 0)
    beat(database, "importer", name="killed", lag=500, ago=60)
    parts = seen(database).parts
    assert set(parts) == set(SERVICES)
    assert (parts["importer"].processes, parts["importer"].lag, parts["importer"].state) == (3, 15, "well")
    assert {parts[name].state for name in ("reporter", "listener", "api", "console")} == {"off"}


def test_a_service_that_paused_itself_and_its_last_error(database: Database, clock: HandClock) -> None:
    beat(database, "importer")
    with database.unit_of_work() as work:
        work.session.add(ServiceState(service="importer", paused_at=work.now, reason="ten failures"))
        for number in range(3):
            failure = HandlerFailure(
                service="importer", place="p", exception=f"Error{number} at x.py:1", failed_at=work.now
            )
            work.session.add(failure)
            work.session.flush()
    part = seen(database).parts["importer"]
    assert (part.state, part.says, part.last_error) == ("bad", "has paused itself", "Error2 at x.py:1")


def test_the_ticker_is_behind_when_events_are(database: Database, clock: HandClock) -> None:
    beat(database, "ticker", lag=None)
    with database.unit_of_work() as work:
        work.post(ImportDue(account_id="main", reason="now"))
        posted = work.now
    assert seen(database).parts["ticker"].state == "well"
    clock.advance(seconds=61)
    beat(database, "ticker", name="2", lag=None)
    now = seen(database)
    assert (now.parts["ticker"].state, now.due, now.oldest_due_at) == ("waiting", 1, posted)


def test_the_figures(database: Database, clock: HandClock) -> None:
    with database.unit_of_work() as work:
        day = timedelta(days=1)
        for number, (seal, dies_in, redacted) in enumerate(
            [("x", 1, None), ("x", 9, None), ("x", -1, None), (None, 20, None), (None, 5, work.now)]
        ):
            row = PersonalDataRow(
                order_id=str(number), seal=seal, dies_at=work.now + dies_in * day, redacted_at=redacted
            )
            work.session.add(row)
        last_day = work.now + 9 * day
        used_until = int(work.now.timestamp() * 1e6) + 1_200_000
        quota = {"interval_us": 500_000, "burst": 9, "arrival_us": used_until}
        work.session.add(Quota(account_id="main", operation="confirmShipment", **quota))
        work.session.add(account_row("main"))
    now = seen(database)
    assert (now.alive, now.last_day) == (2, last_day)
    (account,) = now.accounts
    assert account.calls_left == {"searchOrders": (19, 19), "confirmShipment": (6, 9)}
    assert account.next_import_at is None


def account_row(account_id: str) -> Account:
    return Account(
        account_id=account_id, marketplace_ids="[]", settings="{}", api_url="https://x", login_url="https://x"
    )


def test_the_page_and_its_live_part(console: ConsoleServer, database: Database) -> None:
    add_order(database, "A")
    beat(database, "importer", lag=7)
    beat(database, "shipper", ago=100)
    visitor = console.signed_in("olga", "viewer")
    page, live = visitor.get("/"), visitor.get("/live")
    assert (page.status_code, live.status_code) == (200, 200)
    assert "<!doctype html>" not in live.text
    for text in (page.text, live.text):
        assert "7 behind" in text
        assert re.search(r'class="part part-bad">\s*<rect x="274"', text), "the shipper's box"
    assert len(page.content) < 100_000
    assert console.visitor().get("/live").status_code == 303


def test_late_orders_are_those_of_the_page_of_shipments(database: Database, clock: HandClock) -> None:
    """A deadline that is near counts; one that is far, and an order that Amazon ships, do not."""
    example = OrderDocument.model_validate(EXAMPLES["order.imported"])
    with database.unit_of_work() as work:
        work.session.add(account_row("main"))
    for order_id, hours, fulfilled_by in (("near", 1, "merchant"), ("far", 500, "merchant"), ("fba", 1, "amazon")):
        add_order(database, order_id)
        with database.unit_of_work() as work:
            row = work.session.get_one(OrderRow, order_id)
            values: dict[str, Any] = {"fulfilled_by": fulfilled_by, "amazon_status": "unshipped"}
            values |= {"ship_by": work.now + timedelta(hours=hours)}
            document = example.model_copy(update={"order_id": order_id, "account_id": "main", **values})
            row.account_id, row.document = "main", document.model_dump_json(exclude_none=True)
            for name, value in values.items():
                setattr(row, name, value)
    assert seen(database).late_soon == 1
