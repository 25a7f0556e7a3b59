"""An order as Amazon's Orders API 2026-01-01 tells it: the parts of its `Order` that we need.

Source: Amazon's model `orders_2026-01-01.json`; each class, here and in `order_items` and `order_values`, is its
definition of that name. Only what that model requires is required here: a field may be absent because its data set
was not asked for, because a role was not granted, or for no reason. Values that Amazon lists in prose or as an enum
are plain strings, since new ones come.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from orderbridge.amazon.answers import AmazonModel, Moment, PersonalModel
from orderbridge.amazon.order_items import OrderItem
from orderbridge.amazon.order_values import DateTimeRange, Id, Money

# OrderItem too: whoever reads an order reads its items.
__all__ = ["CustomerAddress", "Order", "OrderItem"]


class Alias(AmazonModel):
    alias_id: str
    alias_type: str
    """`SELLER_ORDER_ID`"""


class AssociatedOrder(AmazonModel):
    order_id: str | None = None
    association_type: str | None = None
    """`REPLACEMENT_ORIGINAL_ID`, `EXCHANGE_ORIGINAL_ID`"""


class SalesChannel(AmazonModel):
    channel_name: str
    marketplace_id: str | None = None
    marketplace_name: str | None = None


class Buyer(PersonalModel):
    buyer_name: str | None = None
    buyer_email: str | None = None
    buyer_company_name: str | None = None
    buyer_purchase_order_number: str | None = None


class AddressExtendedFields(PersonalModel):
    """The parts of a Brazilian address."""

    street_name: str | None = None
    street_number: str | None = None
    complement: str | None = None
    neighborhood: str | None = None


class CustomerAddress(PersonalModel):
    name: str | None = None
    company_name: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    address_line3: str | None = None
    city: str | None = None
    district_or_county: str | None = None
    state_or_region: str | None = None
    municipality: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    phone: str | None = None
    extended_fields: AddressExtendedFields | None = None
    address_type: str | None = None
    """`RESIDENTIAL`, `COMMERCIAL`, `PICKUP_POINT`"""


class DeliveryPreference(PersonalModel):
    drop_off_location: str | None = None
    address_instruction: str | None = None


class Recipient(PersonalModel):
    delivery_address: CustomerAddress | None = None
    delivery_preference: DeliveryPreference | None = None


class OrderProceedsBreakdown(AmazonModel):
    type: str
    """`ITEM`, `SHIPPING`, `GIFT_WRAP`, `COD_FEE`, `TAX`, `DISCOUNT`, `DELIVERY_TIP`, `OTHER`"""
    subtotal: Money
    status: str | None = None
    """`PENDING`, `FINALIZED`; of a `DELIVERY_TIP` only, which no item has"""


class OrderProceeds(AmazonModel):
    grand_total: Money | None = None
    breakdowns: tuple[OrderProceedsBreakdown, ...] = ()


class PaymentExecution(AmazonModel):
    payment_method: str | None = None
    payment_amount: Money | None = None
    acquirer_id: str | None = None
    card_brand: str | None = None
    authorization_code: Annotated[str | None, Field(repr=False)] = None


class OrderPayment(AmazonModel):
    payment_executions: tuple[PaymentExecution, ...] = ()


class TaxRegistrationAttribute(PersonalModel):
    key: str | None = None
    """`TAX_OFFICE`"""
    value: str | None = None


class OrderTaxRegistration(PersonalModel):
    entity_type: str | None = None
    legal_name: str | None = None
    tax_registration_type: str | None = None
    tax_registration_number: str | None = None
    tax_registration_address: CustomerAddress | None = None
    tax_registration_attributes: tuple[TaxRegistrationAttribute, ...] = ()


class OrderTaxInvoicing(AmazonModel):
    buyer_invoice_preference: str | None = None
    """`INDIVIDUAL`, `BUSINESS`; in Turkey only"""
    invoice_status: str | None = None
    """`NOT_REQUIRED`, `NOT_FOUND`, `PROCESSING`, `ERRORED`, `ACCEPTED`; in Brazil and for Easy Ship only"""


class OrderTax(AmazonModel):
    tax_registrations: tuple[OrderTaxRegistration, ...] = ()
    tax_invoicing: OrderTaxInvoicing | None = None


class OrderFulfillment(AmazonModel):
    fulfillment_status: str
    """`PENDING_AVAILABILITY`, `PENDING`, `UNSHIPPED`, `PARTIALLY_SHIPPED`, `SHIPPED`, `CANCELLED`, `UNFULFILLABLE`"""
    fulfilled_by: str | None = None
    """`MERCHANT`, `AMAZON`"""
    fulfillment_service_level: str | None = None
    ship_by_window: DateTimeRange | None = None
    deliver_by_window: DateTimeRange | None = None
    label_printing_window: DateTimeRange | None = None
    """From its start on, a label may be printed; it has no end. Without it, at any time."""


class PackageStatus(AmazonModel):
    status: str
    """`PENDING`, `IN_TRANSIT`, `SHIPPED`, `DELIVERED`, `CANCELLED`, `UNDELIVERABLE`"""
    detailed_status: str | None = None


class MerchantAddress(AmazonModel):
    """Where a package was sent from: the seller's, not the buyer's."""

    name: str | None = None
    city: str | None = None
    state_or_region: str | None = None
    postal_code: str | None = None
    country_code: str | None = None


class PackageItem(AmazonModel):
    order_item_id: str
    quantity: int
    transparency_codes: tuple[str, ...] = ()


class OrderPackage(AmazonModel):
    """A package of an order that the merchant fulfils, as Amazon knows it."""

    package_reference_id: str
    created_time: Moment | None = None
    package_status: PackageStatus | None = None
    carrier: str | None = None
    ship_time: Moment | None = None
    shipping_service: str | None = None
    tracking_number: str | None = None
    ship_from_address: MerchantAddress | None = None
    package_items: tuple[PackageItem, ...] = ()


class FulfillmentOrder(AmazonModel):
    """A unit of the order that Amazon made for Easy Ship."""

    fulfillment_order_id: str


class Order(AmazonModel):
    order_id: Id
    created_time: Moment
    last_updated_time: Moment
    sales_channel: SalesChannel
    order_items: tuple[OrderItem, ...]
    order_aliases: tuple[Alias, ...] = ()
    programs: tuple[str, ...] = ()
    associated_orders: tuple[AssociatedOrder, ...] = ()
    buyer: Buyer | None = None
    recipient: Recipient | None = None
    proceeds: OrderProceeds | None = None
    payment: OrderPayment | None = None
    tax: OrderTax | None = None
    fulfillment: OrderFulfillment | None = None
    packages: tuple[OrderPackage, ...] = ()
    fulfillment_orders: tuple[FulfillmentOrder, ...] = ()
