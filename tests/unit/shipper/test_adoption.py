"""Which of the store's packages each of Amazon's is, after a restore."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from orderbridge.amazon.order_models import Order
from orderbridge.database.unit_of_work import Cause
from schemas.shipments import OrderShipped, ShipmentConfirmed
from services.shipper.adoption import OrderToRead, Said, adopt, content_taken_over, parcels

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def amazon(*packages: tuple[str, str, dict[str, int]], status: str = "SHIPPED") -> Order:
    """An order of items I1 (SKU-1), I2 and I3 (both SKU-2), with packages: number, tracking number, quantities."""
    items = [("I1", "SKU-1"), ("I2", "SKU-2"), ("I3", "SKU-2")]
    return Order.model_validate(
        {
            "orderId": "111-1111111-1111111",
            "createdTime": "2026-11-20T12:00:00Z",
            "lastUpdatedTime": "2026-11-24T12:00:00Z",
            "salesChannel": {"channelName": "AMAZON"},
            "orderItems": [
                {"orderItemId": item, "quantityOrdered": 5, "product": {"sellerSku": sku}} for item, sku in items
            ],
            "packages": [
                {
                    "packageReferenceId": number,
                    "trackingNumber": tracking_number,
                    "carrier": "UPS",
                    "packageStatus": {"status": status},
                    "packageItems": [{"orderItemId": item, "quantity": count} for item, count in quantities.items()],
                }
                for number, tracking_number, quantities in packages
            ],
        }
    )


def said(number: int, package_id: str | None, tracking_number: str, *lines: dict[str, Any]) -> Said:
    event = OrderShipped.model_validate(
        {
            "order_id": "111-1111111-1111111",
            "package_id": package_id,
            "carrier": "UPS",
            "tracking_number": tracking_number,
            "lines": lines,
        }
    )
    return Said(event, Cause(f"event-{number}", "store", "place", f"{number:04d}", NOW))


def told(number: str, package_id: str | None, tracking_number: str) -> ShipmentConfirmed:
    return ShipmentConfirmed(
        order_id="111-1111111-1111111",
        package_id=package_id,
        tracking_number=tracking_number,
        caused_by="event",
        package_reference_id=number,
        ship_date=NOW,
        confirmed_at=NOW,
        lines=(),
    )


def adopted(
    order: Order, *events: Said, answers: tuple[ShipmentConfirmed, ...] = (), known: dict[str, int] | None = None
) -> list[tuple[int, str, str | None]]:
    """Number, package and the event taken for what Amazon has."""
    to_read = OrderToRead("111-1111111-1111111", ("main",), events, answers)
    found = adopt(order, parcels(order, answers), to_read, known or {})
    return [
        (one.parcel.reference_id, one.package_key, one.said.cause.event_id if one.said is not None else None)
        for one in found
    ]


ONE = {"I1": 1}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([said(1, "A", "T1")], (1, "A", "event-1")),
        ([said(1, None, "T1")], (1, "tracking:T1", "event-1")),
        ([said(1, "A", "T1", {"order_item_id": "I1", "quantity": 1})], (1, "A", "event-1")),
        ([said(1, "A", "T1", {"sku": "SKU-1", "quantity": 1})], (1, "A", "event-1")),
        # It says something else: its number is the package's, and the event counts again.
        ([said(1, "A", "T1", {"order_item_id": "I1", "quantity": 2})], (1, "A", None)),
        ([said(1, "A", "T1", {"sku": "SKU-2", "quantity": 1})], (1, "A", None)),
        # Of several that say it, the first: whatever came later is looked at again.
        ([said(1, "A", "T1"), said(2, "A", "T2"), said(3, "A", "T1")], (1, "A", "event-1")),
        ([said(1, "A", "T0"), said(2, "A", "T1")], (1, "A", "event-2")),
        # Nobody said it: the number is blocked.
        ([], (1, "tracking:T1", None)),
        ([said(1, "A", "T2")], (1, "tracking:T1", None)),
    ],
)
def test_one_package(events: list[Said], expected: tuple[int, str, str | None]) -> None:
    assert adopted(amazon(("1", "T1", ONE)), *events) == [expected]


def test_packages_under_one_tracking_number_are_told_apart_by_their_lines() -> None:
    order = amazon(("1", "T1", {"I1": 1}), ("2", "T1", {"I2": 1}))
    b = said(1, "B", "T1", {"order_item_id": "I2", "quantity": 1})
    a = said(2, "A", "T1", {"order_item_id": "I1", "quantity": 1})
    assert adopted(order, b, a) == [(1, "A", "event-2"), (2, "B", "event-1")]


def test_and_else_by_the_order_in_which_the_store_spoke_of_them() -> None:
    order = amazon(("1", "T1", {"I1": 1}), ("2", "T1", {"I1": 1}))
    line = {"order_item_id": "I1", "quantity": 1}
    assert adopted(order, said(1, "B", "T1", line), said(2, "A", "T1", line)) == [
        (1, "B", "event-1"),
        (2, "A", "event-2"),
    ]


def test_what_the_store_was_told_comes_first() -> None:
    order = amazon(("1", "T1", ONE), ("2", "T1", ONE))
    line = {"order_item_id": "I1", "quantity": 1}
    events = (said(1, "B", "T1", line), said(2, "A", "T1", line))
    answers = (told("1", "A", "T1"), told("2", "B", "T1"))
    assert adopted(order, *events, answers=answers) == [(1, "A", "event-2"), (2, "B", "event-1")]


def test_a_package_that_was_told_and_is_not_shown_keeps_its_number() -> None:
    assert adopted(amazon(), said(1, "A", "T1"), answers=(told("3", "A", "T1"),)) == [(3, "A", "event-1")]


def test_a_known_package_is_left_alone_and_its_key_is_not_given_twice() -> None:
    order = amazon(("1", "T1", ONE), ("2", "T1", ONE))
    assert adopted(order, said(1, "A", "T1"), known={"A": 1}) == [(2, "tracking:T1", None)]
    assert adopted(order, known={"A": 1, "tracking:T1": 7}) == [(2, "amazon:2", None)]


@pytest.mark.parametrize("number", ["", "0", "-1", "AB1", "²", "99999999999"])
def test_a_number_that_ours_can_never_meet(number: str) -> None:
    assert adopted(amazon((number, "T1", ONE)), said(1, "A", "T1")) == []


def test_a_package_that_amazon_has_cancelled_blocks_its_number_and_holds_nothing() -> None:
    (parcel,) = parcels(amazon(("1", "T1", ONE), status="CANCELLED"), ()).values()
    assert (parcel.reference_id, parcel.lines) == (1, ())


def test_the_content_is_what_the_store_said_with_the_lines_that_amazon_has() -> None:
    order = amazon(("1", "T1", {"I1": 2}))
    to_read = OrderToRead(order.order_id, ("main",), (said(1, "A", "T1"),))
    (one,) = adopt(order, parcels(order, ()), to_read, {})
    content = content_taken_over(one, NOW, order.created_time)
    assert (content.caused_by, content.package_id, content.carrier, content.first_said_at) == (
        "event-1",
        "A",
        "UPS",
        NOW,
    )
    assert [(line.order_item_id, line.quantity) for line in content.lines] == [("I1", 2)]
    assert content.taken == content.lines
