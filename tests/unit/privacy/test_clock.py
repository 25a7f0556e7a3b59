"""The one rule that says when an order's personal data must be gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orderbridge.accounts.settings import AccountSettings
from orderbridge.privacy.clock import dies_by
from schemas.orders import OrderDocument
from schemas.packages import AmazonPackage
from tests.parts.contract import EXAMPLES

DAY = timedelta(days=1)
PLACED = datetime(2026, 11, 1, 8, tzinfo=UTC)
SHIPPED, DELIVERED, DELIVER_BY = PLACED + 3 * DAY, PLACED + 5 * DAY, PLACED + 8 * DAY
CLOCKS = ("placed", "shipped", "delivered")


def order(**fields: Any) -> OrderDocument:
    document = OrderDocument.model_validate(EXAMPLES["order.imported"])
    return document.model_copy(update={"placed_at": PLACED, "deliver_by": DELIVER_BY, "packages": (), **fields})


def package(number: str = "1", **fields: Any) -> AmazonPackage:
    return AmazonPackage(package_reference_id=number, **fields)


def counted_from(clock: str, document: OrderDocument, *confirmed: datetime) -> datetime:
    settings = AccountSettings.model_validate({"personal_data_clock": clock})
    return dies_by(document, settings, confirmed) - 30 * DAY


SENT = {"amazon_status": "shipped", "packages": (package(status="shipped", ship_time=SHIPPED),)}
TWO = (package(status="shipped", ship_time=SHIPPED), package("2", status="shipped", ship_time=SHIPPED + DAY))
ARRIVED = package(status="delivered", ship_time=SHIPPED, delivered_by=DELIVERED)

LATE = package(status="shipped", ship_time=DELIVER_BY + 2 * DAY)


@pytest.mark.parametrize(
    ("what", "fields", "placed", "shipped", "delivered"),
    [
        ("on its way to be shipped", {}, PLACED, DELIVER_BY, DELIVER_BY),
        ("without a window", {"deliver_by": None}, PLACED, PLACED, PLACED),
        ("shipped", SENT, PLACED, SHIPPED, DELIVER_BY),
        ("shipped, without a window", {**SENT, "deliver_by": None}, PLACED, SHIPPED, PLACED),
        ("partly", {**SENT, "amazon_status": "partially_shipped"}, PLACED, DELIVER_BY, DELIVER_BY),
        ("in two", {**SENT, "packages": TWO}, PLACED, SHIPPED + DAY, DELIVER_BY),
        ("shipped, nobody knows when", {**SENT, "packages": ()}, PLACED, DELIVER_BY, DELIVER_BY),
        ("delivered", {**SENT, "packages": (ARRIVED,)}, PLACED, SHIPPED, DELIVERED),
        ("one of two", {**SENT, "packages": (ARRIVED, TWO[1])}, PLACED, SHIPPED + DAY, DELIVER_BY),
        ("cancelled", {"amazon_status": "cancelled"}, PLACED, PLACED, PLACED),
        (
            "delivered late",
            {**SENT, "packages": (ARRIVED.model_copy(update={"delivered_by": DELIVER_BY + 4 * DAY}),)},
            PLACED,
            SHIPPED,
            DELIVER_BY,
        ),
        ("shipped after its window", {**SENT, "packages": (LATE,)}, PLACED, DELIVER_BY, DELIVER_BY),
        (
            "shipped as told after its delivery",
            {**SENT, "packages": (LATE.model_copy(update={"status": "delivered", "delivered_by": DELIVERED}),)},
            PLACED,
            DELIVERED,
            DELIVERED,
        ),
        (
            "one of two cancelled",
            {**SENT, "packages": (ARRIVED, TWO[1].model_copy(update={"status": "cancelled"}))},
            PLACED,
            SHIPPED,
            DELIVERED,
        ),
    ],
)
def test_from_when_the_days_are_counted(
    what: str, fields: dict[str, Any], placed: datetime, shipped: datetime, delivered: datetime
) -> None:
    found = tuple(counted_from(clock, order(**fields)) for clock in CLOCKS)
    assert found == (placed, shipped, delivered), what


def test_what_amazon_took_from_us_tells_when_it_does_not() -> None:
    document = order(amazon_status="shipped")
    assert counted_from("shipped", document, SHIPPED, SHIPPED + DAY) == SHIPPED + DAY
    assert counted_from("shipped", document, DELIVER_BY + DAY) == DELIVER_BY
    assert counted_from("shipped", order(**SENT), SHIPPED + 2 * DAY) == SHIPPED, "Amazon's own word comes first"


@given(
    clock=st.sampled_from(CLOCKS),
    days=st.integers(1, 30),
    shipped=st.integers(0, 20),
    on_its_way=st.integers(0, 20),
    window=st.none() | st.integers(0, 20),
)
def test_nothing_outlives_thirty_days_after_the_delivery(
    clock: str, days: int, shipped: int, on_its_way: int, window: int | None
) -> None:
    """Once Amazon has told that it was delivered, whenever its window ends."""
    delivered = PLACED + (shipped + on_its_way) * DAY
    sent = package(status="delivered", ship_time=PLACED + shipped * DAY, delivered_by=delivered)
    document = order(
        amazon_status="shipped", packages=(sent,), deliver_by=None if window is None else PLACED + window * DAY
    )
    settings = AccountSettings.model_validate({"personal_data_clock": clock, "personal_data_days": days})
    assert dies_by(document, settings) <= delivered + 30 * DAY


@pytest.mark.parametrize("days", [0, 31])
def test_more_than_the_policy_allows_is_no_setting(days: int) -> None:
    with pytest.raises(ValidationError):
        AccountSettings.model_validate({"personal_data_days": days})
