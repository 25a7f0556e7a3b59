"""Generated and mutated events on every topic that a service reads: none crashes, blocks or pauses a service.

`make garbage` sends 100,000 of them. A failure names the number that makes the same message again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.parts.garbage_house import GarbageHouse
from tests.parts.mail_server import MailServer
from tests.parts.mailing_system import MailingSystem
from tests.parts.sandbox_server import SandboxServer

Start = Callable[[str], GarbageHouse]
ROUND = 20  # messages to a topic, then what they have led to is done


@pytest.fixture
def house(sqlite_url: str, tmp_path: Path, sandbox: SandboxServer) -> Iterator[GarbageHouse]:
    """On SQLite."""
    server = MailServer()
    server.start()
    with closing(MailingSystem(sqlite_url, tmp_path, sandbox, server)) as system:
        yield GarbageHouse(system)
    server.stop()


@pytest.fixture
def postgres_house(postgres_url: str, tmp_path: Path, sandbox: SandboxServer) -> Iterator[GarbageHouse]:
    """On PostgreSQL, which takes no NUL and no number that is too large."""
    server = MailServer()
    server.start()
    with closing(MailingSystem(postgres_url, tmp_path, sandbox, server)) as system:
        yield GarbageHouse(system)
    server.stop()


def play(house: GarbageHouse, total: int, first: int) -> None:
    topics = house.topics()
    for at in range(0, total, ROUND):
        topic = topics[at // ROUND % len(topics)]
        for number in range(first + at, first + at + ROUND):
            house.send(topic, number)
        house.let_pass(1)
    house.check()
    assert {topic for topic in topics if house.outcomes[topic]["handled"]} >= {"order.shipped", "import.due"}
    assert {topic for topic in topics if house.outcomes[topic]["dead-letter"]} >= set(topics) - {"order.shipped"}


def test_garbage_on_every_topic(house: GarbageHouse) -> None:
    play(house, 1_000, 0)


def test_garbage_on_every_topic_with_postgresql(postgres_house: GarbageHouse) -> None:
    play(postgres_house, 1_000, 1_000)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(1_000_000, 1_050_000, 10_000))
def test_much_garbage(house: GarbageHouse, first: int) -> None:
    play(house, 10_000, first)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(2_000_000, 2_050_000, 10_000))
def test_much_garbage_with_postgresql(postgres_house: GarbageHouse, first: int) -> None:
    play(postgres_house, 10_000, first)
