"""After a restart of a broker that forgets: what may not have been read is published again, under the same id."""

from __future__ import annotations

from datetime import timedelta

from orderbridge.bus.envelope import binary_message, digest, identity, open_envelope
from orderbridge.database import inbox
from orderbridge.database.models import OutboxRow
from orderbridge.database.unit_of_work import Database
from schemas.base import Event
from schemas.events import EVENTS
from schemas.failures import GivenBack, Original
from schemas.imports import ImportDue
from services.ticker.prune import prune
from services.ticker.relay import Relay
from services.ticker.republish import STORE_DAYS, republish_after_restart
from tests.parts.contract import EXAMPLES
from tests.parts.databases import aged, cause, outbox, post, unpublished
from tests.parts.hand_clock import START, HandClock
from tests.parts.publishing import FakeBroker


def published(database: Database, *events: Event, name: str | None = None) -> list[str]:
    """Post and publish; returns the ids."""
    ids = post(database, *events, name=name)
    with database.unit_of_work() as work:
        for row in work.session.query(OutboxRow).filter(OutboxRow.event_id.in_(ids)):
            row.published_at = work.now
    return ids


def handle(database: Database, consumer: str, event_id: str, source: str = "orderbridge") -> None:
    with database.unit_of_work(cause(event_id, source)) as work:
        inbox.record(work, consumer, "aa", "handled")


def waiting(database: Database) -> list[str]:
    return [row.event_id for row in outbox(database) if row.published_at is None]


def test_what_no_inbox_shows_as_handled_is_published_again(database: Database) -> None:
    handled, unread = published(database, aged("A"), aged("B"))
    handle(database, "redactor", handled)
    handle(database, "redactor", unread, source="somebody else")  # another event of the same id
    assert republish_after_restart(database) == 1
    assert waiting(database) == [unread]
    broker = FakeBroker()
    Relay(database, broker.publish, "a").tick()
    assert broker.ids() == [unread]


def test_what_no_worker_has_handled_is_published_again_however_old(database: Database, clock: HandClock) -> None:
    ids = published(database, aged("A"))
    clock.advance(days=STORE_DAYS + 10)  # paused for so long
    assert republish_after_restart(database) == 1
    assert waiting(database) == ids


def test_what_a_store_was_sent_lately_is_published_again(database: Database, clock: HandClock) -> None:
    order = EVENTS["order.imported"].model_validate(EXAMPLES["order.imported"])
    (old,) = published(database, order)
    clock.advance(days=STORE_DAYS - 1)
    (recent,) = published(database, order)
    clock.advance(days=1, seconds=1)
    assert republish_after_restart(database) == 1
    assert waiting(database) == [recent] != [old]


def test_retries_are_published_again(database: Database) -> None:
    original = Original(topic="order.shipped", partition=0, offset=7, timestamp=START, value=b"{}")
    ids = published(database, GivenBack(service="shipper", original=original, failures=1))
    assert republish_after_restart(database) == 1
    assert waiting(database) == ids


def test_a_retry_whose_original_is_done_stays(database: Database) -> None:
    """Its inbox forgets it some day: published until then, and after, it would be handled twice."""
    bare = Original(topic="order.shipped", partition=0, offset=7, timestamp=START, value=b"{}")
    named = bare.model_copy(
        update={"offset": 8, "headers": tuple(binary_message("1", "order.shipped", "A", START, "")[0])}
    )
    reused = named.model_copy(update={"offset": 9, "value": b'{"another": "event"}'})
    ids = [
        *published(database, GivenBack(service="shipper", original=bare, failures=1)),
        *published(database, GivenBack(service="shipper", original=named, failures=1)),
    ]
    others = [
        *published(database, GivenBack(service="redactor", original=bare, failures=1)),  # read by another
        *published(database, GivenBack(service="shipper", original=reused, failures=1)),  # under the id of one that is
    ]
    done: list[tuple[Original, inbox.Outcome]] = [(bare, "dead-letter"), (named, "handled")]
    for original, outcome in done:
        source, event_id = identity(original, open_envelope(original))
        with database.unit_of_work(cause(event_id, source)) as work:
            inbox.record(work, "shipper", digest(original), outcome)
    assert republish_after_restart(database) == 2
    assert waiting(database) == others
    assert not set(ids) & set(others)


def test_the_days_of_what_is_published_again_do_not_begin_anew(database: Database, clock: HandClock) -> None:
    """A retry has a store's words in plain: it goes after its 30 days, however often the house is started."""
    original = Original(topic="order.shipped", partition=0, offset=7, timestamp=START, value=b"{}")
    order = EVENTS["order.imported"].model_validate(EXAMPLES["order.imported"])
    post(database, GivenBack(service="shipper", original=original, failures=1))
    post(
        database,
        GivenBack(service="shipper", original=original, failures=1),
        at=START + timedelta(days=5),
        name="later",
    )
    post(database, order)
    relay = Relay(database, FakeBroker().publish, "a")
    left = {}
    for day in range(40):
        republish_after_restart(database)
        relay.tick()
        prune(database)
        left[day] = [row.topic for row in outbox(database)]
        clock.advance(days=1)
    assert left[30] == ["shipper.retry", "shipper.retry", "order.imported"]
    assert left[31] == left[35] == ["shipper.retry"]
    assert left[36] == []


def test_what_was_published_late_for_the_first_time_was_sent_lately(database: Database, clock: HandClock) -> None:
    """The machine was off for a week and a half, and is started twice before the store is."""
    order = EVENTS["order.imported"].model_validate(EXAMPLES["order.imported"])
    ids = post(database, order)
    clock.advance(days=STORE_DAYS + 3)
    relay = Relay(database, FakeBroker().publish, "a")
    republish_after_restart(database)
    relay.tick()
    clock.advance(seconds=600)
    assert republish_after_restart(database) == 1
    assert waiting(database) == ids


def test_what_nobody_of_us_reads_stays(database: Database) -> None:
    published(database, EVENTS["{service}.dead-letter"].model_validate(EXAMPLES["{service}.dead-letter"]))
    assert republish_after_restart(database) == 0


def test_what_still_waits_keeps_its_date_and_its_name(database: Database) -> None:
    (before,) = published(database, ImportDue(account_id="main", reason="now"), name="due:A")
    later = START + timedelta(days=1)
    (after,) = post(database, ImportDue(account_id="main", reason="now"), at=later, name="due:A")
    assert republish_after_restart(database) == 1
    rows = {row.event_id: row for row in outbox(database)}
    assert (rows[before].name, rows[before].published_at) == (f"again:{before}", None)
    assert (rows[after].name, rows[after].due_at) == ("due:A", later)


def test_twice_is_as_good_as_once(database: Database) -> None:
    published(database, aged("A"))
    assert republish_after_restart(database) == 1
    assert republish_after_restart(database) == 0
    assert unpublished(database) == 1
