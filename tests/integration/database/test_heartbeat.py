"""A process tells of itself as long as it runs, whatever happens around it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from orderbridge import heartbeat as module
from orderbridge.database.models import ProcessRow
from orderbridge.database.unit_of_work import Database
from orderbridge.heartbeat import heartbeat
from tests.parts.hand_clock import HandClock
from tests.parts.process import wait_until


def rows(database: Database) -> list[ProcessRow]:
    with database.unit_of_work() as work:
        found = list(work.session.scalars(select(ProcessRow).order_by(ProcessRow.service)))
        work.session.expunge_all()
        return found


def test_it_tells_how_it_is_and_takes_its_row_along(
    database: Database, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVERY", 0.01)
    told: dict[str, Any] = {"state": "ok", "waiting_for": None, "lag": 0, "handled": 3}
    with heartbeat(database, "shipper", lambda: told, "shipper-1"), heartbeat(database, "ticker", lambda: told):
        wait_until(lambda: len(rows(database)) == 2, seconds=10, what="both beat")
        began = clock.now()
        clock.advance(seconds=30)
        told |= {"state": "waiting", "waiting_for": "the database " * 50, "lag": 12}
        wait_until(lambda: {row.lag for row in rows(database)} == {12}, seconds=10, what="both beat again")
        shipper, ticker = rows(database)
        assert (shipper.service, shipper.instance, shipper.state) == ("shipper", "shipper-1", "waiting")
        assert (shipper.started_at, shipper.seen_at, shipper.handled) == (began, clock.now(), 3)
        assert ticker.instance.rpartition(":")[2].isdecimal()
    assert rows(database) == []


@pytest.mark.parametrize("trouble", [OperationalError("", {}, Exception()), RuntimeError("a bug")])
def test_no_trouble_of_its_own_ends_it(database: Database, monkeypatch: pytest.MonkeyPatch, trouble: Exception) -> None:
    monkeypatch.setattr(module, "EVERY", 0.01)
    asked: list[int] = []

    def report() -> dict[str, Any]:
        asked.append(1)
        if len(asked) < 3:
            raise trouble
        return {"state": "ok"}

    with heartbeat(database, "api", report):
        wait_until(lambda: len(rows(database)) == 1, seconds=10, what="it beats after all")
    assert rows(database) == []
