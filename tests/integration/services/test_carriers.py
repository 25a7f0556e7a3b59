"""Which carrier Amazon is told: by the account's mapping, by what the store calls it, by its tracking number."""

from __future__ import annotations

import pytest

from orderbridge.accounts.change_settings import change_settings
from schemas.shipments import ShipmentConfirmed
from tests.parts.in_process import System


@pytest.mark.parametrize(
    ("carrier", "number", "code", "name"),
    [
        ("UPS Ground", "1Z999AA10123456784", "UPS", "UPS"),
        ("other", "1Z999AA10123456784", "UPS", "UPS"),
        ("other", "1Z999AA10123456785", "Other", "other"),
        ("FAHRRAD Kurier", "4711", "DHL Parcel UK", "DHL Parcel UK"),
        ("DPD", "4711", "DPD", "DPD"),
        ("Bike Courier", "4711", "Other", "Bike Courier"),
    ],
)
def test_amazon_is_told_the_carrier_that_was_found(
    system: System, carrier: str, number: str, code: str, name: str
) -> None:
    with system.database.unit_of_work() as work:
        change_settings(work, "main", {"carrier_mapping.fahrrad-kurier": "dhl parcel uk"})
    (order_id,) = system.imported()
    system.store_says(order_id=order_id, carrier=carrier, tracking_number=number)
    system.run_until_idle()
    content = system.packages(order_id)["1"]["content"]
    assert (content["carrierCode"], content["carrierName"]) == (code, name)
    assert len(system.events(ShipmentConfirmed)) == 1
