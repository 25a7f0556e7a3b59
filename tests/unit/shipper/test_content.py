"""What Amazon is told of a package: its carrier code for any spelling, and whether two say the same."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.shipper.carriers import amazon_carrier
from services.shipper.content import Content, ContentLine

SAID = datetime(2026, 11, 24, 9, tzinfo=UTC)


def content(**changes: Any) -> Content:
    fields = {"caused_by": "e1", "carrier": "ups", "tracking_number": "1Z", "first_said_at": SAID}
    return Content.model_validate({**fields, "lines": [{"order_item_id": "A", "quantity": 2}], **changes})


@pytest.mark.parametrize(
    ("spelling", "code", "name"),
    [
        ("ups", "UPS", "UPS"),
        ("U.P.S.", "UPS", "UPS"),
        ("United Parcel Service", "UPS", "UPS"),
        ("fedex", "FedEx", "FedEx"),
        ("Federal-Express", "FedEx", "FedEx"),
        ("royal mail", "Royal Mail", "Royal Mail"),
        ("DHL Express", "DHL", "DHL"),
        ("go", "GO!", "GO!"),
        ("Bike Courier", "Other", "Bike Courier"),
        ("Other", "Other", "Other"),
        ("顺丰", "Other", "顺丰"),
        ("!!!", "Other", "!!!"),
    ],
)
def test_carriers(spelling: str, code: str, name: str) -> None:
    assert amazon_carrier(spelling) == (code, name)


def test_the_same_parcel_said_again_is_the_same() -> None:
    assert content().same_parcel(content(caused_by="e2", first_said_at="2026-11-25T09:00:00Z"))


@pytest.mark.parametrize(
    "changes",
    [
        {"carrier": "usps"},
        {"tracking_number": "1Y"},
        {"ship_date": "2026-11-24"},
        {"shipping_method": "Ground"},
        {"lines": [{"order_item_id": "A", "quantity": 1}]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_any_change_that_amazon_would_see_makes_it_another(changes: dict[str, Any]) -> None:
    assert not content().same_parcel(content(**changes))


@pytest.mark.parametrize("ship_date", [None, date(2026, 11, 24), SAID])
def test_a_content_survives_its_row(ship_date: date | None) -> None:
    kept = content(ship_date=ship_date, lines=(ContentLine("A", 2, ("X1",)),))
    again = Content.model_validate_json(kept.model_dump_json(exclude_none=True))
    assert again == kept
    assert type(again.ship_date) is type(ship_date)
    assert again.said_ship_date() == (SAID if ship_date is None else ship_date)
