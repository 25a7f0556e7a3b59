"""Amazon's order becomes ours, with the store's own words already chosen by the account's settings."""

from __future__ import annotations

import re
from typing import cast, get_args

from orderbridge.account_settings import AccountSettings
from orderbridge.accounts import ConnectedAccount
from orderbridge.amazon.order_models import Order, OrderItem
from schemas.orders import (
    AmazonStatus,
    CancelRequest,
    Choice,
    FulfilledBy,
    Inventory,
    Line,
    LineAmounts,
    OrderDocument,
    ShippingMethod,
    StoreView,
)
from services.importer.money import line_amounts, totals

_AWAITING = ("pending_availability", "pending", "unshipped", "partially_shipped", "unknown")


def to_document(account: ConnectedAccount, order: Order, known: OrderDocument | None) -> OrderDocument:
    """The order as the store is to see it.

    What was decided when it was imported stays (order number, payment type, inventory): a setting changed later
    changes later orders. `known` is the order as last told to the store, None for a new one.
    """
    status = amazon_status(order)
    fulfilled_by = _fulfilled_by(order)
    amounts = [line_amounts(item) for item in order.order_items]
    fulfillment = order.fulfillment
    address = order.recipient.delivery_address if order.recipient else None
    ship_by = fulfillment.ship_by_window if fulfillment else None
    deliver_by = fulfillment.deliver_by_window if fulfillment else None
    return OrderDocument(
        order_id=order.order_id,
        account_id=account.account_id,
        marketplace_id=order.sales_channel.marketplace_id,
        fulfilled_by=fulfilled_by,
        programs=order.programs,
        amazon_status=status,
        placed_at=order.created_time,
        amazon_updated_at=order.last_updated_time,
        ship_by=ship_by.latest_date_time if ship_by else None,
        deliver_by=deliver_by.latest_date_time if deliver_by else None,
        store=_store_view(account.settings, order, status, fulfilled_by, known),
        lines=tuple(_line(item, status, parts) for item, parts in zip(order.order_items, amounts, strict=True)),
        totals=totals(order, amounts),
        cancel_requested=_cancel_requested(order),
        ship_to_country=(address.country_code if address else None) or (known.ship_to_country if known else None),
        ship_to_region=_code(address.state_or_region if address else None) or (known.ship_to_region if known else None),
    )


def amazon_status(order: Order) -> AmazonStatus:
    """Amazon's fulfilment status in lower case; `unknown` without the FULFILLMENT data, or for a new word."""
    word = order.fulfillment.fulfillment_status.lower() if order.fulfillment else "unknown"
    return cast(AmazonStatus, word if word in get_args(get_args(AmazonStatus)[0]) else "unknown")


def is_fulfilled_by_amazon(order: Order) -> bool:
    """Whether Amazon fulfils the order (FBA)."""
    return _fulfilled_by(order) == "amazon"


def missing_mappings(document: OrderDocument) -> tuple[str, ...]:
    """Amazon's words in the order that the account's mappings do not know, as `kind: word`."""
    method = document.store.shipping_method
    return () if method.mapped or method.amazon is None else (f"shipping: {method.amazon}",)


def _fulfilled_by(order: Order) -> FulfilledBy:
    word = order.fulfillment.fulfilled_by if order.fulfillment else None
    return {"MERCHANT": "merchant", "AMAZON": "amazon"}.get(word or "", "unknown")  # type: ignore[return-value]  # they are


def _store_view(
    settings: AccountSettings, order: Order, status: str, fulfilled_by: str, known: OrderDocument | None
) -> StoreView:
    prefix = known.store.invoice_number_prefix if known else settings.invoice_number_prefix
    return StoreView(
        status=_queue(settings, status, fulfilled_by, known),
        payment_type=known.store.payment_type if known else _payment_type(settings, order),
        shipping_method=_shipping_method(settings, order, known),
        order_number=f"{prefix}{order.order_id}",
        invoice_number_prefix=prefix,
        inventory=known.store.inventory if known else _inventory(settings, status, fulfilled_by),
    )


def _queue(settings: AccountSettings, status: str, fulfilled_by: str, known: OrderDocument | None) -> Choice:
    """The store's order queue: the two status settings are for orders that await shipment."""
    if status == "cancelled":
        return settings.status_cancelled
    if fulfilled_by == "amazon":
        return known.store.status if known and known.amazon_status != "cancelled" else settings.status_fba
    if status not in _AWAITING:
        return settings.status_shipped
    return known.store.status if known and known.amazon_status in _AWAITING else settings.status_merchant


def _inventory(settings: AccountSettings, status: str, fulfilled_by: str) -> Inventory:
    """Decided once: none where Amazon holds the stock, or where the goods had left before the import."""
    if fulfilled_by == "amazon" or status not in _AWAITING:
        return "none"
    return "deduct_when_shipped" if settings.deduct_inventory_when_shipped else "deduct_on_import"


def _payment_type(settings: AccountSettings, order: Order) -> Choice:
    for execution in order.payment.payment_executions if order.payment else ():
        chosen = settings.payment_types.get(execution.payment_method or "")
        if chosen is not None:
            return chosen
    return settings.payment_type_default


def _shipping_method(settings: AccountSettings, order: Order, known: OrderDocument | None) -> ShippingMethod:
    level = order.fulfillment.fulfillment_service_level if order.fulfillment else None
    if known and known.store.shipping_method.amazon == level:
        return known.store.shipping_method
    chosen = settings.shipping_methods.get(level or "")
    if chosen is None:
        return ShippingMethod(amazon=level)
    return ShippingMethod(id=chosen.id, name=chosen.name, amazon=level, mapped=True)


def _line(item: OrderItem, status: str, amounts: LineAmounts) -> Line:
    fulfilled = item.fulfillment.quantity_fulfilled if item.fulfillment else None
    packing = item.fulfillment.packing if item.fulfillment else None
    executed = item.cancellation.cancellation_execution if item.cancellation else None
    cancelled = item.quantity_ordered if executed or status == "cancelled" else 0
    return Line(
        order_item_id=item.order_item_id,
        sku=item.product.seller_sku,
        asin=item.product.asin,
        title=item.product.title,
        quantity=item.quantity_ordered,
        quantity_shipped=fulfilled or 0,
        quantity_cancelled=max(cancelled - (fulfilled or 0), 0),
        gift=packing is not None and packing.gift_option is not None,
        amounts=amounts,
    )


def _code(region: str | None) -> str | None:
    """A region's code, which tax and reports need; anything longer is a text somebody typed, and stays sealed."""
    return region if region is not None and re.fullmatch(r"[A-Z0-9-]{1,6}", region) else None


def _cancel_requested(order: Order) -> CancelRequest | None:
    for item in order.order_items:
        request = item.cancellation.cancellation_request if item.cancellation else None
        if request is not None:
            return CancelRequest(requested_by=(request.requester or "buyer").lower(), reason=request.cancel_reason)
    return None
