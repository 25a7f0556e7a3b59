"""The relay with a broker that fails on demand: order per key, nothing lost, marked only after the answer."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from orderbridge.bus.publisher import Outgoing
from orderbridge.database.unit_of_work import Database
from schemas.imports import ImportDue
from services.ticker.relay import BATCH, HELD_BACK, LEASE_SECONDS, SHARE, Relay
from services.ticker.wake import SqliteWaker
from tests.parts.databases import aged, empty, outbox, post, unpublished
from tests.parts.hand_clock import START, HandClock
from tests.parts.patience import PATIENCE
from tests.parts.publishing import FakeBroker, first_appearances


@pytest.fixture
def broker() -> FakeBroker:
    """Takes everything, unless told otherwise."""
    return FakeBroker()


def relay_of(database: Database, broker: FakeBroker, holder: str = "a") -> Relay:
    return Relay(database, broker.publish, holder)


def test_what_is_due_is_published_in_order_and_marked(database: Database, broker: FakeBroker) -> None:
    ids = post(database, *(aged(key) for key in "ABACBA"))
    tick = relay_of(database, broker).tick()
    assert (tick.active, tick.published, tick.more, tick.next_due) == (True, 6, False, None)
    assert [broker.ids(key) for key in "ABC"] == [[ids[0], ids[2], ids[5]], [ids[1], ids[4]], [ids[3]]]
    assert [row.published_at for row in outbox(database)] == [START] * 6
    assert relay_of(database, broker).tick().published == 0


def test_a_relay_that_ends_leaves_its_lease_to_the_next(database: Database, broker: FakeBroker) -> None:
    first, second = relay_of(database, broker, "a"), relay_of(database, broker, "b")
    assert (first.tick().active, second.tick().active) == (True, False)
    first.end()
    assert (second.tick().active, first.tick().active) == (True, False)


def test_a_message_is_the_event_in_binary_mode(database: Database, broker: FakeBroker) -> None:
    (event_id,) = post(database, aged("A"))
    relay_of(database, broker).tick()
    (message,) = broker.taken
    headers = dict(message.headers)
    assert (message.topic, message.key, message.value) == ("order.aged", "A", outbox(database)[0].body.encode())
    assert headers["ce_id"] == event_id.encode()
    assert headers["ce_type"] == b"order.aged"
    assert headers["ce_source"] == b"orderbridge"
    assert headers["ce_subject"] == b"A"
    assert headers["ce_time"].startswith(b"2026-11-24T09:00:00")


def test_nothing_goes_before_its_date(database: Database, broker: FakeBroker, clock: HandClock) -> None:
    post(database, aged("A"), at=START + timedelta(seconds=3))
    post(database, aged("B"), at=START + timedelta(seconds=9))
    relay = relay_of(database, broker)
    assert relay.tick().next_due == START + timedelta(seconds=3)
    clock.advance(seconds=3)
    tick = relay.tick()
    assert (broker.waves, tick.next_due) == ([["A"]], START + timedelta(seconds=9))


def test_a_backlog_is_published_batch_by_batch(database: Database, broker: FakeBroker) -> None:
    with database.unit_of_work() as work:
        ids = [work.post(aged(str(number % 70))) for number in range(BATCH + 30)]
    relay = relay_of(database, broker)
    ticks = [relay.tick() for _ in range(2)]
    assert [(tick.published, tick.more) for tick in ticks] == [(BATCH, True), (30, False)]
    assert sorted(broker.ids()) == sorted(ids)


def test_of_two_posts_for_now_the_first_goes_first_whatever_the_posters_clocks_said(
    database: Database, broker: FakeBroker, clock: HandClock
) -> None:
    """Two workers' measures of the database's time differ by milliseconds; the order's row lock gave the order."""
    relays_clock = clock
    database.clock = HandClock(START + timedelta(milliseconds=40))
    first = post(database, aged("A"))
    database.clock = HandClock(START - timedelta(milliseconds=40))
    second = post(database, aged("A"))
    database.clock = relays_clock
    relay_of(database, broker).tick()
    assert broker.ids() == first + second


def test_a_refused_event_holds_back_its_key_only(database: Database, broker: FakeBroker, clock: HandClock) -> None:
    ids = post(database, *(aged(key) for key in "ABABC"))
    broker.refused = {"A"}
    relay = relay_of(database, broker)
    tick = relay.tick()
    assert (tick.published, tick.next_due) == (3, START + HELD_BACK)
    assert broker.waves == [["A", "B", "C"], ["B"]]  # A's second event is not even tried
    broker.refused = set()
    assert relay.tick().published == 0
    clock.advance(seconds=HELD_BACK.total_seconds())
    assert relay.tick().published == 2
    assert broker.ids("A") == [ids[0], ids[2]]
    assert unpublished(database) == 0


def test_a_refused_key_with_a_long_queue_does_not_starve_the_others(database: Database, broker: FakeBroker) -> None:
    with database.unit_of_work() as work:
        for _ in range(BATCH + 1):
            work.post(aged("A"))
        work.post(aged("B"))
    broker.refused = {"A"}
    relay = relay_of(database, broker)
    relay.tick()
    relay.tick()
    assert {message.key for message in broker.taken} == {"B"}


class Cut(Exception):
    """The connection broke, and nobody knows what the broker took."""


def test_when_publishing_raises_nothing_is_marked_and_nothing_lost(database: Database, broker: FakeBroker) -> None:
    ids = post(database, *(aged(key) for key in "AAB"))

    def cut_the_second_wave(wave: list[Outgoing]) -> None:
        if len(broker.waves) == 2:
            raise Cut

    broker.before = cut_the_second_wave
    relay = relay_of(database, broker)
    with pytest.raises(Cut):
        relay.tick()
    assert unpublished(database) == 3
    assert relay.tick().published == 3
    assert first_appearances(broker.ids("A")) == ids[:2]
    assert set(broker.ids()) == set(ids)
    assert unpublished(database) == 0


def test_what_is_replaced_while_under_way_is_published_too(database: Database, broker: FakeBroker) -> None:
    (old,) = post(database, aged("A"), name="due:A")
    new: list[str] = []

    def replace(wave: list[Outgoing]) -> None:
        broker.before = lambda wave: None
        new.extend(post(database, aged("A"), name="due:A"))

    broker.before = replace
    relay = relay_of(database, broker)
    relay.tick()
    assert unpublished(database) == 1
    relay.tick()
    assert broker.ids() == [old, *new]
    assert unpublished(database) == 0


def test_marking_waits_for_nobody_who_is_just_replacing(
    migrated_postgres: Database, broker: FakeBroker, clock: HandClock
) -> None:
    """Whoever replaces several names may want one that we hold: neither must wait for the other."""
    database = migrated_postgres
    database.clock = clock
    empty(database)
    (old, other) = post(database, aged("A"), name="due:A") + post(database, aged("B"), name="due:B")
    relay = relay_of(database, broker)
    with database.unit_of_work() as work:
        new = work.post(aged("A"), name="due:A")  # and not committed yet
        for _ in range(3):
            relay.tick()  # it is not published again at every tick either
        assert sorted(broker.ids()) == sorted([old, other])
    assert unpublished(database) == 1
    clock.advance(seconds=HELD_BACK.total_seconds())
    relay.tick()
    assert broker.ids("A") == [old, new]
    assert unpublished(database) == 0


def test_what_is_withdrawn_while_under_way_stays_away(database: Database, broker: FakeBroker) -> None:
    post(database, aged("A"), name="due:A")

    def withdraw(wave: list[Outgoing]) -> None:
        with database.unit_of_work() as work:
            work.withdraw("due:A")

    broker.before = withdraw
    relay_of(database, broker).tick()
    assert outbox(database) == []


def test_one_relay_is_active_until_its_lease_runs_out(database: Database, broker: FakeBroker, clock: HandClock) -> None:
    a, b = relay_of(database, broker, "a"), relay_of(database, broker, "b")
    assert a.tick().active
    post(database, aged("A"))
    assert not b.tick().active
    assert broker.taken == []
    clock.advance(seconds=LEASE_SECONDS)
    assert b.tick().published == 1
    post(database, aged("B"))
    assert not a.tick().active
    assert b.tick().published == 1


def test_a_lease_in_use_is_renewed(
    database: Database, broker: FakeBroker, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = relay_of(database, broker, "a"), relay_of(database, broker, "b")
    now = time.monotonic()
    monkeypatch.setattr("services.ticker.relay.monotonic", lambda: now)
    for _ in range(10):
        assert a.tick().active
        assert not b.tick().active
        now += 1.0
        clock.advance(seconds=1)


def test_a_takeover_in_the_middle_of_publishing_may_repeat_but_never_skips(
    database: Database, broker: FakeBroker, clock: HandClock
) -> None:
    ids = post(database, *(aged(key) for key in "AAABB"))
    hangs, go_on = threading.Event(), threading.Event()

    def hang_in_the_second_wave(wave: list[Outgoing]) -> None:
        if len(broker.waves) == 2:
            hangs.set()
            assert go_on.wait(20 * PATIENCE)

    broker.before = hang_in_the_second_wave
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(relay_of(database, broker, "a").tick)
        assert hangs.wait(20 * PATIENCE)
        clock.advance(seconds=LEASE_SECONDS)
        assert relay_of(database, broker, "b").tick().published == 5
        late = post(database, aged("A"))
        go_on.set()
        slow.result(20 * PATIENCE)
    assert unpublished(database) == 1  # the late one, which the slow relay never read
    clock.advance(seconds=LEASE_SECONDS)
    relay_of(database, broker, "b").tick()
    assert first_appearances(broker.ids("A")) == [*ids[:3], *late]
    assert first_appearances(broker.ids("B")) == ids[3:]
    assert len(broker.ids()) > 6  # it did repeat
    assert unpublished(database) == 0


@pytest.mark.parametrize("wave", [1, 2])
def test_stopped_past_its_lease_it_begins_no_wave(
    database: Database, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch, wave: int
) -> None:
    """SIGSTOP between reading and publishing, or between two waves: another may have taken over."""
    ids = post(database, *(aged(key) for key in "AAB"))
    readings = iter([0.0] * wave)
    monkeypatch.setattr("services.ticker.relay.monotonic", lambda: 100 + next(readings, LEASE_SECONDS + 0.1))
    relay = relay_of(database, broker)
    tick = relay.tick()
    assert len(broker.waves) == wave - 1
    assert tick.more  # so that the rest is looked at without a pause
    while relay.tick().more:
        monkeypatch.undo()
    assert [broker.ids("A"), broker.ids("B")] == [ids[:2], ids[2:]]


def test_an_idle_relay_does_not_wake_itself(migrated_sqlite: Database, broker: FakeBroker, clock: HandClock) -> None:
    """SQLite's waker wakes at every write: a relay that wrote at each tick would never rest."""
    migrated_sqlite.clock = clock
    empty(migrated_sqlite)
    relay = relay_of(migrated_sqlite, broker)
    post(migrated_sqlite, aged("A"))
    relay.tick()
    waker = SqliteWaker(str(migrated_sqlite.engine.url))
    waker.wait(0.01)
    for _ in range(3):
        clock.advance(seconds=0.1)
        relay.tick()
        began = time.monotonic()
        waker.wait(0.1)
        assert time.monotonic() - began >= 0.1
    waker.close()


def test_a_night_of_redactions_lets_others_by(database: Database, broker: FakeBroker, clock: HandClock) -> None:
    night = START + timedelta(hours=1)
    with database.unit_of_work() as work:
        for number in range(3 * BATCH):
            work.post(aged(str(number)), at=night)
    clock.advance(hours=1, seconds=1)
    post(database, ImportDue(account_id="main", reason="now"))
    relay = relay_of(database, broker)
    first = relay.tick()
    assert (first.published, first.more) == (SHARE + 1, True)
    assert [message.topic for message in broker.taken].count("import.due") == 1
    with database.unit_of_work() as work:
        for number in range(2 * BATCH):
            work.post(ImportDue(account_id=f"a{number}", reason="now"))
    before = len(broker.taken)
    relay.tick()
    topics = Counter(message.topic for message in broker.taken[before:])
    assert topics == {"order.aged": SHARE, "import.due": BATCH - SHARE}, "neither waits for all of the other"
    while relay.tick().published:
        pass
    assert unpublished(database) == 0
    assert len(broker.ids()) == len(set(broker.ids())) == 5 * BATCH + 1
