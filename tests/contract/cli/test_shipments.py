"""`orderbridge shipments`: what became of the packages, and those sent again that were refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from orderbridge.database.models import OutboxRow
from schemas.shipments import ShipmentConfirmed
from tests.parts.command_line import Command
from tests.parts.in_process import System
from tests.parts.sandbox_server import sandbox_server


@pytest.fixture
def system(command: Command, tmp_path: Path, sqlite_url: str) -> Iterator[System]:
    """The system on the command line's database."""
    with sandbox_server() as server, closing(System(sqlite_url, tmp_path, server)) as there, capture_logs():
        yield there


@pytest.fixture
def refused(system: System) -> str:
    """An order with two packages that Amazon has refused: one its store has named, one it has not."""
    (order_id,) = system.imported(lines=[{"sku": "MUG-BLUE", "quantity": 2}])
    system.fault("confirmShipment", "400", count=2)
    one = [{"sku": "MUG-BLUE", "quantity": 1}]
    system.store_says(order_id=order_id, package_id="P1", tracking_number="T1", lines=one)
    system.store_says(order_id=order_id, tracking_number="T2", lines=one)
    system.run_until_idle()
    return order_id


def listed(command: Command, *arguments: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(command("shipments", "list", *arguments, "--json").stdout)
    return rows


def publish(system: System) -> None:
    """What the command line posted, by the host's clock, is due by the system's own."""
    with system.database.unit_of_work() as work:
        work.session.execute(
            update(OutboxRow).where(OutboxRow.published_at.is_(None)).values(due_at=work.now, posted_at=work.now)
        )
    system.run_until_idle()


def test_the_list_says_what_became_of_each(command: Command, refused: str) -> None:
    rows = listed(command)
    assert {(row["package"], row["state"], row["why"]) for row in rows} == {
        ("P1", "rejected", "amazon_refused"),
        ("T2", "rejected", "amazon_refused"),
    }
    assert listed(command, "--state", "rejected", "--account", "main") == rows
    assert not listed(command, "--state", "confirmed")
    assert not listed(command, "--account", "another")


@pytest.mark.parametrize("package", ["P1", "T2", "tracking:T2"])
def test_one_package_is_sent_again_by_the_name_that_is_shown(
    command: Command, system: System, refused: str, package: str
) -> None:
    assert command("shipments", "retry", refused, "--package", package).exit_code == 0
    publish(system)
    (confirmed,) = system.events(ShipmentConfirmed)
    assert confirmed.tracking_number == {"P1": "T1"}.get(package, "T2")
    assert [row["state"] for row in listed(command, "--state", "rejected")] == ["rejected"]


def test_all_of_an_account_are_sent_again(command: Command, system: System, refused: str) -> None:
    told = json.loads(command("shipments", "retry", "--account", "main", "--json").stdout)
    assert len(told["packages"]) == 2
    publish(system)
    assert len(system.events(ShipmentConfirmed)) == 2
    again = command("shipments", "retry", "--account", "main")
    assert (again.exit_code, "Nothing is refused or held" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((), 2, "name an order"),
        (("ORDER", "--account", "main"), 2, "name an order"),
        (("--account", "main", "--package", "P1"), 2, "--package needs an order"),
        (("ORDER", "--package", "P9"), 1, "no package P9"),
        (("114-0000000-0000000",), 1, "orderbridge"),
    ],
)
def test_what_cannot_be_sent_again_is_said(
    command: Command, refused: str, arguments: tuple[str, ...], code: int, told: str
) -> None:
    result = command("shipments", "retry", *(refused if word == "ORDER" else word for word in arguments))
    assert result.exit_code == code
    assert told in result.stderr
