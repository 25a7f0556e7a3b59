"""TEMPORARY"""

from decimal import Decimal

from orderbridge.accounts import ConnectedAccount
from orderbridge.amazon import ReportOrder
from schemas.orders import Line, LineAmounts, OrderDocument, Totals
from services.importer.mapping import *


def document_from_report(account: ConnectedAccount, order: ReportOrder) -> OrderDocument:
    from schemas.orders import ShippingMethod, StoreView

    s = account.settings
    lines = []
    for i in order.items:
        a = i.amounts
        d = (a.item_promotion_discount or 0) + (a.ship_promotion_discount or 0)
        z = Decimal("0.00")
        la = LineAmounts(
            item=a.item_price or z,
            shipping=a.shipping_price or z,
            gift_wrap=a.gift_wrap_price or z,
            discount=d or z,
            tax=(a.item_tax or z) + (a.shipping_tax or z) + (a.gift_wrap_tax or z),
        )
        lines.append(
            Line(
                order_item_id="sku:" + str(i.sku),
                sku=i.sku,
                asin=i.asin,
                title=i.title,
                quantity=i.quantity,
                quantity_shipped=i.quantity,
                amounts=la,
            )
        )
    parts = {n: sum((getattr(l.amounts, n) for l in lines), Decimal("0.00")) for n in LineAmounts.model_fields}
    return OrderDocument(
        order_id=order.order_id,
        account_id=account.account_id,
        marketplace_id=order.marketplace_id,
        fulfilled_by=(order.fulfilled_by or "unknown").lower(),
        amazon_status=order.status.lower(),
        placed_at=order.placed_at,
        amazon_updated_at=order.updated_at or order.placed_at,
        store=StoreView(
            status=s.status_shipped if order.status == "SHIPPED" else s.status_cancelled,
            payment_type=s.payment_type_default,
            shipping_method=ShippingMethod(amazon=order.service_level),
            order_number=s.invoice_number_prefix + order.order_id,
            invoice_number_prefix=s.invoice_number_prefix,
            inventory="none",
        ),
        lines=tuple(lines),
        totals=Totals(**parts, currency=order.items[0].currency, total=LineAmounts(**parts).parts_sum()),
        ship_to_country=order.ship_country,
    )
