"""confirmShipment v0: what Amazon is told of a package."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from orderbridge.amazon import BadAnswer, Package, PackageLine, Refused, Unwell, confirm_shipment
from tests.unit.amazon.loopback import Loopback, Said, refused, then

PACKAGE = Package(
    package_reference_id=1,
    carrier_code="FedEx",
    carrier_name=None,
    shipping_method=None,
    tracking_number="112345678",
    ship_date=datetime(2022, 2, 11, 2, 0, tzinfo=timezone(timedelta(hours=1))),
    lines=(PackageLine("79039765272157", 1),),
)


def test_the_least_that_amazon_needs(amazon: Loopback) -> None:
    amazon.api = then(Said(204, b""))
    answer = confirm_shipment(amazon.connection(), "902-1106328-1059050", "ATVPDKIKX0DER", PACKAGE)

    (call,) = amazon.api_calls
    assert call.target == "/orders/v0/orders/902-1106328-1059050/shipmentConfirmation"
    assert json.loads(call.body) == {
        "marketplaceId": "ATVPDKIKX0DER",
        "packageDetail": {
            "packageReferenceId": "1",
            "carrierCode": "FedEx",
            "trackingNumber": "112345678",
            "shipDate": "2022-02-11T01:00:00.000Z",
            "orderItems": [{"orderItemId": "79039765272157", "quantity": 1}],
        },
    }
    assert answer.status == 204


def test_a_simulators_200_is_as_good(amazon: Loopback) -> None:
    amazon.api = then(Said(200, b"{}"))

    assert confirm_shipment(amazon.connection(), "1-2", "ATVPDKIKX0DER", PACKAGE).status == 200


@pytest.mark.parametrize(
    ("answer", "kind", "unknown"),
    [
        (Said(200, b"<html>Please log in</html>"), BadAnswer, True),
        (Said(500, b""), Unwell, True),
        (refused(400, "PackageToUpdateNotFound", "order already fulfilled"), Refused, False),
    ],
)
def test_what_is_no_confirmation_does_not_pass_for_one(
    amazon: Loopback, answer: Said, kind: type[BadAnswer | Unwell | Refused], unknown: bool
) -> None:
    amazon.api = then(answer)

    with pytest.raises(kind) as caught:
        confirm_shipment(amazon.connection(), "1-2", "ATVPDKIKX0DER", PACKAGE)
    assert caught.value.outcome_unknown is unknown
    assert len(amazon.api_calls) == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"package_reference_id": 0}, "positive"),
        ({"carrier_code": ""}, "carrier_code"),
        ({"carrier_code": "Other"}, "carrier_name"),
        ({"tracking_number": ""}, "tracking_number"),
        ({"lines": ()}, "lines"),
        ({"ship_date": datetime(2022, 2, 11, tzinfo=UTC).replace(tzinfo=None)}, "time zone"),
    ],
)
def test_a_package_that_amazon_rules_out_cannot_be_made(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(PACKAGE, **wrong)


@pytest.mark.parametrize(("order_item_id", "quantity"), [("", 1), ("7", 0), ("7", -1)])
def test_a_line_that_amazon_rules_out_cannot_be_made(order_item_id: str, quantity: int) -> None:
    with pytest.raises(ValueError, match="a package's line needs"):
        PackageLine(order_item_id, quantity)
