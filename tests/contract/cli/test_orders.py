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


def facts(command: Command, number: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(command("orders", "show", number, "--json").stdout)
    return told


def test_an_order_goes_by_each_of_its_numbers(command: Command, system: System) -> None:
    (order_id,) = system.imported()
    system.store_says(order_id=order_id, store_order_number="SHOP-77", package_id="P1")
    system.run_until_idle()
    shown = facts(command, order_id)
    assert facts(command, f"AMZ-{order_id}") == facts(command, "SHOP-77") == shown
    by_about = {fact["about"]: fact for fact in shown}
    assert by_about["the store's number"]["what"] == "SHOP-77"
    assert by_about["queue"]["what"] == "New"
    assert " of " in by_about["line"]["what"]
    assert by_about["line"]["state"].endswith(" shipped")
    assert by_about["package 1"]["what"].startswith("UPS 1Z1, ")
    assert by_about["package 1"]["state"] == "confirmed"
    assert "UPS 1Z1" in command("orders", "show", "SHOP-77").stdout


def test_a_refusal_says_what_to_do(command: Command, system: System) -> None:
    (order_id,) = system.imported()
    system.store_says(order_id=order_id, package_id="P1", lines=[{"sku": "NO-SUCH-SKU", "quantity": 1}])
    system.run_until_idle()
    (refused,) = [fact for fact in facts(command, order_id) if fact["about"] == "refused"]
    assert refused["what"].startswith("P1: ")
    assert refused["state"]
    assert refused["at"]


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
