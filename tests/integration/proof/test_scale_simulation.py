"""The simulation of many sellers (`bench/scale.py`), small: what it counts is exact, and Amazon never says 429."""

from __future__ import annotations

from bench.scale import simulate


def test_two_hours_of_ten_sellers() -> None:
    found = simulate(10, 100_000, 2, 1, seed=1)
    assert found["throttled"] == 0
    assert found["left"] == {"parcels": 0, "imports": 0}
    assert found["calls"] == {
        "searchOrders": 22,
        "confirmShipment": 433,
        "createReport": 24,
        "getReport": 24,
        "getReportDocument": 24,
    }
    assert [hour["hour"] for hour in found["hours"]] == [7, 8]


def test_a_seller_with_more_than_amazon_grants_has_a_backlog() -> None:
    """200,000 orders a day: of 2,500 parcels a wave 2 a second are taken, of 200 pages an hour a burst and 20."""
    found = simulate(1, 6_000_000, 1, 0, seed=1)
    assert found["throttled"] == 0
    assert found["left"]["imports"] == 1
    assert found["left"]["parcels"] + found["calls"]["confirmShipment"] == 10_000
    assert 7_190 <= found["calls"]["confirmShipment"] <= 9 + 7_200
    assert 38 <= found["calls"]["searchOrders"] <= 19 + 20.2
