"""`orderbridge orders show`: an order by any of its numbers, in lines that can be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.parts.command_line import Command
from tests.parts.in_process import System
from tests.parts.sandbox_server import sandbox_server


@pytest.fixture
def system(command: Command, tmp_path: Path, sqlite_url: str) -> Iterator[System]:
    """The system on the command line's database."""
    with sandbox_server() as server, closing(System(sqlite_url, tmp_path, server)) as there, capture_logs():
        yield there


def facts(command: Command, number: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(command("orders", "show", number, "--json").stdout)
    return told


def test_an_order_goes_by_each_of_its_numbers(command: Command, system: System) -> None:
    (order_id,) = system.imported()
    system.store_says(order_id=order_id, store_order_number="SHOP-77", package_id="P1")
    system.run_until_idle()
    shown = facts(command, order_id)
    assert facts(command, f"AMZ-{order_id}") == facts(command, "SHOP-77") == shown
    assert shown["store_order_numbers"] == ["SHOP-77"]
    assert (shown["order_id"], shown["store"]["status"]["name"]) == (order_id, "New")
    assert shown["lines"][0]["quantity"] >= 1
    assert shown["personal_data"]["state"] == "sealed"
    (package,) = shown["shipments"]
    assert (package["state"], package["content"]["tracking_number"]) == ("confirmed", "1Z1")
    assert [call["operation"] for call in shown["amazon_calls"]] == ["confirmShipment"]
    text = command("orders", "show", "SHOP-77").stdout
    for told in ("UPS 1Z1, ", "confirmed", "shipped", "sealed, dies", "New", "SHOP-77"):
        assert told in text


def test_a_refusal_says_what_to_do(command: Command, system: System) -> None:
    (order_id,) = system.imported()
    system.store_says(order_id=order_id, package_id="P1", lines=[{"sku": "NO-SUCH-SKU", "quantity": 1}])
    system.run_until_idle()
    (refused,) = facts(command, order_id)["refusals"]
    assert refused["package_id"] == "P1"
    assert all(refused[name] for name in ("reason", "message", "what_to_do", "at"))
    assert refused["what_to_do"] in command("orders", "show", order_id).stdout


def test_it_has_nothing_of_the_buyers(command: Command, system: System) -> None:
    (order_id,) = system.place_orders()
    system.amazon.change_order(order_id, lambda order, now: order.request_cancel("I am Jane Doe", now))
    system.advance(180)
    system.import_now()
    for told in (command("orders", "show", order_id, "--json"), command("orders", "list", "--json")):
        assert "Jane" not in told.stdout


def test_the_latest_are_listed_first_on_lines_of_a_terminal(command: Command, system: System) -> None:
    (old,) = system.imported()
    system.store_says(order_id=old)
    system.advance(60)
    new, newer = (system.imported()[0] for _ in range(2))
    system.amazon.change_order(newer, lambda order, now: order.cancel("BUYER", "mistake", now))
    system.advance(180)
    system.import_now()

    def listed(*options: str) -> list[str]:
        return [one["order_id"] for one in json.loads(command("orders", "list", "--json", *options).stdout)]

    assert listed() == [newer, new, old]
    assert listed("--limit", "1") == [newer]
    assert listed("--status", "new") == [new]
    assert listed("--status", "Cancelled") == listed("--status", "cancel") == [newer]
    assert listed("--account", "other") == []
    told = {one["order_id"]: one for one in json.loads(command("orders", "list", "--json").stdout)}
    assert [told[order_id]["shipped"] for order_id in (old, new, newer)] == ["yes", "no", "no"]
    text = command("orders", "list").stdout
    assert max(map(len, text.splitlines())) <= 80
    assert new in text
    assert command("orders", "list", "--account", "other").stdout.startswith("No orders.")


def test_a_number_that_the_store_has_used_twice(command: Command, system: System) -> None:
    one, two = sorted(system.imported(count=2))
    for order_id in (one, two):
        system.store_says(order_id=order_id, store_order_number="7")
    system.run_until_idle()
    result = command("orders", "show", "7")
    assert result.exit_code == 1
    assert f"The store has used 7 for several orders: {one}, {two}." in result.stderr


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("114-0000000-0000000", "`orderbridge import --order 114-0000000-0000000` fetches it."),
        ("AMZ-114-0000000-0000000", "`orderbridge import --order 114-0000000-0000000` fetches it."),
        ("SHOP-1", "it cannot be one of Amazon's numbers"),
        ("1114-0000000-00000001", "it cannot be one of Amazon's numbers"),
    ],
)
def test_what_is_not_there(command: Command, system: System, number: str, told: str) -> None:
    result = command("orders", "show", number)
    assert (result.exit_code, result.stdout) == (1, "")
    assert told in result.stderr
