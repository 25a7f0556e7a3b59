"""`orderbridge demo`: the whole loop as a stranger sees it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until
from tests.parts.standing_house import StandingHouse

pytestmark = pytest.mark.timeout(300)
ORDERS = 25
SERVICES = {"ticker", "importer", "shipper", "redactor", "api", "console", "reporter"}

Moment = Callable[[StandingHouse], bool]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[StandingHouse]:
    # Where a proxy is set, the house still asks itself without it.
    proxy = {"HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1", "NO_PROXY": "", "no_proxy": ""}
    words = ("demo", "--orders", str(ORDERS), "--json", "--report", "report.json")
    house = StandingHouse(tmp_path, *words, environment=proxy)
    yield house
    house.close()


def says(words: str) -> Moment:
    """The moment at which the demo has said this."""
    return lambda demo: words in demo.output.read_text()


stands = says("librdkafka's embedded broker")


def a_package_is_confirmed(demo: StandingHouse) -> bool:
    """The moment at which the loop has come round for the first time."""
    return stands(demo) and any(
        one["state"] == "confirmed" for one in demo.get("storefront", "/api/books")["shipments"]
    )


def test_the_books_agree_and_nothing_is_left_behind(demo: StandingHouse) -> None:
    status = demo.process.wait(240 * PATIENCE)
    told = demo.output.read_text()
    assert status == 0, told[-3000:]
    report = json.loads((demo.folder / "report.json").read_text())
    assert json.loads(told.splitlines()[-1]) == report
    assert set(report) == {
        *("orders", "shipments", "amazon"),
        *("dead_letters", "lost", "doubled", "repeated", "seconds"),
    }
    orders, shipments, amazon = report["orders"], report["shipments"], report["amazon"]
    assert set(orders) == {"placed", "imported", "updated", "redacted"}
    assert set(shipments) == {"emitted", "confirmed", "rejected", "held"}
    assert set(amazon) == {"calls", "throttled"}
    aged, by_amazon, rejected = 2, 3, 1
    assert orders["placed"] == orders["imported"] == ORDERS
    assert orders["redacted"] == aged
    assert orders["updated"] >= ORDERS - by_amazon  # shipped, each of them; some in two steps
    assert (shipments["rejected"], shipments["held"]) == (rejected, 1)
    assert shipments["confirmed"] == shipments["emitted"] - rejected >= ORDERS - by_amazon
    assert amazon["calls"] > shipments["confirmed"]
    assert amazon["throttled"] == 0
    assert (report["lost"], report["doubled"], report["repeated"], report["dead_letters"]) == (0, 0, 0, 0)
    assert report["seconds"] > 0
    assert "librdkafka" in told
    assert "SQLite" in told
    assert demo.processes() == []


@pytest.mark.parametrize(
    "moment",
    [says("Starting the sandbox"), says("Starting the services"), a_package_is_confirmed],
    ids=["starting the sandbox", "starting the services", "in the middle"],
)
def test_ctrl_c_ends_it_at_any_moment(demo: StandingHouse, moment: Moment) -> None:
    wait_until(lambda: moment(demo), seconds=90, what="the moment")
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(30 * PATIENCE) == 1
    assert demo.processes() == []
    assert "Traceback" not in demo.output.read_text()


def test_ctrl_c_again_while_it_stops(demo: StandingHouse) -> None:
    wait_until(lambda: stands(demo), seconds=60, what="the house stands")
    assert set(demo.addresses) == {"kafka", "console", "api", "storefront", "sandbox", "health"}
    assert set(demo.addresses["health"]) == SERVICES
    everything = len(demo.processes())
    assert everything == 1 + len(SERVICES | {"storefront", "sandbox"})
    demo.process.send_signal(signal.SIGINT)
    wait_until(lambda: len(demo.processes()) < everything, seconds=30, what="the first has ended")
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(30 * PATIENCE) == 1
    assert demo.processes() == []
    assert not (demo.folder / ".orderbridge" / "addresses.json").exists()
    assert "Traceback" not in demo.output.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_however_it_ends(demo: StandingHouse, number: signal.Signals) -> None:
    wait_until(lambda: len(demo.processes()) >= 5, seconds=60, what="the services run")
    demo.process.send_signal(number)
    demo.process.wait(30 * PATIENCE)
    wait_until(lambda: demo.processes() == [], seconds=30, what="all are gone")


def test_a_second_house_in_the_same_folder_is_refused(demo: StandingHouse) -> None:
    wait_until(lambda: len(demo.processes()) >= 2, seconds=60, what="the first runs")
    second = StandingHouse(demo.folder, "up")
    assert second.process.wait(60 * PATIENCE) == 1
    assert "Another `orderbridge up` or `demo` runs" in second.output.read_text()
