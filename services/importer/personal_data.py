"""A buyer's personal data: taken out of Amazon's order, sealed, and kept apart with the moment of its death."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from orderbridge.amazon.order_models import CustomerAddress, Order, OrderTaxRegistration
from orderbridge.database.models import PersonalDataRow
from orderbridge.database.unit_of_work import Work
from orderbridge.vault.jwe import MAX_PAYLOAD_BYTES
from orderbridge.vault.key_ring import KeyDead, KeyRing
from orderbridge.vault.seal import SealExpired, SealRefused, open_seal, seal
from schemas.orders import KeyExpired, OrderAged
from schemas.personal_data import PersonalData, PersonalDataState, TaxRegistration
from services.importer.mapping import cancel_requests, is_fulfilled_by_amazon

KEPT_FOR = timedelta(days=30)
"""Amazon's Data Protection Policy; counted, as the manual does, from the day the order was placed."""


@dataclass(frozen=True)
class Kept:
    """How the data stands now, and whether it is other data than before."""

    state: PersonalDataState
    changed: bool
    reason_changed: bool = False
    """Only the buyer's reason to cancel is another one."""


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


def keep(work: Work, ring: KeyRing, account_id: str, order: Order, row: PersonalDataRow | None) -> Kept:
    """Seal the order's personal data and keep it, in the order's transaction; plan its death.

    Once it is redacted nothing brings it back: what Amazon still returns is dropped. The caller holds the order's lock.
    """
    data = _that_fits(extract(order))
    if is_fulfilled_by_amazon(order):
        return Kept(PersonalDataState.none(), changed=False)
    now = work.now
    dies_at = ring.moment_for(order.created_time + KEPT_FOR)
    if _but_for_the_reason(data) == PersonalData(country=data.country, region=data.region, city=data.city):
        if row is None and dies_at <= now:  # Amazon gives none of so old an order: it is not to be waited for
            return Kept(_upsert(work, order.order_id, None, dies_at, now), changed=False)
        return Kept(as_kept(row), changed=False)
    before = _opened(ring, order.order_id, row.seal, now) if row is not None else None
    if row is not None and (row.redacted_at is not None or before == data):
        return Kept(as_kept(row), changed=False)
    try:
        sealed = seal(ring, order.order_id, data.model_dump_json().encode(), dies_at, now)
    except KeyDead:
        if row is not None:  # its day has come just now: the redactor is about to replace it, and tells the store
            return Kept(as_kept(row), changed=False)
        return Kept(_upsert(work, order.order_id, None, dies_at, now), changed=False)
    state = _upsert(work, order.order_id, sealed, dies_at, None)
    work.post(OrderAged(order_id=order.order_id, account_id=account_id), at=dies_at, name=f"aged:{order.order_id}")
    work.post_once(KeyExpired(moment=dies_at), at=dies_at, name=f"key:{dies_at.isoformat()}")
    same = before is not None and _but_for_the_reason(before) == _but_for_the_reason(data)
    return Kept(state, changed=row is not None and not same, reason_changed=same)


def _but_for_the_reason(data: PersonalData) -> PersonalData:
    """A wish to cancel is told as such, not as another address; nor is there a seal for its reason alone."""
    return data.model_copy(update={"cancel_reason": ""})


def _that_fits(data: PersonalData) -> PersonalData:
    """The data as far as a seal can hold it: an address always does, a pile of links and gift messages may not."""
    parts: tuple[dict[str, object], ...] = (
        {"customization_links": {}},
        {"gift_messages": {}},
        {"cancel_reason": ""},
        {"tax_registrations": ()},
    )
    for left_out in parts:
        if len(data.model_dump_json().encode()) <= MAX_PAYLOAD_BYTES:
            break
        data = data.model_copy(update=left_out)
    return data


def as_kept(row: PersonalDataRow | None) -> PersonalDataState:
    """How personal data stands that is kept in the row."""
    if row is None:
        return PersonalDataState.missing()
    if row.redacted_at is not None or row.seal is None:
        return PersonalDataState.redacted(row.redacted_at or row.dies_at)
    return PersonalDataState.sealed(row.seal, row.dies_at)


def _opened(ring: KeyRing, order_id: str, token: str | None, now: datetime) -> PersonalData | None:
    """What the seal holds; None of one that no longer opens, which holds nothing that can be compared."""
    if token is None:
        return None
    try:
        return PersonalData.model_validate_json(open_seal(ring, order_id, token, now))
    except (SealExpired, SealRefused):
        return None


def _upsert(
    work: Work, order_id: str, sealed: str | None, dies_at: datetime, redacted_at: datetime | None
) -> PersonalDataState:
    """Only what the statement returns goes into an event: a redaction that came first wins."""
    values = {"seal": sealed, "dies_at": dies_at, "redacted_at": redacted_at}
    statement = (
        work.insert(PersonalDataRow)
        .values(order_id=order_id, **values)
        .on_conflict_do_update(index_elements=["order_id"], set_=values, where=PersonalDataRow.redacted_at.is_(None))
        .returning(PersonalDataRow)
        .execution_options(populate_existing=True)
    )
    stored = work.session.scalars(statement).one_or_none()
    return as_kept(stored or work.session.get_one(PersonalDataRow, order_id, populate_existing=True))
