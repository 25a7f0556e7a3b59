"""The personal fields of Amazon's order, and how much of them an answer tells."""

from __future__ import annotations

from typing import Final

from orderbridge.amazon.order_models import CustomerAddress, Order, OrderTaxRegistration
from schemas.orders import OrderDocument
from schemas.personal_data import PersonalData, TaxRegistration
from services.importer.mapping import cancel_requests

_NAME: Final = frozenset(("first_name", "last_name"))
_PLACE: Final = frozenset(("city", "district", "region", "postal_code", "country"))
"""What Amazon tells of an address to those who may not see whose it is."""
_ADDRESS: Final = _PLACE | {"company", "address_lines", "phone"}


def extract(order: Order) -> PersonalData:
    """The personal fields of Amazon's order (Amazon's page "Access orders PII" lists them)."""
    address = (order.recipient.delivery_address if order.recipient else None) or CustomerAddress()
    buyer_name = order.buyer.buyer_name if order.buyer else None
    first_name, _, last_name = (address.name or buyer_name or "").strip().rpartition(" ")
    extended = address.extended_fields
    street = " ".join(filter(None, (extended.street_name, extended.street_number))) if extended else ""
    lines = (address.address_line1, address.address_line2, address.address_line3)
    more = (street, extended.complement, extended.neighborhood) if extended and not any(lines) else ()
    gifts = {
        item.order_item_id: item.fulfillment.packing.gift_option.gift_message
        for item in order.order_items
        if item.fulfillment and item.fulfillment.packing and item.fulfillment.packing.gift_option
    }
    links = {
        item.order_item_id: item.product.customization.customized_url
        for item in order.order_items
        if item.product.customization
    }
    return PersonalData(
        first_name=first_name,
        last_name=last_name,
        company=address.company_name or (order.buyer.buyer_company_name if order.buyer else None) or "",
        address_lines=tuple(line for line in (*lines, *more) if line),
        city=address.city or address.municipality or "",
        district=address.district_or_county or "",
        region=address.state_or_region or "",
        postal_code=address.postal_code or "",
        country=address.country_code or "",
        phone=address.phone or "",
        email=(order.buyer.buyer_email if order.buyer else None) or "",
        gift_messages={item: text for item, text in gifts.items() if text},
        customization_links={item: link for item, link in links.items() if link},
        purchase_order_number=(order.buyer.buyer_purchase_order_number if order.buyer else None) or "",
        tax_registrations=tuple(
            _registration(one)
            for one in (order.tax.tax_registrations if order.tax else ())
            if one.entity_type not in ("MERCHANT", "MARKETPLACE")
        ),
        cancel_reason=next(filter(None, (request.cancel_reason for request in cancel_requests(order))), ""),
    )


def shows_nobody(data: PersonalData) -> bool:
    """Whether there is nothing to be sealed: no more than a place, or the reason of a wish to cancel alone."""
    return _told(data) <= _PLACE | {"cancel_reason"}


def with_what_is_held(data: PersonalData, held: PersonalData, document: OrderDocument) -> PersonalData:
    """What an answer leaves out is no news: a role had lapsed, or Amazon refused a data set for a while.

    Another address is told whole, with its street. One without a street takes nothing from one that has it, nor the
    recipient's name, for which the buyer's may stand in. The reason of a wish to cancel goes with the wish.
    """
    told = _told(data)
    if data.last_name:
        told |= _NAME
    if data.address_lines:  # Amazon takes the phone away once an order is delivered
        told |= {"phone"} if data.address_lines == held.address_lines else _ADDRESS
    elif held.address_lines:
        told -= _NAME | _ADDRESS
    if document.cancel_requested is None:
        told.add("cancel_reason")
    return held.model_copy(update={name: getattr(data, name) for name in told})


def _told(data: PersonalData) -> set[str]:
    return {name for name, value in data if value}


def _registration(told: OrderTaxRegistration) -> TaxRegistration:
    """A buyer's tax registration. The seller's and Amazon's own are nothing that a store lacks."""
    address = told.tax_registration_address or CustomerAddress()
    lines = (address.address_line1, address.address_line2, address.address_line3)
    offices = (one.value for one in told.tax_registration_attributes if one.key == "TAX_OFFICE")
    return TaxRegistration(
        type=told.tax_registration_type or "",
        number=told.tax_registration_number or "",
        legal_name=told.legal_name or "",
        address_lines=tuple(line for line in lines if line),
        city=address.city or "",
        region=address.state_or_region or "",
        postal_code=address.postal_code or "",
        country=address.country_code or "",
        tax_office=next(offices, None) or "",
    )
