"""When an order is warned of, what has shipped of it, and how that is said."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orderbridge.database.models import PackageRow, PersonalDataRow
from orderbridge.late_shipments import Deadline, deadlines, dies_at, units, units_left
from orderbridge.package_standing import standing
from services.shipper.late_words import what_to_do, why_not_shipped
from tests.unit.shipper.test_rules import NOW, order

SHIP_BY = datetime(2026, 11, 26, 8, tzinfo=UTC)
DIES = datetime(2026, 12, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
UTC_ZONE = ZoneInfo("UTC")
MUGS = ("A", "MUG", 3)
LOST = {"kind": "missing", "package_reference_id": "1", "message": "Amazon does not have it.", "what_to_do": "Look."}


def package(lines: dict[str, int] | None = None, taken: dict[str, int] | None = None, **fields: Any) -> PackageRow:
    def of(quantities: dict[str, int]) -> list[dict[str, Any]]:
        return [{"order_item_id": item, "quantity": quantity} for item, quantity in quantities.items()]

    content = {"lines": of(lines or {"A": 3}), "taken": of(taken or {}), "tracking_number": "1Z"}
    row = {"reference_id": 1, "state": "waiting", "hold_until": NOW, "failures": 0, "unsure": False}
    return PackageRow(**{**row, "content": json.dumps(content), **fields})


@pytest.mark.parametrize(
    ("fields", "dies", "expected"),
    [
        ({}, None, [("ship_by_near", SHIP_BY - 6 * HOUR)]),
        ({}, DIES, [("ship_by_near", SHIP_BY - 6 * HOUR), ("personal_data_dies", DIES - 72 * HOUR)]),
        ({"ship_by": DIES}, DIES, [("personal_data_dies", DIES - 72 * HOUR), ("ship_by_near", DIES - 6 * HOUR)]),
        ({"ship_by": None}, DIES, [("personal_data_dies", DIES - 72 * HOUR)]),
        ({"amazon_status": "partially_shipped"}, None, [("ship_by_near", SHIP_BY - 6 * HOUR)]),
        ({"amazon_status": "shipped"}, DIES, []),
        ({"amazon_status": "cancelled"}, DIES, []),
        ({"amazon_status": "pending"}, DIES, []),
        ({"amazon_status": "unknown"}, DIES, []),
        ({"fulfilled_by": "amazon"}, DIES, []),
        ({"fulfilled_by": "unknown"}, DIES, []),
    ],
)
def test_deadlines(fields: dict[str, Any], dies: datetime | None, expected: list[tuple[str, datetime]]) -> None:
    found = deadlines(order(MUGS, **{"ship_by": SHIP_BY, **fields}), dies, 6)
    assert [(one.reason, one.warn_at) for one in found] == expected


def test_a_deadline_is_the_moment_itself() -> None:
    assert deadlines(order(MUGS, ship_by=SHIP_BY), None, 72) == (
        Deadline("ship_by_near", SHIP_BY, SHIP_BY - timedelta(hours=72)),
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (None, None),
        (PersonalDataRow(seal="s", dies_at=DIES, redacted_at=None), DIES),
        (PersonalDataRow(seal=None, dies_at=DIES, redacted_at=None), None),
        (PersonalDataRow(seal=None, dies_at=DIES, redacted_at=NOW), None),
    ],
)
def test_when_personal_data_dies(row: PersonalDataRow | None, expected: datetime | None) -> None:
    assert dies_at(row) == expected


@pytest.mark.parametrize(
    ("fields", "packages", "left"),
    [
        ({}, [], 4),
        ({"cancelled": 1}, [], 3),
        ({"shipped": 2}, [], 2),
        ({}, [package()], 4),
        ({}, [package(state="confirmed")], 1),
        ({}, [package(taken={"A": 2})], 2),  # a correction waits: what Amazon took before counts
        ({}, [package(state="rejected", taken={"A": 3})], 1),
        ({}, [package({"A": 2}, state="confirmed", taken={"A": 3})], 2),  # corrected to fewer, and Amazon took that
        ({"shipped": 3}, [package(state="confirmed")], 1),  # Amazon counts ours too
        ({"shipped": 1}, [package({"A": 2}, state="confirmed")], 2),
        ({}, [package({"A": 2}, state="confirmed"), package({"A": 1, "B": 1}, state="confirmed", reference_id=2)], 0),
        ({"package_differences": [LOST]}, [package(state="confirmed")], 4),
        ({"cancelled": 3}, [package(state="confirmed")], 1),
    ],
)
def test_what_is_left(fields: dict[str, Any], packages: list[PackageRow], left: int) -> None:
    found = order(MUGS, ("B", "POT", 1), **fields)
    assert units_left(found, packages) == left
    assert units(found) == 4 - fields.get("cancelled", 0)


@pytest.mark.parametrize(
    ("fields", "stand", "why", "to_do"),
    [
        ({"hold_until": NOW + HOUR}, "held", "held until 2026-11-24 16:00 UTC", "with the same package_id and that"),
        ({"failures": 1, "hold_until": NOW + HOUR}, "failing", "was sent once and Amazon has not", "tried again"),
        ({"failures": 7, "hold_until": NOW + HOUR}, "failing", "7 times", "tried again"),
        ({"unsure": True}, "unanswered", "Amazon has not answered yet", "asked again"),
        ({"claimed_until": NOW + HOUR}, "unanswered", "Amazon has not answered yet", "asked again"),
        ({}, "queued", "is about to be sent", "Nothing"),
        ({"state": "rejected"}, "refused", "was refused", "shipment.rejected"),
        ({"state": "held", "held_for": "paused"}, "paused", "is paused", "confirm_shipments=true"),
        (
            {"state": "held", "held_for": "buyer_asked_to_cancel"},
            "buyer_asked_to_cancel",
            "the buyer has asked",
            "orderbridge shipments retry",
        ),
    ],
)
def test_how_a_package_stands(fields: dict[str, Any], stand: str, why: str, to_do: str) -> None:
    row = package(**fields)
    assert standing(row, NOW).stand == stand
    said = why_not_shipped(order(MUGS), [row], 3, UTC_ZONE, NOW)
    assert said.startswith("Nothing of it has shipped. Package 1 ")
    assert why in said
    assert to_do in what_to_do(order(MUGS), [row], NOW)


@pytest.mark.parametrize(
    ("fields", "packages", "left", "why", "to_do"),
    [
        ({}, [], 3, "No shipment has been sent.", "Ship it"),
        ({}, [package({"A": 1}, state="confirmed")], 2, "1 of 3 units have shipped.", "Ship the rest"),
        ({"amazon_status": "partially_shipped"}, [], 1, "2 of 3 units have shipped.", "Ship the rest"),
        ({"programs": ["FBM_SHIP_PLUS"]}, [], 3, "No shipment has been sent.", "Buy its label"),
        ({"package_differences": [LOST]}, [package(state="confirmed")], 3, "Amazon does not have it.", "Look."),
    ],
)
def test_what_is_said(fields: dict[str, Any], packages: list[PackageRow], left: int, why: str, to_do: str) -> None:
    found = order(MUGS, **fields)
    assert why_not_shipped(found, packages, left, UTC_ZONE, NOW).endswith(why)
    assert what_to_do(found, packages, NOW).startswith(to_do)
