"""Which of Amazon's fields are personal data, and where they go."""

from __future__ import annotations

from typing import Any

import pytest

from orderbridge.amazon import Order
from schemas.orders import OrderDocument
from schemas.personal_data import PersonalData
from services.importer.personal_fields import extract, with_what_is_held
from tests.parts.contract import EXAMPLES
from tests.unit.importer.conftest import AmazonOrder


def with_address(order: Order, **address: Any) -> Order:
    raw = order.model_dump(by_alias=True)
    return Order.model_validate(raw | {"recipient": {"deliveryAddress": address}})


def test_every_personal_field_is_taken(amazon_order: AmazonOrder) -> None:
    order = amazon_order(
        marketplace_id="ATVPDKIKX0DER", programs=["AMAZON_BUSINESS"], lines=[{"sku": "MUG-BLUE", "gift_message": "Hi"}]
    )
    assert order.recipient is not None
    assert order.buyer is not None
    address = order.recipient.delivery_address
    assert address is not None
    data = extract(order)
    assert f"{data.first_name} {data.last_name}" == address.name
    assert data.company == address.company_name
    assert data.address_lines == (address.address_line1,)
    assert (data.city, data.region, data.postal_code) == (address.city, address.state_or_region, address.postal_code)
    assert (data.phone, data.email) == (address.phone, order.buyer.buyer_email)
    assert data.gift_messages == {order.order_items[0].order_item_id: "Hi"}


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("Ann Lee", "Ann", "Lee"), ("Cher", "", "Cher"), (" Jan van der Berg ", "Jan van der", "Berg"), (None, "", "")],
)
def test_names(amazon_order: AmazonOrder, name: str | None, first: str, last: str) -> None:
    order = Order.model_validate(amazon_order().model_dump(by_alias=True) | {"buyer": None})
    data = extract(with_address(order, name=name, countryCode="US"))
    assert (data.first_name, data.last_name) == (first, last)


def test_a_brazilian_address(amazon_order: AmazonOrder) -> None:
    fields = {"streetName": "Rua Augusta", "streetNumber": "12", "complement": "ap 3", "neighborhood": "Centro"}
    data = extract(with_address(amazon_order(), municipality="São Paulo", extendedFields=fields, countryCode="BR"))
    assert (data.address_lines, data.city) == (("Rua Augusta 12", "ap 3", "Centro"), "São Paulo")


def test_why_a_buyer_cancels_is_sealed(amazon_order: AmazonOrder) -> None:
    assert extract(amazon_order("WISH_TO_CANCEL")).cancel_reason == "mistake"


def test_an_order_that_shows_nobody_has_none(amazon_order: AmazonOrder) -> None:
    assert extract(amazon_order("PENDING")) == PersonalData()


def test_names_are_told_whole_and_a_reason_goes_with_its_wish() -> None:
    document = OrderDocument.model_validate(EXAMPLES["order.imported"] | {"cancel_requested": None})
    wished = OrderDocument.model_validate(EXAMPLES["order.imported"] | {"cancel_requested": {"requested_by": "buyer"}})
    held = PersonalData(first_name="Ann", last_name="Lee", cancel_reason="mistake")
    assert with_what_is_held(PersonalData(last_name="Cher"), held, document) == PersonalData(last_name="Cher")
    assert with_what_is_held(PersonalData(), held, wished) == held
