"""An item of an order, as Amazon's Orders API 2026-01-01 tells it. See `order_models`."""

from __future__ import annotations

from orderbridge.amazon.answers import AmazonModel, PersonalModel
from orderbridge.amazon.order_values import DateTimeRange, Id, Measurement, Money


class ItemCondition(AmazonModel):
    condition_type: str | None = None
    condition_subtype: str | None = None
    condition_note: str | None = None


class ItemPrice(AmazonModel):
    unit_price: Money | None = None
    price_designation: str | None = None
    """`BUSINESS_PRICE`"""


class ItemCustomization(PersonalModel):
    customized_url: str | None = None


class ItemProduct(AmazonModel):
    asin: str | None = None
    title: str | None = None
    seller_sku: str | None = None
    condition: ItemCondition | None = None
    price: ItemPrice | None = None
    serial_numbers: tuple[str, ...] = ()
    customization: ItemCustomization | None = None


class ItemProceedsDetailedBreakdown(AmazonModel):
    subtype: str | None = None
    """What was taxed or reduced: `ITEM`, `SHIPPING`, `GIFT_WRAP`, `COD_FEE`, `DISCOUNT`, `OTHER`"""
    value: Money | None = None


class ItemProceedsBreakdown(AmazonModel):
    """The amounts are for the whole quantity. Details come for `TAX` and `DISCOUNT` only."""

    type: str
    """`ITEM`, `SHIPPING`, `GIFT_WRAP`, `COD_FEE`, `TAX`, `DISCOUNT`, `OTHER`"""
    subtotal: Money
    detailed_breakdowns: tuple[ItemProceedsDetailedBreakdown, ...] = ()


class ItemProceeds(AmazonModel):
    proceeds_total: Money | None = None
    breakdowns: tuple[ItemProceedsBreakdown, ...] = ()


class PointsGranted(AmazonModel):
    points_number: int | None = None
    points_monetary_value: Money | None = None


class ItemPointsCost(AmazonModel):
    points_granted: PointsGranted | None = None


class ItemExpense(AmazonModel):
    """What the item cost the seller beside Amazon's fees: Amazon Points, in Japan."""

    points_cost: ItemPointsCost | None = None


class ItemPromotionBreakdown(AmazonModel):
    promotion_id: str | None = None


class ItemPromotion(AmazonModel):
    breakdowns: tuple[ItemPromotionBreakdown, ...] = ()


class ItemCancellationRequest(AmazonModel):
    requester: str | None = None
    cancel_reason: str | None = None


class ItemCancellationExecution(AmazonModel):
    cancelled_by: str | None = None
    """`BUYER`, `MERCHANT`, `AMAZON`"""
    cancel_reason: str | None = None


class ItemCancellation(AmazonModel):
    cancellation_request: ItemCancellationRequest | None = None
    cancellation_execution: ItemCancellationExecution | None = None


class GiftOption(PersonalModel):
    gift_message: str | None = None
    gift_wrap_level: str | None = None


class SerialNumberRequirement(AmazonModel):
    requirement_type: str | None = None
    """`REQUIRED`"""


class ItemPacking(AmazonModel):
    gift_option: GiftOption | None = None
    serial_number_requirement: SerialNumberRequirement | None = None


class ItemSubstitutionOption(AmazonModel):
    asin: str | None = None
    quantity_ordered: int | None = None
    seller_sku: str | None = None
    title: str | None = None
    measurement: Measurement | None = None


class ItemSubstitutionPreference(AmazonModel):
    substitution_type: str
    """`CUSTOMER_PREFERENCE`, `AMAZON_RECOMMENDED`, `DO_NOT_SUBSTITUTE`"""
    substitution_options: tuple[ItemSubstitutionOption, ...] = ()


class ItemPicking(AmazonModel):
    substitution_preference: ItemSubstitutionPreference | None = None


class ItemShippingConstraints(AmazonModel):
    """Each is `MANDATORY` where the carrier must do so."""

    pallet_delivery: str | None = None
    cash_on_delivery: str | None = None
    signature_confirmation: str | None = None
    recipient_identity_verification: str | None = None
    recipient_age_verification: str | None = None


class ItemInternationalShipping(AmazonModel):
    ioss_number: str | None = None
    """Goes to the carrier of a parcel into the European Union, where Amazon has collected the VAT."""


class ItemShipping(AmazonModel):
    scheduled_delivery_window: DateTimeRange | None = None
    shipping_constraints: ItemShippingConstraints | None = None
    international_shipping: ItemInternationalShipping | None = None


class ItemFulfillment(AmazonModel):
    quantity_fulfilled: int | None = None
    quantity_unfulfilled: int | None = None
    picking: ItemPicking | None = None
    packing: ItemPacking | None = None
    shipping: ItemShipping | None = None


class ItemTaxCollection(AmazonModel):
    model: str | None = None
    """`MARKETPLACE_FACILITATOR`: Amazon collects the tax and pays it."""
    responsible_party: str | None = None


class ItemTaxCalculationBreakdown(AmazonModel):
    reporting_scheme: str | None = None
    """`UOSS`, `IOSS`: the union's or the import one-stop shop."""


class ItemTax(AmazonModel):
    tax_calculation_breakdowns: tuple[ItemTaxCalculationBreakdown, ...] = ()
    tax_collections: tuple[ItemTaxCollection, ...] = ()


class AssociatedOrderItem(AmazonModel):
    order_id: str | None = None
    order_item_id: str | None = None
    association_type: str | None = None
    """`VALUE_ADD_SERVICE`"""


class OrderItem(AmazonModel):
    order_item_id: Id
    quantity_ordered: int
    product: ItemProduct
    measurement: Measurement | None = None
    associated_order_items: tuple[AssociatedOrderItem, ...] = ()
    programs: tuple[str, ...] = ()
    """`TRANSPARENCY`, `SUBSCRIBE_AND_SAVE`"""
    proceeds: ItemProceeds | None = None
    expense: ItemExpense | None = None
    promotion: ItemPromotion | None = None
    cancellation: ItemCancellation | None = None
    fulfillment: ItemFulfillment | None = None
    tax: ItemTax | None = None
