"""A standing house, watched by a real Prometheus and a collector of traces: no panel is empty, no alert fires."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.parts.dashboards import Query, queries
from tests.parts.otlp import Collector, collector
from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until
from tests.parts.prometheus import Prometheus, program, prometheus
from tests.parts.standing_house import StandingHouse

pytestmark = pytest.mark.timeout(300)
ORDERS = 3


@pytest.fixture(scope="module")
def traces() -> Iterator[Collector]:
    """Takes the traces of the house."""
    with collector() as kept:
        yield kept


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, traces: Collector) -> Iterator[StandingHouse]:
    """A house whose orders have gone all the way round."""
    program("prometheus")
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": traces.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    house = StandingHouse(tmp_path_factory.mktemp("house"), "up", "--speed", "100", environment=environment)
    try:
        house.wait_until_it_stands()
        yield house
    finally:
        house.close()


@pytest.fixture(scope="module")
def watched(house: StandingHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus, which has seen the orders go round."""
    targets = [url.removeprefix("http://") for url in house.addresses["health"].values()]
    with prometheus(tmp_path_factory.mktemp("prometheus"), targets) as server:
        wait_until(lambda: len(server.query("up == 1")) == len(targets), seconds=30, what="all are scraped")
        house.post("sandbox", "/_sandbox/orders", {"count": ORDERS})
        StandingHouse(house.folder, "import").process.wait(60 * PATIENCE)
        wait_until(lambda: len(_orders(house)) == ORDERS, seconds=100, what="orders arrive", interval=1)
        for order in _orders(house):
            said = {"carrier": "UPS", "tracking_number": f"1Z{order['order_id'].replace('-', '')}"}
            house.post("storefront", f"/api/orders/{order['order_id']}/ship", said)
        confirmed = 'sum(orderbridge_published_total{type="shipment.confirmed"})'
        wait_until(
            lambda: [one["value"][1] for one in server.query(confirmed)] == [str(ORDERS)],
            seconds=60,
            what="all are confirmed",
        )
        yield server


def _orders(house: StandingHouse) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.get("storefront", "/api/orders")
    return found


@pytest.mark.parametrize("query", queries(), ids=lambda query: f"{query.dashboard}: {query.panel}")
def test_no_panel_is_empty(watched: Prometheus, query: Query) -> None:
    def answered() -> bool:
        found = watched.query(query.expression)
        return any(sample["value"][1] != "NaN" for sample in found)  # a type's quantile is none while it rests

    wait_until(answered, seconds=15, what=query.expression)


def test_nothing_wakes_anybody(watched: Prometheus) -> None:
    assert watched.query('ALERTS{alertstate="firing"}') == []


def test_the_whole_is_told_once(watched: Prometheus) -> None:
    (due,) = watched.query("orderbridge_outbox_due_events")
    (ticker,) = watched.query('orderbridge_state{service="ticker",state="ok"}')
    assert due["metric"]["instance"] == ticker["metric"]["instance"]


def test_a_trace_goes_through_the_processes(watched: Prometheus, traces: Collector) -> None:
    def imported() -> set[str]:
        return {span.trace_id for span in traces.named("publish order.imported")}

    def linked() -> set[str]:
        return {trace for span in traces.named("handle order.shipped") for trace in span.linked}

    wait_until(lambda: bool(imported() & linked()), seconds=20, what="shipments are linked to their orders' imports")
    confirm = traces.named("Amazon confirmShipment")[0]
    wait_until(
        lambda: confirm.trace_id in {span.trace_id for span in traces.named("publish shipment.confirmed")},
        seconds=20,
        what="the answer's publishing",
    )
    assert {span.service for span in traces.spans if span.trace_id == confirm.trace_id} >= {
        "orderbridge-shipper",
        "orderbridge-ticker",
    }
