"""Many events in one transaction: what is in order is done in it, all else is left to be handled by itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.exc import OperationalError

from orderbridge import tracing
from orderbridge.bus.envelope import digest
from orderbridge.database import inbox
from orderbridge.database.models import InboxRow
from orderbridge.database.unit_of_work import Work
from schemas.failures import Original
from schemas.shipments import OrderShipped, ShipmentDue
from tests.parts.pipeline_bench import Bench, original

TYPE = [("ce_source", b"store"), ("ce_specversion", b"1.0")]


def shipped(order_id: str, offset: int, *, event_id: str | None = None, kind: str = "order.shipped") -> Original:
    body = f'{{"order_id": "{order_id}", "carrier": "ups", "tracking_number": "1Z"}}'.encode()
    headers = [] if event_id is None else [*TYPE, ("ce_type", kind.encode()), ("ce_id", event_id.encode())]
    return original(body, offset=offset, headers=headers)


def take_all(events: Sequence[OrderShipped], work: Work) -> list[bool]:
    """Leaves what begins with an x."""
    work.post_all(
        ShipmentDue(account_id="main", order_id=one.order_id) for one in events if not one.order_id.startswith("x")
    )
    return [not one.order_id.startswith("x") for one in events]


@pytest.fixture
def sharing(bench: Bench) -> Bench:
    """A pipeline whose handler takes many."""
    bench.together = take_all
    return bench


def posted(bench: Bench) -> list[str]:
    return [row.key for row in bench.posted() if row.topic == "shipment.due"]


def outcomes(bench: Bench) -> dict[str, str]:
    with bench.database.unit_of_work() as work:
        return {row.event_id: row.outcome for row in work.session.query(InboxRow)}


def count(bench: Bench) -> float:
    labels = {"service": bench.pipeline.service, "type": "order.shipped", "outcome": "handled"}
    return REGISTRY.get_sample_value("orderbridge_events_total", labels) or 0.0


def test_one_transaction_and_an_inbox_row_each(sharing: Bench) -> None:
    commits: list[object] = []
    sharing.pipeline.self_pause.is_paused()
    before = count(sharing)
    sqlalchemy_event.listen(sharing.database.engine, "commit", commits.append)
    messages = [shipped(name, offset) for offset, name in enumerate("abc")]
    assert sharing.pipeline.process_together(messages) == [True] * 3
    assert len(commits) == 1
    assert len(posted(sharing)) == 3
    assert outcomes(sharing) == {message.place(): "handled" for message in messages}
    assert count(sharing) - before == 3
    assert [sharing.pipeline.process(message) for message in messages] == ["repeated"] * 3
    assert sharing.handled == []


def test_what_is_out_of_the_ordinary_is_left(sharing: Bench) -> None:
    known = shipped("known", 0)
    assert sharing.pipeline.process(known) == "handled"
    messages = [
        known,
        original(b"garbage", offset=1),
        original(b'{"order_id": "1"}', offset=2),
        shipped("wrong type", 3, event_id="e3", kind="order.imported"),
        shipped("x-left", 4),
        shipped("good", 5, event_id="e5"),
        shipped("good", 6, event_id="e5"),
        shipped("other", 7, event_id="e5"),
    ]
    assert sharing.pipeline.process_together(messages) == [False] * 5 + [True, False, False]
    assert outcomes(sharing) == {known.place(): "handled", "e5": "handled"}
    assert len(posted(sharing)) == 1
    rest = [sharing.pipeline.process(message) for message in (*messages[:5], *messages[6:])]
    assert rest == ["repeated", "dead-letter", "dead-letter", "dead-letter", "handled", "repeated", "dead-letter"]


@pytest.mark.parametrize("error", [ValueError("bug"), OperationalError("away", {}, Exception())])
def test_where_one_fails_nothing_is_done_and_all_are_left(sharing: Bench, error: Exception) -> None:
    def fail_at_the_end(events: Sequence[OrderShipped], work: Work) -> list[bool]:
        take_all(events, work)
        raise error

    sharing.together = fail_at_the_end
    messages = [shipped("a", 0), shipped("b", 1)]
    assert sharing.pipeline.process_together(messages) == [False, False]
    assert (posted(sharing), outcomes(sharing)) == ([], {})
    assert [sharing.pipeline.process(message) for message in messages] == ["handled", "handled"]
    assert sharing.handled == ["a", "b"]


def test_what_another_process_commits_meanwhile_is_not_done_twice(sharing: Bench) -> None:
    messages = [shipped("a", 0), shipped("b", 1)]

    def overtaken(events: Sequence[OrderShipped], work: Work) -> list[bool]:
        work.rollback()
        sharing.pipeline.process(messages[1])
        return take_all(events, work)

    sharing.together = overtaken
    assert sharing.pipeline.process_together(messages) == [False, False]
    assert posted(sharing) == []
    assert [sharing.pipeline.process(message) for message in messages] == ["handled", "repeated"]
    assert sharing.handled == ["b", "a"]


def test_a_paused_service_takes_none(sharing: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing.pipeline.self_pause, "is_paused", lambda: True)
    assert sharing.pipeline.process_together([shipped("a", 0), shipped("b", 1)]) == [False, False]
    assert outcomes(sharing) == {}


def test_where_traces_are_sent_each_has_its_own(sharing: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "is_on", lambda: True)
    assert sharing.pipeline.process_together([shipped("a", 0), shipped("b", 1)]) == [False, False]


def test_no_cause_is_given_to_a_handler_of_many(sharing: Bench) -> None:
    """It would be that of one of them."""
    causes: list[object] = []

    def ask(events: Sequence[OrderShipped], work: Work) -> list[bool]:
        with pytest.raises(LookupError):
            causes.append(work.cause)
        return take_all(events, work)

    sharing.together = ask
    assert sharing.pipeline.process_together([shipped("a", 0), shipped("b", 1)]) == [True, True]


def test_only_its_own_topics_are_shared(sharing: Bench) -> None:
    assert sharing.pipeline.shares_transactions("order.shipped")
    assert not sharing.pipeline.shares_transactions("shipper.retry")


def test_the_inbox_knows_by_whole_identities(bench: Bench) -> None:
    """Two ids and two sources are four events."""
    with bench.database.unit_of_work() as work:
        assert inbox.record_handled(work, "shipper", {("s", "1"): "d", ("t", "2"): digest(shipped("a", 0))}) == 2
        assert inbox.record_handled(work, "shipper", {("s", "1"): "d", ("s", "2"): "d"}) == 1
        assert inbox.record_handled(work, "shipper", {}) == 0
    with bench.database.unit_of_work() as work:
        asked = [("s", "1"), ("s", "2"), ("t", "1"), ("t", "2")]
        assert inbox.known(work, "shipper", asked) == {("s", "1"), ("s", "2"), ("t", "2")}
        assert inbox.known(work, "importer", asked) == set()
        assert inbox.known(work, "shipper", []) == set()
