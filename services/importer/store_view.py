"""What the store is to make of an order, by the account's settings.

What was decided at the order's import stays: its number and what becomes of its stock. So does its payment type, once
a payment is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from orderbridge.accounts import ConnectedAccount
from orderbridge.accounts.settings import AccountSettings
from schemas.orders import Choice, Inventory, OrderDocument, ShippingMethod, StoreView

_PENDING: Final = ("pending_availability", "pending")
_TO_SHIP: Final = ("unshipped", "partially_shipped", "unknown")
_OVER: Final = ("cancelled", "unfulfillable")


@dataclass(frozen=True)
class Facts:
    """What the settings look at in an order, from whichever source it came."""

    order_id: str
    status: str
    """`schemas.orders.AmazonStatus`."""
    fulfilled_by: str
    programs: tuple[str, ...] = ()
    payment_methods: tuple[str, ...] = ()
    service_level: str | None = None
    """Amazon's word, as the Orders API 2026-01-01 writes it."""


def store_view(account: ConnectedAccount, order: Facts, known: OrderDocument | None) -> StoreView:
    """The store's words for the order. `known` is it as last told to the store, None for a new one."""
    settings = account.settings
    prefix = known.store.invoice_number_prefix if known else _prefix(settings, order)
    return StoreView(
        status=_queue(account, order, known),
        payment_type=_payment_type(settings, order, known),
        shipping_method=_shipping_method(settings, order, known),
        order_number=f"{prefix}{order.order_id}",
        invoice_number_prefix=prefix,
        inventory=known.store.inventory if known else _inventory(settings, order),
    )


def _prefix(settings: AccountSettings, order: Facts) -> str:
    """The first that is set of those for the order's kinds, FBA before Prime before business; else the one of all."""
    kinds = (
        (order.fulfilled_by == "amazon", settings.invoice_number_prefix_fba),
        ("PRIME" in order.programs, settings.invoice_number_prefix_prime),
        ("AMAZON_BUSINESS" in order.programs, settings.invoice_number_prefix_business),
    )
    return next((prefix for is_one, prefix in kinds if is_one and prefix is not None), settings.invoice_number_prefix)


def _queue(account: ConnectedAccount, order: Facts, known: OrderDocument | None) -> Choice:
    """The store's order queue: the merchant's orders have theirs while they await shipment, Amazon's throughout.

    While an order goes on awaiting it, it stays in the queue it was told for: the settings are for later orders. So
    does one that Amazon fulfils, until it is cancelled. An unknown word moves nothing.
    """
    settings = account.settings
    if known is not None and order.status == "unknown":
        return known.store.status
    if order.status in _OVER:
        return settings.status_cancelled
    if order.fulfilled_by == "amazon":  # its queue is for the reports: nobody has anything to do with it
        same = known is not None and known.amazon_status not in _OVER
        return known.store.status if known and same else settings.status_fba
    if order.status == "shipped":
        return settings.status_shipped
    if order.status in _PENDING:
        # It is here without the setting only if it was asked for by number: nobody must ship it yet.
        same = known is not None and known.amazon_status in _PENDING
        return known.store.status if known and same else settings.status_pending or account.unpaid_queue
    same = known is not None and known.amazon_status in ("unshipped", "partially_shipped")
    return known.store.status if known and same else settings.status_merchant


def _inventory(settings: AccountSettings, order: Facts) -> Inventory:
    """Decided once: none where Amazon holds the stock, or where the goods had left before the import."""
    if order.fulfilled_by == "amazon" or order.status not in (*_PENDING, *_TO_SHIP):
        return "none"
    return "deduct_when_shipped" if settings.deduct_inventory_when_shipped else "deduct_on_import"


def _payment_type(settings: AccountSettings, order: Facts, known: OrderDocument | None) -> Choice:
    """Decided with the first payment that Amazon tells: of a pending order, or in a report, it tells none."""
    if known and (known.payment_methods or not order.payment_methods):
        return known.store.payment_type
    chosen = (settings.payment_types.get(method) for method in order.payment_methods)
    return next(filter(None, chosen), settings.payment_type_default)


def _shipping_method(settings: AccountSettings, order: Facts, known: OrderDocument | None) -> ShippingMethod:
    level = order.service_level
    if known and known.store.shipping_method.amazon == level:
        return known.store.shipping_method
    chosen = settings.shipping_methods.get(level or "")
    if chosen is None:
        return ShippingMethod(amazon=level)
    return ShippingMethod(id=chosen.id, name=chosen.name, amazon=level, mapped=True)
