"""What the database tells Prometheus: by one process, from a look that is at most some seconds old, or not at all."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import OperationalError

from orderbridge import standing_metrics as module
from orderbridge.database import quotas
from orderbridge.database.models import OutboxRow, ProcessRow
from orderbridge.database.unit_of_work import Database
from orderbridge.standing_metrics import StandingMetrics
from tests.parts.command_line import LIVE
from tests.parts.databases import add_account, aged, post
from tests.parts.hand_clock import START, HandClock


def told(collector: StandingMetrics) -> dict[str, float]:
    """Every number, by its name and the values of its labels."""
    registry = CollectorRegistry()
    registry.register(collector)
    return {
        " ".join([sample.name.removeprefix("orderbridge_"), *sample.labels.values()]): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


def test_it_tells_how_the_whole_stands(database: Database, clock: HandClock) -> None:
    post(database, aged("A"))
    post(database, aged("B"), at=START + timedelta(days=1))
    with database.unit_of_work() as work:
        assert quotas.reserve(work, "main", "searchOrders", rate_per_second=1, burst=20) is None
        dead = {"event_type": "{service}.dead-letter", "topic": "shipper.dead-letter", "key": "k", "body": "{}"}
        work.session.add(OutboxRow(event_id="d", posted_at=START, due_at=START, published_at=START, **dead))
        process = {"process_id": "p", "service": "shipper", "instance": "a", "started_at": START, "state": "ok"}
        work.session.add(ProcessRow(seen_at=START, **process))
    add_account(database, "main", "Atzr|token", LIVE["api_url"])
    clock.advance(seconds=10)
    numbers = told(StandingMetrics(database, lambda: True))
    assert (numbers["outbox_due_events"], numbers["outbox_oldest_due_seconds"]) == (1, 10)
    assert (numbers["processes shipper"], numbers["processes importer"]) == (1, 0)
    assert (numbers["dead_letters_open shipper"], numbers["dead_letters_open importer"]) == (1, 0)
    assert (numbers["quota_calls_left main searchOrders"], numbers["quota_calls_most main searchOrders"]) == (19, 19)
    assert numbers["shipments waiting"] == numbers["mails_waiting"] == numbers["personal_data_overdue_orders"] == 0
    assert "personal_data_last_day_timestamp_seconds" not in numbers


def test_a_quota_is_used_up_by_calls_not_by_a_breaker(database: Database, clock: HandClock) -> None:
    """And what is kept for its breaker alone, an endpoint or a login, is no account."""
    add_account(database, "main", "Atzr|token", LIVE["api_url"])
    for of in (("main", "searchOrders"), ("main", "getOrder")):
        with database.unit_of_work() as work:
            quotas.reserve(work, *of, rate_per_second=0.01, burst=2)
    for of in (("main", "searchOrders"), ("token:abc", "login"), ("@https://api.example", "*")):
        with database.unit_of_work() as work:
            quotas.reserve(work, *of, rate_per_second=1000, burst=20)
            for _ in range(quotas.FAULTS_TO_CLOSE):
                quotas.faulted(work, *of)
    clock.advance(seconds=1)
    with database.unit_of_work() as work:
        assert quotas.calls_left(work, "main", "searchOrders") == (0, 1)
    assert {
        name: value for name, value in told(StandingMetrics(database, lambda: True)).items() if "calls_left" in name
    } == {
        "quota_calls_left main searchOrders": 0,
        "quota_calls_left main getOrder": 0,
    }
    clock.advance(seconds=100)
    with database.unit_of_work() as work:
        quotas.faulted(work, "main", "searchOrders")
    numbers = told(StandingMetrics(database, lambda: True))
    assert (numbers["quota_calls_left main searchOrders"], numbers["quota_calls_most main searchOrders"]) == (1, 1)


def test_who_does_not_publish_tells_nothing(database: Database) -> None:
    assert told(StandingMetrics(database, lambda: False)) == {}


def test_it_does_not_look_again_at_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    collector = StandingMetrics(database, lambda: True)
    assert told(collector)["outbox_due_events"] == 0
    post(database, aged("A"))
    assert told(collector)["outbox_due_events"] == 0
    monkeypatch.setattr(module, "AT_MOST_EVERY", 0.0)
    assert told(collector)["outbox_due_events"] == 1


def test_a_database_that_is_away_is_no_number(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_work: object) -> None:
        raise OperationalError("SELECT", {}, Exception("unable to open database file"))

    monkeypatch.setattr(module, "read_standing", away)
    assert told(StandingMetrics(database, lambda: True)) == {}
