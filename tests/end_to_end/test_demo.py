"""`orderbridge demo`: the whole loop as a stranger sees it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.process import wait_until
from tests.parts.standing_house import StandingHouse

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[StandingHouse]:
    house = StandingHouse(tmp_path, "demo", "--orders", "12", "--json", "--report", "report.json")
    yield house
    house.close()


def test_the_books_agree_and_nothing_is_left_behind(demo: StandingHouse) -> None:
    status = demo.process.wait(240)
    told = demo.output.read_text()
    assert status == 0, told[-3000:]
    report = json.loads((demo.folder / "report.json").read_text())
    assert json.loads(told.splitlines()[-1]) == report
    assert report["orders"]["placed"] == report["orders"]["imported"] == 12
    assert report["orders"]["redacted"] == 2
    assert report["shipments"]["rejected"] == 1
    assert report["shipments"]["held"] == 1
    assert report["shipments"]["confirmed"] == report["shipments"]["emitted"] - 1
    assert (report["lost"], report["doubled"], report["dead_letters"]) == (0, 0, 0)
    assert report["amazon"]["throttled"] == 0
    assert "librdkafka" in told
    assert "SQLite" in told
    assert demo.processes() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_however_it_ends(demo: StandingHouse, number: signal.Signals) -> None:
    wait_until(lambda: len(demo.processes()) >= 5, seconds=60, what="the services run")
    os.kill(demo.process.pid, number)
    demo.process.wait(30)
    wait_until(lambda: demo.processes() == [], seconds=30, what="all are gone")


def test_a_second_house_in_the_same_folder_is_refused(demo: StandingHouse) -> None:
    wait_until(lambda: len(demo.processes()) >= 2, seconds=60, what="the first runs")
    second = StandingHouse(demo.folder, "up")
    assert second.process.wait(60) == 1
    assert "Another `orderbridge up` or `demo` runs" in second.output.read_text()
