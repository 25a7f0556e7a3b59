"""What Amazon is told of a package: its carrier code for any spelling, and whether two say the same."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.shipper.content import Content, ContentLine

SAID = datetime(2026, 11, 24, 9, tzinfo=UTC)


def content(**changes: Any) -> Content:
    fields = {"caused_by": "e1", "carrier": "ups", "tracking_number": "1Z", "first_said_at": SAID}
    return Content.model_validate({**fields, "lines": [{"order_item_id": "A", "quantity": 2}], **changes})


@pytest.mark.parametrize(
    ("said", "mapping", "code", "name"),
    [
        ({"carrier": "u.p.s."}, {}, "UPS", "UPS"),
        ({"carrier": "Bike Courier"}, {}, "Other", "Bike Courier"),
        ({"carrier": "Bike Courier"}, {"bike-courier": "DHL"}, "DHL", "DHL"),
        ({"carrier": "other", "tracking_number": "1Z999AA10123456784"}, {}, "UPS", "UPS"),
    ],
)
def test_amazon_is_told_its_own_code(said: dict[str, Any], mapping: dict[str, str], code: str, name: str) -> None:
    package = content(**said).for_amazon(1, SAID, mapping, "ATVPDKIKX0DER")
    assert (package.carrier_code, package.carrier_name) == (code, name)


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
