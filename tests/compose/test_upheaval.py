"""Copies are added and taken away, each container is killed, all are made anew, while orders come: the books agree.

Minutes: `make compose` runs it. The short form is in test_house.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.parts.compose_house import ComposeHouse
from tests.parts.compose_trade import Trade, check, going_on, wait_for_partitions

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
SCALED = {"importer": 2, "shipper": 3, "redactor": 2, "ticker": 2}
KILLED = ("importer", "shipper", "ticker", "redactor", "reporter", "api", "console", "storefront", "postgres", "kafka")


@pytest.fixture(scope="module")
def trade(house: ComposeHouse) -> Iterator[Trade]:
    """Orders come all the time."""
    with Trade(house) as trade:
        yield trade


def test_copies_share_the_work(house: ComposeHouse, trade: Trade) -> None:
    scale = [f"{service}={copies}" for service, copies in SCALED.items()]
    house.up("--no-recreate", *(word for one in scale for word in ("--scale", one)))
    for service in SCALED.keys() - {"ticker"}:  # of which one holds the lease and the other stands by
        wait_for_partitions(house, service, SCALED[service])
    going_on(trade)
    house.up("--no-recreate")
    assert [len(house.containers(service)) for service in SCALED] == [1, 1, 1, 1]
    going_on(trade)


@pytest.mark.parametrize("service", KILLED)
def test_a_container_is_killed(house: ComposeHouse, trade: Trade, service: str) -> None:
    house.kill(service)
    going_on(trade)


def test_an_upgrade_makes_all_containers_anew(house: ComposeHouse, trade: Trade) -> None:
    before = {service: house.containers(service) for service in (*SCALED, "console", "api", "kafka", "postgres")}
    house.up("--force-recreate")
    assert all(house.containers(service) != ids for service, ids in before.items())
    going_on(trade)


def test_the_books_agree(trade: Trade) -> None:
    trade.end()
    check(trade, crashes=len(KILLED))
