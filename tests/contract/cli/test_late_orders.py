"""`orderbridge orders late`: what has not shipped and should have, the most urgent first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from orderbridge.accounts.change_settings import change_settings
from orderbridge.cli import application
from orderbridge.database.unit_of_work import Work
from orderbridge.orders import late as late_rule
from orderbridge.orders.late import late_orders
from schemas.orders import OrderDocument
from tests.parts.command_line import Command
from tests.parts.in_process import ACCOUNT, System
from tests.parts.sandbox_server import sandbox_server

NOTHING = "No order is late or soon will be.\n"


@pytest.fixture
def system(command: Command, tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """The system on the command line's database, with its clock."""
    with sandbox_server() as server, closing(System(sqlite_url, tmp_path, server)) as there, capture_logs():
        monkeypatch.setattr("orderbridge.cli.late_orders.unit_of_work", there.database.unit_of_work)
        yield there


def late(command: Command, *options: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(command("orders", "late", "--json", *options).stdout)
    return told


def before_ship_by(system: System, order_id: str, hours: float) -> None:
    ship_by = system.store.orders[order_id].ship_by
    assert ship_by is not None
    system.advance((ship_by - timedelta(hours=hours) - system.now).total_seconds())


def test_an_empty_list_says_so(command: Command, system: System) -> None:
    (order_id,) = system.imported()
    assert command("orders", "late").stdout == NOTHING
    assert late(command) == []
    before_ship_by(system, order_id, 6.1)
    assert command("orders", "late").stdout == NOTHING


def test_what_is_near_and_what_is_over(command: Command, system: System) -> None:
    (over,) = system.imported()
    system.advance(86_400)
    (near,) = system.imported()
    before_ship_by(system, near, 5)
    assert [(order["order_id"], order["reasons"]) for order in late(command)] == [
        (over, ["ship_by_near"]),
        (near, ["ship_by_near"]),
    ]
    shown = command("orders", "late").stdout
    assert f"AMZ-{over}" in shown
    assert "19 h 00 m ago" in shown
    assert "in 5 h 00 m" in shown
    assert shown.endswith("Times of main in America/Los_Angeles.\n")
    assert shown.index(over) < shown.index(near)
    assert [order["order_id"] for order in late(command, "--within", "4")] == [over]
    assert late(command, "--account", "other") == []


def test_within_reaches_farther_than_the_setting(command: Command, system: System) -> None:
    (order_id,) = system.imported()
    before_ship_by(system, order_id, 20)
    assert late(command) == []
    assert [order["order_id"] for order in late(command, "--within", "20")] == [order_id]
    assert command("orders", "late", "--within", "-1").exit_code == 2


def test_how_its_packages_stand(command: Command, system: System) -> None:
    held, partly, shipped, refused = system.imported(count=4, lines=[{"sku": "MUG-BLUE", "quantity": 3}])
    system.store_says(order_id=held, ship_date="2026-11-30")
    system.store_says(order_id=partly, lines=[{"sku": "MUG-BLUE", "quantity": 2}])
    system.store_says(order_id=shipped)
    system.run_until_idle()
    system.fault("confirmShipment", "400")
    system.store_says(order_id=refused)
    system.run_until_idle()
    before_ship_by(system, held, 1)
    orders = {order["order_id"]: order for order in late(command)}
    assert set(orders) == {held, partly, refused}
    stands = {order_id: [package["stands"] for package in order["packages"]] for order_id, order in orders.items()}
    assert stands == {held: ["held"], partly: ["confirmed"], refused: ["refused"]}
    assert (orders[partly]["units"], orders[partly]["units_left"]) == (3, 1)
    shown = command("orders", "late").stdout
    assert "held until 11-30 00:01" in shown
    assert "2 of 3 shipped" in shown
    assert "refused" in shown


def late_beside_shipped(system: System, *, shipped: int, late: int) -> list[str]:
    """The ids of late orders, beside others that have shipped since the last import."""
    shipped_ones = system.imported(count=shipped)
    system.advance(3600)
    late_ones = system.imported(count=late)
    with system.database.unit_of_work() as work:
        change_settings(work, ACCOUNT, {"enabled": "false"})
    for order_id in shipped_ones:
        system.store_says(order_id=order_id)
    system.run_until_idle()
    before_ship_by(system, late_ones[-1], -1)
    return late_ones


def test_a_short_list_is_the_long_one_cut(system: System) -> None:
    """Orders that have shipped, and whose import has not shown it yet, once took the places of those that are late."""
    late_ones = late_beside_shipped(system, shipped=7, late=3)
    with system.database.unit_of_work() as work:
        whole = [one.order.order_id for one in late_orders(work)]
        cut = {most: [one.order.order_id for one in late_orders(work, most=most)] for most in (1, 2, 3, 4)}
    assert sorted(whole) == sorted(late_ones)
    assert cut == {most: whole[:most] for most in cut}


def test_a_short_list_costs_little_where_much_has_shipped(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """The overview asks every few seconds: what has shipped is not read whole, nor looked through to its end."""
    late_ones = late_beside_shipped(system, shipped=25, late=2)
    looked_at: list[str] = []
    read_whole: list[str] = []

    def look(work: Work, order_ids: Sequence[str], *others: Any) -> Any:
        looked_at.extend(order_ids)
        return late_of(work, order_ids, *others)

    class Whole(OrderDocument):
        def model_post_init(self, _: Any) -> None:
            read_whole.append(self.order_id)

    late_of = late_rule._late_of
    monkeypatch.setattr(late_rule, "_late_of", look)
    monkeypatch.setattr(late_rule, "OrderDocument", Whole)
    with system.database.unit_of_work() as work:
        assert {one.order.order_id for one in late_orders(work, most=3)} == set(late_ones)
        assert sorted(read_whole) == sorted(late_ones)
        looked_at.clear()
        late_orders(work, most=1)
    assert len(looked_at) == 10


def test_what_can_no_longer_be_labelled_soon(command: Command, system: System) -> None:
    (order_id,) = system.imported()
    dies_at = system.store.orders[order_id].personal_data.dies_at
    assert dies_at is not None
    system.advance((dies_at - timedelta(days=2) - system.now).total_seconds())
    (order,) = late(command)
    assert order["reasons"] == ["ship_by_near", "personal_data_dies"]
    assert order["personal_data_dies_at"] == dies_at.isoformat().replace("+00:00", "Z")
    assert "data dies in 2 d 0 h" in command("orders", "late").stdout


def test_it_fits_a_terminal(command: Command, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    (order_id,) = system.imported(lines=[{"sku": "MUG-BLUE", "quantity": 3}])
    system.store_says(order_id=order_id, package_id="P1", lines=[{"sku": "MUG-BLUE", "quantity": 1}])
    system.store_says(order_id=order_id, package_id="P2", ship_date="2026-11-30")
    system.run_until_idle()
    before_ship_by(system, order_id, -30)
    monkeypatch.setattr(application.console, "_width", 80)
    lines = command("orders", "late").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(f"AMZ-{order_id}" in line for line in lines)  # not folded
    assert any("held until" in line for line in lines)


def test_orders_show_has_amazons_packages_and_the_difference(command: Command, system: System) -> None:
    (order_id,) = system.imported()
    system.store_says(order_id=order_id, tracking_number="1Z1")
    system.advance(180)
    system.import_now()
    system.advance(3600)
    system.amazon.change_order(order_id, lambda order, now: order.change_package("1", "OTHER", {}, now))
    system.advance(180)
    system.import_now()
    facts = json.loads(command("orders", "show", order_id, "--json").stdout)
    assert [(one["tracking_number"], one["status"]) for one in facts["packages"]] == [("OTHER", "shipped")]
    assert [one["kind"] for one in facts["package_differences"]] == ["tracking_number"]
    assert [one["content"]["tracking_number"] for one in facts["shipments"]] == ["1Z1"]
    told = " ".join(command("orders", "show", order_id).stdout.split())
    assert "Amazon has package 1" in told
    assert "difference" in told
    shown = command("runs", "show", "last").stdout
    assert "Amazon has the tracking number OTHER for package 1" in shown
