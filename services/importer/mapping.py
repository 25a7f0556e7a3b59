"""Amazon's order becomes ours, with the store's own words already chosen by the account's settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from orderbridge.accounts import ConnectedAccount
from orderbridge.amazon.order_items import ItemCancellationRequest
from orderbridge.amazon.order_models import Order, OrderItem
from orderbridge.amazon.order_values import DateTimeRange
from schemas.money import LineAmounts, Money
from schemas.orders import AmazonStatus, CancelRequest, FulfilledBy, Invoice, Line, OrderDocument, Span
from schemas.personal_data import region_code
from services.importer.money import Priced, PricedLine, price
from services.importer.packages import packages_of
from services.importer.store_view import Facts, store_view
from services.importer.words import fulfilled_by_of, sales_channel_of, status_of

_OF_FULFILLMENT: Final = ("gift", "gift_wrap_level", "scheduled_delivery", "ioss_number")
"""What else than quantities this data set tells of a line."""
_FOUR_DECIMALS: Final = Decimal("0.0001")
_MOST_DIGITS: Final = 15
"""Of an amount in an event, before its point; after it there are four (`schemas.base.Amount`)."""


@dataclass(frozen=True)
class _Fulfillment:
    status: AmazonStatus = "unknown"
    status_word: str | None = None
    """Amazon's own, where we do not know it."""
    by: FulfilledBy = "unknown"
    by_word: str | None = None
    service_level: str | None = None
    ship_window: Span | None = None
    deliver_window: Span | None = None


def to_document(
    account: ConnectedAccount, order: Order, known: OrderDocument | None, left_out: tuple[str, ...] = ()
) -> OrderDocument:
    """The order as the store is to see it.

    What was decided when it was imported stays (order number, inventory; the payment type, once a payment is known): a
    setting changed later changes later orders. What an answer leaves out altogether (money, payment, invoice, packages,
    fulfilment) is no news and stays.
    `known` is the order as last told to the store, None for a new one; `left_out` are the data sets that were not asked
    for, since an order without a cancellation looks like one whose cancellation is not told.
    """
    fulfillment = _fulfillment(order, known)
    status, ship, deliver = fulfillment.status, fulfillment.ship_window, fulfillment.deliver_window
    address = order.recipient.delivery_address if order.recipient else None
    payment_methods = _payment_methods(order) if order.payment or known is None else known.payment_methods
    priced = _priced(order, known)
    lines = {line.order_item_id: line for line in known.lines} if known is not None else {}
    facts = Facts(
        order_id=order.order_id,
        status=status,
        fulfilled_by=fulfillment.by,
        programs=order.programs,
        payment_methods=payment_methods,
        service_level=fulfillment.service_level,
    )
    return OrderDocument(
        order_id=order.order_id,
        account_id=account.account_id,
        marketplace_id=order.sales_channel.marketplace_id,
        sales_channel=sales_channel_of(order.sales_channel.channel_name),
        seller_order_id=next(
            (one.alias_id for one in order.order_aliases if one.alias_type == "SELLER_ORDER_ID"), None
        ),
        fulfilled_by=fulfillment.by,
        fulfilled_by_word=fulfillment.by_word,
        programs=order.programs,
        replacement_of=_associated(order, "REPLACEMENT_ORIGINAL_ID"),
        exchange_of=_associated(order, "EXCHANGE_ORIGINAL_ID"),
        amazon_status=status,
        amazon_status_word=fulfillment.status_word,
        placed_at=order.created_time,
        amazon_updated_at=order.last_updated_time,
        ship_by=ship.latest if ship else None,
        deliver_by=deliver.latest if deliver else None,
        ship_window=ship,
        deliver_window=deliver,
        payment_methods=payment_methods,
        invoice=_invoice(order) if order.tax or known is None else known.invoice,
        store=store_view(account, facts, known),
        lines=tuple(
            _line(item, status, money, lines.get(item.order_item_id), left_out)
            for item, money in zip(order.order_items, priced.lines, strict=True)
        ),
        totals=priced.totals,
        cancel_requested=known.cancel_requested if known and "CANCELLATION" in left_out else _cancel_requested(order),
        ship_to_country=(address.country_code if address else None) or (known.ship_to_country if known else None),
        ship_to_region=region_code(address.state_or_region if address else None)
        or region_code(known.ship_to_region if known else None),
        packages=packages_of(order, known),
    )


def missing_mappings(document: OrderDocument) -> tuple[str, ...]:
    """Amazon's words in the order that the account's mappings do not know, as `kind: word`.

    A payment method without a mapping of its own has the default one: nothing is missing.
    """
    method = document.store.shipping_method
    return () if method.mapped or method.amazon is None else (f"shipping: {method.amazon}",)


def _fulfillment(order: Order, known: OrderDocument | None) -> _Fulfillment:
    """What FULFILLMENT says of the order: in this answer, else in what is known."""
    told = order.fulfillment
    if told is None and known is not None:
        return _Fulfillment(
            status=known.amazon_status,
            status_word=known.amazon_status_word,
            by=known.fulfilled_by,
            by_word=known.fulfilled_by_word,
            service_level=known.store.shipping_method.amazon,
            ship_window=known.ship_window,
            deliver_window=known.deliver_window,
        )
    if told is None:
        return _Fulfillment()
    status, by = status_of(told.fulfillment_status), fulfilled_by_of(told.fulfilled_by)
    return _Fulfillment(
        status=status,
        status_word=told.fulfillment_status if status == "unknown" else None,
        by=by,
        by_word=told.fulfilled_by if by == "unknown" else None,
        service_level=told.fulfillment_service_level,
        ship_window=_span(told.ship_by_window),
        deliver_window=_span(told.deliver_by_window),
    )


def _priced(order: Order, known: OrderDocument | None) -> Priced:
    """The order's money; the one we know, where Amazon says nothing at all of it (its data set was refused)."""
    ids = tuple(item.order_item_id for item in order.order_items)
    if known is None or ids != tuple(line.order_item_id for line in known.lines):
        return price(order)
    if order.proceeds is None and all(item.proceeds is None for item in order.order_items):
        lines = tuple(PricedLine(line.amounts, line.amounts_in_other_currencies) for line in known.lines)
        return Priced(lines, known.totals)
    untold = {item.order_item_id for item in order.order_items if item.tax is None}
    collected = [
        line.order_item_id for line in known.lines if line.order_item_id in untold and _is_collected(line.amounts)
    ]
    return price(order, collected)


def _is_collected(amounts: LineAmounts) -> bool:
    return amounts.tax_collected_by_amazon != 0


def _line(item: OrderItem, status: str, money: PricedLine, was: Line | None, left_out: tuple[str, ...]) -> Line:
    """The line, and what is known of that which the answer leaves out."""
    product = item.product
    packing = item.fulfillment.packing if item.fulfillment else None
    shipping = item.fulfillment.shipping if item.fulfillment else None
    gift = packing.gift_option if packing else None
    shipped, cancelled, cancelled_by = _quantities(item, status, was, left_out)
    unit_price = product.price.unit_price if product.price else None
    line = Line(
        order_item_id=item.order_item_id,
        sku=product.seller_sku,
        asin=product.asin,
        title=product.title,
        quantity=item.quantity_ordered,
        quantity_shipped=shipped,
        quantity_cancelled=cancelled,
        cancelled_by=cancelled_by,
        unit_price=Money(amount=_in_an_event(unit_price.amount), currency=unit_price.currency_code)
        if unit_price
        else None,
        business_price=product.price is not None and product.price.price_designation == "BUSINESS_PRICE",
        condition=product.condition.condition_type if product.condition else None,
        condition_subtype=product.condition.condition_subtype if product.condition else None,
        programs=item.programs,
        promotion_ids=_promotions(item),
        serial_numbers=product.serial_numbers,
        gift=gift is not None,
        gift_wrap_level=gift.gift_wrap_level if gift else None,
        customized=product.customization is not None and bool(product.customization.customized_url),
        scheduled_delivery=_span(shipping.scheduled_delivery_window if shipping else None),
        ioss_number=shipping.international_shipping.ioss_number
        if shipping and shipping.international_shipping
        else None,
        amounts=money.amounts,
        amounts_in_other_currencies=money.elsewhere,
    )
    if was is None:
        return line
    names: tuple[str, ...] = _OF_FULFILLMENT if item.fulfillment is None else ()
    names += ("promotion_ids",) if "PROMOTION" in left_out else ()
    return line.model_copy(update={name: getattr(was, name) for name in names})


def _quantities(
    item: OrderItem, status: str, was: Line | None, left_out: tuple[str, ...]
) -> tuple[int, int, str | None]:
    """How much of the item has shipped and is cancelled, no more than was ordered; and who cancelled it.

    What Amazon says is left to ship (`quantityUnfulfilled`) is not cancelled: a cancellation may be of a part.
    """
    fulfilled = item.fulfillment.quantity_fulfilled if item.fulfillment else None
    left = item.fulfillment.quantity_unfulfilled if item.fulfillment else None
    executed = item.cancellation.cancellation_execution if item.cancellation else None
    by = executed.cancelled_by.lower() if executed and executed.cancelled_by else None
    shipped = fulfilled if fulfilled is not None else was.quantity_shipped if was else 0
    not_shipped = max(item.quantity_ordered - shipped, 0)
    if status == "cancelled":
        cancelled = not_shipped
    elif executed is None:
        cancelled = 0
    elif left is not None:
        cancelled = not_shipped - left
    else:
        cancelled = (was.quantity_cancelled if was else 0) or not_shipped
    if was is not None and "CANCELLATION" in left_out and cancelled <= was.quantity_cancelled:
        cancelled, by = was.quantity_cancelled, was.cancelled_by
    return shipped, max(min(cancelled, not_shipped), 0), by


def _in_an_event(amount: Decimal) -> Decimal:
    """The amount as an event carries it. What is too large for any stays, and is refused there."""
    exponent = amount.as_tuple().exponent
    fits = not isinstance(exponent, int) or exponent >= -4 or amount.adjusted() > _MOST_DIGITS
    return amount if fits else amount.quantize(_FOUR_DECIMALS, rounding=ROUND_HALF_EVEN)


def _promotions(item: OrderItem) -> tuple[str, ...]:
    return tuple(
        part.promotion_id for part in (item.promotion.breakdowns if item.promotion else ()) if part.promotion_id
    )


def _span(window: DateTimeRange | None) -> Span | None:
    return Span(earliest=window.earliest_date_time, latest=window.latest_date_time) if window else None


def _payment_methods(order: Order) -> tuple[str, ...]:
    executions = order.payment.payment_executions if order.payment else ()
    return tuple(dict.fromkeys(one.payment_method for one in executions if one.payment_method))


def _invoice(order: Order) -> Invoice | None:
    told = order.tax.tax_invoicing if order.tax else None
    return Invoice(status=told.invoice_status, buyer_preference=told.buyer_invoice_preference) if told else None


def _associated(order: Order, kind: str) -> str | None:
    return next((one.order_id for one in order.associated_orders if one.association_type == kind), None)


def cancel_requests(order: Order) -> Iterator[ItemCancellationRequest]:
    """The buyer's wishes to cancel, item by item."""
    for item in order.order_items:
        if item.cancellation is not None and item.cancellation.cancellation_request is not None:
            yield item.cancellation.cancellation_request


def _cancel_requested(order: Order) -> CancelRequest | None:
    """That the buyer asks to cancel. Why he does is free text: it travels sealed, in `PersonalData`."""
    request = next(cancel_requests(order), None)
    return CancelRequest(requested_by=(request.requester or "buyer").lower()) if request is not None else None
