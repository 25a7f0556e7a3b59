"""The rules before the call: whose order it is, what is in the package, and when Amazon may be told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orderbridge.bus.outcomes import Rejected
from schemas.orders import OrderDocument
from schemas.shipments import OrderShipped
from services.shipper.content import ContentLine
from services.shipper.rules import check_elsewhere, check_order, next_reference_id, package_lines, plan_ship_date
from tests.parts.contract import EXAMPLES

NEW_YORK = ZoneInfo("America/New_York")
PLACED = datetime(2026, 11, 20, 9, 14, tzinfo=UTC)
NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)


def order(*lines: tuple[str, str | None, int], **fields: Any) -> OrderDocument:
    """An order with lines of (order item id, SKU, quantity); `shipped` and `cancelled` count for the first line."""
    shipped, cancelled = fields.pop("shipped", 0), fields.pop("cancelled", 0)
    made: list[dict[str, Any]] = [
        {"order_item_id": item, "sku": sku, "quantity": quantity} for item, sku, quantity in lines
    ]
    if made:
        made[0] |= {"quantity_shipped": shipped, "quantity_cancelled": cancelled}
    example = {name: value for name, value in EXAMPLES["order.imported"].items() if name != "personal_data"}
    return OrderDocument.model_validate({**example, "lines": made, "totals": {}, **fields})


def shipped(*lines: dict[str, Any]) -> OrderShipped:
    return OrderShipped.model_validate({"order_id": "1", "carrier": "UPS", "tracking_number": "1Z", "lines": lines})


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"fulfilled_by": "amazon"}, "fulfilled_by_amazon"),
        ({"programs": ["PRIME", "FBM_SHIP_PLUS"]}, "ship_plus"),
        ({"programs": ["AMAZON_EASY_SHIP"]}, "amazon_carries"),
        ({"programs": ["DELIVERY_BY_AMAZON"]}, "amazon_carries"),
        ({"amazon_status": "cancelled"}, "order_cancelled"),
        ({"amazon_status": "pending"}, "order_pending"),
        ({"amazon_status": "pending_availability"}, "order_pending"),
        # Amazon's programme comes first: a cancelled FBA order is still none of the seller's.
        ({"fulfilled_by": "amazon", "amazon_status": "cancelled"}, "fulfilled_by_amazon"),
    ],
)
def test_orders_that_are_not_the_sellers_to_confirm(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        check_order(order(("A", "MUG", 1), **fields))
    assert caught.value.reason == reason
    assert caught.value.message
    assert caught.value.what_to_do


@pytest.mark.parametrize("status", ["unshipped", "partially_shipped", "shipped", "unknown"])
def test_orders_that_are(status: str) -> None:
    check_order(order(("A", "MUG", 1), amazon_status=status, fulfilled_by="unknown", programs=["PRIME"]))


MUG, POT, OTHER_MUG = ("A", "MUG", 3), ("B", "POT", 1), ("C", "MUG", 2)
LINES: list[tuple[str, OrderDocument, list[dict[str, Any]], dict[str, int], dict[str, int], dict[str, int]]] = [
    ("everything", order(MUG, POT), [], {}, {}, {"A": 3, "B": 1}),
    ("what remains", order(MUG, POT), [], {"A": 1, "B": 1}, {}, {"A": 2}),
    ("without what the buyer cancelled", order(MUG, cancelled=1), [], {}, {}, {"A": 2}),
    ("without what was confirmed by hand", order(MUG, shipped=2), [], {}, {}, {"A": 1}),
    ("what we confirmed is not by hand", order(MUG, shipped=2), [], {"A": 2}, {"A": 2}, {"A": 1}),
    ("what this package held is its own", order(MUG, shipped=2), [], {}, {"A": 2}, {"A": 3}),
    ("by item", order(MUG, POT), [{"order_item_id": "A", "quantity": 2}], {}, {}, {"A": 2}),
    ("by SKU", order(MUG, POT), [{"sku": "POT", "quantity": 1}], {}, {}, {"B": 1}),
    ("an item wins over its SKU", order(MUG, OTHER_MUG), [{"order_item_id": "C", "sku": "MUG", "quantity": 1}],
     {}, {}, {"C": 1}),
    ("named twice", order(MUG), [{"sku": "MUG", "quantity": 1}, {"order_item_id": "A", "quantity": 2}],
     {}, {}, {"A": 3}),
]  # fmt: skip


def content(quantities: dict[str, int]) -> list[ContentLine]:
    return [ContentLine(item, quantity) for item, quantity in quantities.items()]


@pytest.mark.parametrize(("document", "lines", "others", "taken", "expected"), [case[1:] for case in LINES],
                         ids=[case[0] for case in LINES])  # fmt: skip
def test_what_is_in_the_package(
    document: OrderDocument,
    lines: list[dict[str, Any]],
    others: dict[str, int],
    taken: dict[str, int],
    expected: dict[str, int],
) -> None:
    found = package_lines(shipped(*lines), document, content(others), content(taken))
    assert {line.order_item_id: line.quantity for line in found} == expected


WRONG: list[tuple[str, OrderDocument, list[dict[str, Any]], dict[str, int]]] = [
    ("nothing_left", order(MUG), [], {"A": 3}),
    ("nothing_left", order(MUG, cancelled=3), [], {}),
    ("nothing_left", order(MUG, shipped=3), [], {}),
    ("more_than_ordered", order(MUG), [{"sku": "MUG", "quantity": 4}], {}),
    ("more_than_ordered", order(MUG), [{"sku": "MUG", "quantity": 2}], {"A": 2}),
    ("more_than_ordered", order(MUG), [{"sku": "MUG", "quantity": 2}, {"order_item_id": "A", "quantity": 2}], {}),
    ("more_than_ordered", order(MUG, cancelled=2), [{"sku": "MUG", "quantity": 2}], {}),
    ("unknown_line", order(MUG), [{"sku": "KETTLE", "quantity": 1}], {}),
    ("unknown_line", order(MUG), [{"order_item_id": "Z", "sku": "MUG", "quantity": 1}], {}),
    ("ambiguous_line", order(MUG, OTHER_MUG), [{"sku": "MUG", "quantity": 1}], {}),
]


@pytest.mark.parametrize(("reason", "document", "lines", "others"), WRONG)
def test_what_cannot_be_in_the_package(
    reason: str, document: OrderDocument, lines: list[dict[str, Any]], others: dict[str, int]
) -> None:
    with pytest.raises(Rejected) as caught:
        package_lines(shipped(*lines), document, content(others), [])
    assert caught.value.reason == reason
    assert caught.value.what_to_do


def test_a_refusal_names_what_the_order_has() -> None:
    with pytest.raises(Rejected) as caught:
        package_lines(shipped({"sku": "KETTLE", "quantity": 1}), order(MUG, ("B", None, 1)), [], [])
    assert "KETTLE" in caught.value.message
    assert "MUG, B" in caught.value.message


def test_transparency_codes_of_one_line_come_together() -> None:
    lines = ({"sku": "MUG", "quantity": 1, "transparency_codes": [code]} for code in ("X1", "X2"))
    assert package_lines(shipped(*lines), order(MUG), [], []) == (ContentLine("A", 2, ("X1", "X2")),)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


A_MINUTE_AGO = NOW - timedelta(minutes=1)
DATES: list[tuple[str, date | None, datetime, datetime]] = [
    ("none is now", None, NOW, A_MINUTE_AGO),
    ("today", date(2026, 11, 24), utc("2026-11-24T05:01"), A_MINUTE_AGO),
    ("yesterday is its end", date(2026, 11, 23), utc("2026-11-23T05:01"), utc("2026-11-24T04:59:59")),
    ("tomorrow waits for its beginning", date(2026, 11, 25), utc("2026-11-25T05:01"), utc("2026-11-25T05:00")),
    ("a moment that is past", utc("2026-11-24T10:00"), utc("2026-11-24T10:00"), utc("2026-11-24T10:00")),
    ("a moment ahead", utc("2026-11-24T18:00"), utc("2026-11-24T18:00"), A_MINUTE_AGO),
    ("the day of the purchase", date(2026, 11, 20), utc("2026-11-20T05:01"), utc("2026-11-21T04:59:59")),
    ("the purchase's minute", PLACED - timedelta(seconds=30), PLACED - timedelta(seconds=30), PLACED),
]


@pytest.mark.parametrize(("said", "not_before", "stated"), [case[1:] for case in DATES], ids=[c[0] for c in DATES])
def test_ship_dates(said: date | None, not_before: datetime, stated: datetime) -> None:
    plan = plan_ship_date(said, NEW_YORK, PLACED, NOW)
    assert (plan.not_before, plan.stated) == (not_before, stated)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (date(2026, 11, 19), "ship_date_before_purchase"),
        (PLACED - timedelta(minutes=5), "ship_date_before_purchase"),
        (date(1970, 1, 1), "ship_date_before_purchase"),
        (date.min, "ship_date_before_purchase"),
        (date(2028, 1, 1), "ship_date_too_far"),
        (date.max, "ship_date_too_far"),
        (datetime.max.replace(tzinfo=UTC), "ship_date_too_far"),
        (datetime.min.replace(tzinfo=UTC), "ship_date_before_purchase"),
    ],
)
@pytest.mark.parametrize("zone", [NEW_YORK, ZoneInfo("Asia/Tokyo"), ZoneInfo("UTC")], ids=str)
def test_absurd_ship_dates(said: date, reason: str, zone: ZoneInfo) -> None:
    with pytest.raises(Rejected) as caught:
        plan_ship_date(said, zone, PLACED, NOW)
    assert caught.value.reason == reason


DAYLIGHT = [
    # Clocks in Berlin go back on 2026-10-25 (a day of 25 hours) and forward on 2027-03-28 (one of 23).
    ("Europe/Berlin", date(2026, 10, 25), "2026-10-24T22:00", "2026-10-25T22:59:59"),
    ("Europe/Berlin", date(2027, 3, 28), "2027-03-27T23:00", "2027-03-28T21:59:59"),
    ("America/New_York", date(2026, 11, 1), "2026-11-01T04:00", "2026-11-02T04:59:59"),
    ("America/New_York", date(2027, 3, 14), "2027-03-14T05:00", "2027-03-15T03:59:59"),
    # Midnight does not exist in Santiago on 2026-09-06.
    ("America/Santiago", date(2026, 9, 6), "2026-09-06T04:00", "2026-09-07T02:59:59"),
]


@pytest.mark.parametrize(("zone", "day", "begins", "ends"), DAYLIGHT)
def test_days_on_which_clocks_change(zone: str, day: date, begins: str, ends: str) -> None:
    placed = utc(begins) - timedelta(days=3)
    plan = plan_ship_date(day, ZoneInfo(zone), placed, utc(ends) + timedelta(days=1))
    minute = timedelta(minutes=1)
    assert (plan.not_before, plan.stated) == (utc(begins) + minute, utc(ends))
    ahead = plan_ship_date(day, ZoneInfo(zone), placed, placed + timedelta(hours=1))
    assert ahead.not_before == utc(begins) + minute
    amazons_now = ahead.not_before - timedelta(seconds=1)  # its clock, told in whole seconds, seems behind ours
    assert plan_ship_date(day, ZoneInfo(zone), placed, amazons_now).stated == utc(begins)


def amazons(reference_id: str, tracking_number: str | None) -> dict[str, Any]:
    return {"package_reference_id": reference_id, "tracking_number": tracking_number}


@pytest.mark.parametrize(
    ("packages", "ours", "refused"),
    [
        ([], [], False),
        ([amazons("7", "1Z9")], [], True),
        ([amazons("7", "1 z9 ")], [], True),
        ([amazons("7", "1Z9")], ["7"], False),  # ours, which may be corrected
        ([amazons("7", None), amazons("8", "1Z8")], [], False),
    ],
)
def test_a_parcel_that_amazon_has_past_us(packages: list[dict[str, Any]], ours: list[str], refused: bool) -> None:
    document = order(("A", "MUG", 1), packages=packages)
    if not refused:
        check_elsewhere("1Z9", document, ours)
        return
    with pytest.raises(Rejected) as caught:
        check_elsewhere("1Z9", document, ours)
    assert caught.value.reason == "confirmed_elsewhere"


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [([], [], 1), ([], [1, 2], 3), (["5"], [1], 6), (["amzn1.x", "0", "12345678901234567890"], [2], 3)],
)
def test_a_number_that_no_package_has(theirs: list[str], ours: list[int], expected: int) -> None:
    document = order(("A", "MUG", 1), packages=[amazons(name, "1Z") for name in theirs])
    assert next_reference_id(document, ours) == expected
