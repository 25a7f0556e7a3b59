"""The whole system through everything that goes wrong: afterwards the books of Amazon and the store agree.

The seed is printed with the schedule that it makes, and ORDERBRIDGE_CHAOS_SEED replays it (docs/reliability.md).
ORDERBRIDGE_CHAOS_ORDERS and ORDERBRIDGE_CHAOS_KILLS make the long run smaller.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.parts.chaos.schedule import ALONE, AMAZON, AMAZONS_WIRE, KILL, MEMORY, STOP, Size

ORDERS = int(os.environ.get("ORDERBRIDGE_CHAOS_ORDERS") or 10_000)
KILLS = int(os.environ.get("ORDERBRIDGE_CHAOS_KILLS") or 200)
SHORT = Size(
    orders=120,
    kills=9,
    each=1,
    lasts=75,
    longest=6,
    session=4,
    drain=150,
    day_30=(15, 45),
    disk=512 << 20,
    patience=20,
    hurried=True,
)
LONG = Size(
    orders=ORDERS,
    kills=KILLS,
    each=3 if KILLS >= 100 else 1,
    lasts=max(180, KILLS * 7.5),
    longest=60,
    session=10,
    drain=1500,
    day_30=(60, 600),
    disk=3 << 29,
    patience=60,
    hurried=True,
)
DOUBTED = replace(SHORT, orders=80, kills=2, each=2, lasts=40, longest=15, drain=120)
PARTS = pytest.mark.parametrize(
    ("own_kafka", "own_postgres"), [({"behind": "kafka_proxy"}, {"disk": "small_disk"})], indirect=True, ids=["own"]
)

Go = Callable[..., dict[str, Any]]


@PARTS
@pytest.mark.parametrize("size", [SHORT], ids=["short"])
@pytest.mark.timeout(600)
def test_every_kind_of_fault(go: Go) -> None:
    result = go()
    assert {KILL, STOP, MEMORY, *ALONE, *AMAZON, *AMAZONS_WIRE} <= result["faults"].keys()


@pytest.mark.long
@PARTS
@pytest.mark.parametrize("size", [LONG], ids=["long"])
@pytest.mark.timeout(6 * 3600)
def test_ten_thousand_orders(go: Go) -> None:
    result = go()
    assert result["kills"] >= KILLS


@pytest.mark.long
@PARTS
@pytest.mark.parametrize("size", [DOUBTED], ids=["doubted"])
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("defect", "faults", "loss"),
    [
        ("acknowledged_before_commit", ("database stopped",), r"lost: shipment \S+ \S+: no answer"),
        ("handled_again", ("offsets set back",), r"doubled: shipment \S+ \S+: answered [2-9] times"),
        ("another_package_id", ("drop_after_effect",), r"doubled: (package|order) \S+"),
    ],
)
def test_a_planted_defect_is_found(go: Go, defect: str, faults: tuple[str, ...], loss: str) -> None:
    with pytest.raises(AssertionError, match=loss):
        go(faults=faults, defect=defect)
