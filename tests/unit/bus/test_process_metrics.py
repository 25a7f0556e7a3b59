"""What a process tells of itself: lag by topic without the prefix, one state of three, the disks that are there."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from prometheus_client.registry import Collector

from orderbridge.bus.process_metrics import DiskMetric, LagMetric, StateMetric
from orderbridge.settings import Settings


def told(collector: Collector) -> dict[tuple[str, ...], float]:
    return {
        (sample.name.removeprefix("orderbridge_"), *sample.labels.values()): sample.value
        for family in collector.collect()
        for sample in family.samples
    }


def test_lag_is_summed_by_topic() -> None:
    partitions = {"eu.order.shipped/0": (5, 9), "eu.order.shipped/1": (3, 4), "eu.import.due/0": (7, 6)}
    numbers = told(LagMetric("shipper", "eu.", lambda: partitions))
    assert numbers == {("lag_events", "shipper", "order.shipped"): 5, ("lag_events", "shipper", "import.due"): 0}


def test_while_partitions_are_handed_out_no_lag_is_told() -> None:
    def rebuilt() -> dict[str, tuple[int, int]]:
        raise RuntimeError

    assert told(LagMetric("shipper", "", rebuilt)) == {}


@pytest.mark.parametrize("state", ["ok", "waiting", "stuck"])
def test_one_state_is_1(state: str) -> None:
    numbers = told(StateMetric("shipper", lambda: state))
    states = {name[2]: value for name, value in numbers.items() if name[0] == "state"}
    assert {name for name, value in states.items() if value} == {state}
    assert len(states) == 3


def test_a_process_tells_one_start_though_it_waited_before_its_service_was_there() -> None:
    """Another start is another moment, which alerts count: who goes on after waiting must not look like it."""
    waiting, at_work = StateMetric("shipper", lambda: "waiting"), StateMetric("shipper", lambda: "ok")
    (started,) = {told(one)["started_timestamp_seconds", "shipper"] for one in (waiting, at_work)}
    assert time.time() - started > 0


def test_the_disks_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "ring").mkdir()
    url = f"sqlite:///{tmp_path / 'orderbridge.sqlite'}"
    both = told(DiskMetric(Settings(key_ring=tmp_path / "ring", database_url=url)))
    assert sorted(name for name in both) == [
        (f"disk_{what}_bytes", of) for what in ("free", "size") for of in ("database", "key_ring")
    ]
    assert 0 < both["disk_free_bytes", "key_ring"] <= both["disk_size_bytes", "key_ring"]
    elsewhere = Settings(key_ring=tmp_path / "none", database_url="postgresql+psycopg://localhost/none")
    assert told(DiskMetric(elsewhere)) == {}
