"""The schedule of a test of chaos: the seed alone makes it, and nothing is left out."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import pytest

from tests.parts.chaos.schedule import ALONE, AMAZON, AMAZONS_WIRE, KILL, MEMORY, STOP, WORKERS, Size, schedule

SIZE = Size(orders=10, kills=20, each=2, lasts=300, longest=12, session=4, drain=10, day_30=(1, 2), disk=1, patience=1)


def test_the_seed_makes_the_schedule() -> None:
    assert schedule(7, SIZE) == schedule(7, SIZE)
    assert schedule(7, SIZE) != schedule(8, SIZE)


@pytest.mark.parametrize("seed", range(30))
def test_every_kind_is_there_as_often_as_asked_for(seed: int) -> None:
    counted = Counter(fault.kind for fault in schedule(seed, SIZE).faults)
    assert counted == Counter({KILL: 20} | dict.fromkeys((*ALONE, *AMAZON, *AMAZONS_WIRE, MEMORY, STOP), 2))


@pytest.mark.parametrize("seed", range(30))
def test_a_shipper_dies_while_the_database_is_away(seed: int) -> None:
    faults = schedule(seed, SIZE).faults
    for away in (fault for fault in faults if fault.kind == "database stopped"):
        dies = [one for one in faults if one.kind == KILL and away.at < one.at < away.at + away.lasts]
        assert {one.target for one in dies} & {"shipper", "shipper-2"}


@pytest.mark.parametrize("seed", range(30))
def test_what_needs_the_house_for_itself_has_it(seed: int) -> None:
    alone = [fault for fault in schedule(seed, SIZE).faults if fault.kind in ALONE]
    assert all(one.at + one.lasts <= other.at for one, other in itertools.pairwise(alone))


def test_with_as_many_kills_as_workers_each_is_killed() -> None:
    faults = schedule(1, replace(SIZE, kills=11)).faults
    assert {fault.target for fault in faults if fault.kind == KILL} >= set(WORKERS)


def test_only_the_kinds_that_are_asked_for() -> None:
    assert {fault.kind for fault in schedule(1, SIZE, ("kafka cut",)).faults} == {KILL, "kafka cut"}
