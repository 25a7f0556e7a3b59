"""The pipeline: what becomes of one message, in each of the three classes of failure."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from orderbridge.bus.envelope import binary_message
from orderbridge.bus.outcomes import NotYet, Rejected, Skipped
from orderbridge.bus.pipeline import RetryPolicy
from orderbridge.bus.self_pause import resume
from orderbridge.database.unit_of_work import Work
from schemas.failures import DeadLetter, Original
from schemas.shipments import OrderShipped
from tests.parts.pipeline_bench import START, Bench, original

BODY = b'{"order_id": "114-1", "carrier": "ups", "tracking_number": "1Z"}'
CANARY = "Canary-Bird-4711"


def let_handler_raise(bench: Bench, error: Exception) -> None:
    def handler(_event: OrderShipped, _work: Work) -> None:
        raise error

    bench.handler = handler


def back_from_retry(bench: Bench, offset: int) -> Original:
    """The newest retry as it comes back on the service's own topic."""
    row = [row for row in bench.posted() if row.topic == "shipper.retry"][-1]
    headers, value = binary_message(row.event_id, row.event_type, row.key, row.posted_at, row.body)
    return original(value, offset=offset, topic="shipper.retry", headers=headers)


def test_handled_once_in_effect(bench: Bench) -> None:
    assert [bench.pipeline.process(original(BODY)) for _ in range(2)] == ["handled", "repeated"]
    assert bench.handled == ["114-1"]


def test_wrong_input_is_a_dead_letter_and_never_counts(bench: Bench) -> None:
    outcomes = {bench.pipeline.process(original(b"garbage", offset=offset)) for offset in range(50)}
    assert outcomes == {"dead-letter"}
    assert len(bench.dead_letters()) == 50
    assert not bench.pipeline.self_pause.is_paused()
    assert bench.pipeline.process(original(b"garbage", offset=0)) == "repeated"
    assert len(bench.dead_letters()) == 50


ENVELOPE = [("ce_id", b"e-1"), ("ce_source", b"store"), ("ce_type", b"order.shipped"), ("ce_specversion", b"1.0")]


@pytest.mark.parametrize("copy", [True, False])
def test_an_id_used_by_another_event_during_the_last_failure(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, copy: bool
) -> None:
    """What is to be given up finds its id in the inbox: as a copy it is done, as another event it is refused."""
    other = original(BODY if copy else BODY.replace(b"1Z", b"2Z"), offset=1, headers=ENVELOPE)
    let_handler_raise(bench, RuntimeError())

    def no_more(_policy: RetryPolicy, _failures: int) -> None:
        bench.handler = lambda _event, _work: None
        assert bench.pipeline.process(other) == "handled"

    monkeypatch.setattr(RetryPolicy, "next_delay", no_more)
    outcome = bench.pipeline.process(original(BODY, offset=0, headers=ENVELOPE))
    assert outcome == ("repeated" if copy else "dead-letter")
    assert [letter.reason for letter in bench.dead_letters()] == ([] if copy else ["event_id_reused"])


def test_an_effect_before_a_rejection_is_rolled_back(bench: Bench) -> None:
    def handler(_event: OrderShipped, work: Work) -> None:
        work.post(DeadLetter(service="x", original=original(b""), failures=0, reason="", message="", failed_at=START))
        raise Rejected("no", "No.")

    bench.handler = handler
    assert bench.pipeline.process(original(BODY)) == "dead-letter"
    assert [letter.reason for letter in bench.dead_letters()] == ["no"]


def test_skipped_is_counted_and_no_dead_letter(bench: Bench) -> None:
    let_handler_raise(bench, Skipped("none of ours"))
    assert [bench.pipeline.process(original(BODY)) for _ in range(2)] == ["skipped", "repeated"]
    assert not bench.posted()


def test_given_back_to_a_date_without_a_failure(bench: Bench) -> None:
    until = START + timedelta(hours=2)
    let_handler_raise(bench, NotYet(until, "Amazon is unwell"))
    assert bench.pipeline.process(original(BODY)) == "given-back"
    ((due_at, given_back),) = bench.retries()
    assert (due_at, given_back.failures, given_back.original.value) == (until, 0, BODY)
    assert bench.pipeline.process(original(BODY)) == "given-back"  # a second copy, after a crash: replaces the first
    assert len(bench.retries()) == 1


def test_a_failing_handler_backs_off_and_ends_as_a_dead_letter(bench: Bench) -> None:
    let_handler_raise(bench, RuntimeError(CANARY))
    message, due = original(BODY, headers=[("a", None), ("a", b"\xff")]), []
    for attempt in range(3):
        assert bench.pipeline.process(message) == ("failed" if attempt < 2 else "dead-letter")
        if attempt < 2:
            due.append(bench.retries()[-1][0] - bench.clock.moment)
            message = back_from_retry(bench, attempt)
    assert due == [timedelta(seconds=5), timedelta(seconds=20)]
    (letter,) = bench.dead_letters()
    assert (letter.reason, letter.failures, letter.original) == (
        "handler_failed",
        3,
        original(BODY, headers=letter.original.headers).model_copy(update={"seen_at": START}),
    )
    assert list(letter.original.headers) == [("a", None), ("a", b"\xff")]
    assert letter.exception is not None
    assert "RuntimeError" in letter.exception
    assert CANARY not in letter.model_dump_json()


def test_a_failure_mended_in_time_is_handled_when_it_comes_back(bench: Bench) -> None:
    good = bench.handler
    let_handler_raise(bench, RuntimeError(CANARY))
    assert bench.pipeline.process(original(BODY)) == "failed"
    bench.handler = good
    assert bench.pipeline.process(back_from_retry(bench, 0)) == "handled"
    assert [bench.pipeline.process(back_from_retry(bench, 1)), bench.pipeline.process(original(BODY))] == [
        "repeated"
    ] * 2
    assert bench.handled == ["114-1"]


def test_our_own_database_away_is_nobodys_failure(bench: Bench) -> None:
    let_handler_raise(bench, OperationalError("SELECT 1", {}, Exception("gone")))
    with pytest.raises(OperationalError):
        bench.pipeline.process(original(BODY))
    assert not bench.posted()
    assert not bench.pipeline.self_pause.is_paused()


def test_pauses_at_the_bound_and_goes_on_when_resumed(bench: Bench) -> None:
    let_handler_raise(bench, RuntimeError(CANARY))
    for offset in range(19):
        bench.pipeline.process(original(BODY, offset=offset))
    bench.pipeline.process(original(BODY, offset=0))  # the same event again: one event, not two
    assert not bench.pipeline.self_pause.is_paused()
    bench.clock.moment += timedelta(seconds=1)
    bench.pipeline.process(original(BODY, offset=19))
    with bench.database.unit_of_work() as work:
        assert resume(work, "shipper")
    bench.clock.moment += timedelta(seconds=1)
    bench.pipeline.process(original(BODY, offset=20))
    with bench.database.unit_of_work() as work:
        assert not resume(work, "shipper")  # the failures before the resumption no longer count


def test_failures_spread_over_more_than_the_window_pause_nobody(bench: Bench) -> None:
    let_handler_raise(bench, RuntimeError(CANARY))
    for offset in range(40):
        bench.pipeline.process(original(BODY, offset=offset))
        bench.clock.moment += timedelta(minutes=1)
    assert not bench.pipeline.self_pause.is_paused()


def test_a_few_poisonous_events_among_many_good_ones_pause_nobody(bench: Bench) -> None:
    good = bench.handler
    for offset in range(30):
        bench.pipeline.process(original(BODY, offset=offset))
    let_handler_raise(bench, RuntimeError(CANARY))
    for offset in range(30, 55):
        bench.pipeline.process(original(BODY, offset=offset))
    assert not bench.pipeline.self_pause.is_paused()
    bench.handler = good


KEYS = st.none() | st.binary(max_size=10)
NAMES = st.sampled_from(["ce_id", "ce_source", "ce_type", "ce_time", "ce_specversion", "CE_ID", "ce_A B"])
HEADERS = st.lists(st.tuples(NAMES | st.text(max_size=6), KEYS | st.just(b"order.shipped")), max_size=6)
EXTENSION = b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "\\ud800": "x", "data": {}}'


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.none() | st.binary() | st.sampled_from([BODY, EXTENSION]), KEYS, HEADERS, st.integers(0, 2**40), st.booleans()
)
@example(EXTENSION, b"k", [], 1, False)
@example(b"1" * 5000, b"\xff", [("ce_id", b"\x00")], 2, True)
def test_garbage_never_raises(
    bench: Bench,
    value: bytes | None,
    key: bytes | None,
    headers: list[tuple[str, bytes | None]],
    offset: int,
    own: bool,
) -> None:
    topic = "shipper.retry" if own else "order.shipped"
    outcome = bench.pipeline.process(original(value, key=key, headers=headers, offset=offset, topic=topic))
    assert outcome in {"handled", "repeated", "dead-letter"}
