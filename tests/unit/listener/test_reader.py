"""Reading a queue: what was taken is deleted, what was not is left, and an outage is waited for ever longer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy.exc import OperationalError

from orderbridge.database.unit_of_work import Database
from services.listener import app, messages, reader
from services.listener.app import Listener
from services.listener.queues import Message, QueueTrouble, region_of
from services.listener.reader import Reader
from tests.parts.databases import migrated

Step = Callable[[], list[Message]]


class Scripted:
    """A queue that does what the test says, then stops the reader."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.deleted: list[str] = []
        self.pauses: list[float] = []
        self.states: list[tuple[str, str | None]] = []
        self.closed = False
        self.reader: Reader

    def receive(self) -> list[Message]:
        if not self.steps:
            self.reader.stop()
            return []
        return self.steps.pop(0)()

    def delete(self, messages: list[Message]) -> None:
        self.deleted += [message.receipt for message in messages]

    def close(self) -> None:
        self.closed = True

    def wait(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.states.append((self.reader.state, self.reader.waiting_for))


def trouble() -> list[Message]:
    raise QueueTrouble("EndpointConnectionError: nobody there")


def some(*receipts: str) -> Step:
    return lambda: [Message("<html>", receipt) for receipt in receipts]


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    with migrated(sqlite_url) as database:
        yield database


def read(database: Database, *steps: Step) -> Scripted:
    queue = Scripted(*steps)
    queue.reader = Reader("https://queue", queue, database, queue.wait)
    queue.reader.run()
    assert queue.closed
    return queue


def test_what_was_taken_is_deleted(database: Database) -> None:
    queue = read(database, some("1", "2"), some(), some("3"))
    assert (queue.deleted, queue.pauses) == (["1", "2", "3"], [])


def test_an_outage_is_waited_for_ever_longer_and_told(database: Database) -> None:
    queue = read(database, *[trouble] * 8, some("1"), trouble)
    assert queue.pauses == [1, 2, 4, 8, 16, 32, 60, 60, 1]
    assert queue.deleted == ["1"]
    assert set(queue.states) == {("waiting", "Amazon SQS (EndpointConnectionError: nobody there)")}
    assert (queue.reader.state, queue.reader.waiting_for) == ("ok", None)


def test_what_fails_is_left_to_the_queue(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in one message holds up no other; without the database the rest of them waits."""
    troubles = iter([ZeroDivisionError(), None, OperationalError("BEGIN", {}, Exception()), None])

    def failing(database: Database, body: str) -> str:
        error = next(troubles)
        if error is not None:
            raise error
        return messages.take(database, body)

    monkeypatch.setattr(reader, "take", failing)
    queue = read(database, some("1", "2", "3", "4"), some("5"))
    assert queue.deleted == ["2", "5"]
    assert queue.states == [("waiting", "the database (OperationalError)")]


class Silent:
    def receive(self) -> list[Message]:
        return []

    def delete(self, messages: list[Message]) -> None: ...

    def close(self) -> None: ...


def test_without_a_subscription_it_waits_and_says_so(database: Database) -> None:
    listener = Listener(database, lambda _: Silent())
    listener.look()
    assert listener.report() == {"state": "ok", "waiting_for": "a subscription", "queues": {}}


def test_without_the_database_it_waits_and_says_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener(database, lambda _: Silent())
    monkeypatch.setattr(app, "is_outage", lambda _: True)
    database.engine.dispose()
    monkeypatch.setattr(database, "unit_of_work", lambda: 1 / 0)
    listener.look()
    assert listener.report() == {"state": "waiting", "waiting_for": "the database", "queues": {}}


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.us-east-1.amazonaws.com/123456789012/orders", "us-east-1"),
        ("https://vpce-1a2b.sqs.eu-west-1.vpce.amazonaws.com/123456789012/orders", "eu-west-1"),
        ("https://eu-central-1.queue.amazonaws.com/123456789012/orders", "eu-central-1"),
        ("http://127.0.0.1:5000/123456789012/orders", None),
    ],
)
def test_the_region_stands_in_the_url(url: str, region: str | None) -> None:
    assert region_of(url) == region
