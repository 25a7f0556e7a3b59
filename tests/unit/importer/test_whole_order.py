"""Every field of Amazon's order that a store can use arrives, and what is a person's stays out of the open."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from orderbridge.amazon import Order
from schemas.money import Money
from services.importer.mapping import to_document
from services.importer.personal_fields import extract
from services.importer.words import unknown_words
from tests.unit.importer.conftest import account

EUR = {"currencyCode": "EUR"}
AMAZONS: dict[str, Any] = {
    "orderId": "302-1234567-1234567",
    "orderAliases": [{"aliasId": "S-1", "aliasType": "SELLER_ORDER_ID"}],
    "createdTime": "2026-11-23T09:14:05Z",
    "lastUpdatedTime": "2026-11-23T10:14:05Z",
    "programs": ["PRIME", "AMAZON_BUSINESS", "FBM_SHIP_PLUS"],
    "salesChannel": {"channelName": "AMAZON", "marketplaceId": "A1PA6795UKMFR9"},
    "associatedOrders": [
        {"orderId": "302-1", "associationType": "REPLACEMENT_ORIGINAL_ID"},
        {"orderId": "302-2", "associationType": "EXCHANGE_ORIGINAL_ID"},
    ],
    "buyer": {"buyerPurchaseOrderNumber": "PO Wilhelmina"},
    "payment": {"paymentExecutions": [{"paymentMethod": name} for name in ("Invoice", "GiftCard", "Invoice")]},
    "tax": {
        "taxRegistrations": [
            {
                "entityType": "BUYER",
                "legalName": "Wilhelmina GmbH",
                "taxRegistrationType": "VAT",
                "taxRegistrationNumber": "DE123456789",
                "taxRegistrationAddress": {"addressLine1": "Ring 1", "city": "Ulm", "countryCode": "DE"},
                "taxRegistrationAttributes": [{"key": "TAX_OFFICE", "value": "Ulm Office"}],
            },
            {"entityType": "MERCHANT", "legalName": "The seller"},
        ],
        "taxInvoicing": {"buyerInvoicePreference": "BUSINESS", "invoiceStatus": "ACCEPTED"},
    },
    "fulfillment": {
        "fulfillmentStatus": "UNSHIPPED",
        "fulfilledBy": "MERCHANT",
        "fulfillmentServiceLevel": "NEXT_DAY",
        "shipByWindow": {"earliestDateTime": "2026-11-23T10:00:00Z", "latestDateTime": "2026-11-24T10:00:00Z"},
        "deliverByWindow": {"latestDateTime": "2026-11-26T10:00:00Z"},
    },
    "packages": [
        {
            "packageReferenceId": "1",
            "createdTime": "2026-11-23T10:10:00Z",
            "packageStatus": {"status": "IN_TRANSIT", "detailedStatus": "OUT_FOR_DELIVERY"},
            "carrier": "DHL",
            "shipTime": "2026-11-23T10:00:00Z",
            "trackingNumber": "JD0001",
            "shipFromAddress": {"name": "The seller", "city": "Ulm"},
            "packageItems": [{"orderItemId": "1", "quantity": 1}],
        }
    ],
    "orderItems": [
        {
            "orderItemId": "1",
            "quantityOrdered": 3,
            "programs": ["TRANSPARENCY"],
            "product": {
                "asin": "B01",
                "title": "Mug",
                "condition": {"conditionType": "USED", "conditionSubtype": "GOOD"},
                "price": {"unitPrice": {"amount": "9.99", **EUR}, "priceDesignation": "BUSINESS_PRICE"},
                "serialNumbers": ["SN1"],
                "customization": {"customizedUrl": "https://amazon.example/Wilhelmina"},
            },
            "proceeds": {"breakdowns": [{"type": "ITEM", "subtotal": {"amount": "29.97", **EUR}}]},
            "promotion": {"breakdowns": [{"promotionId": "SPRING"}]},
            "cancellation": {"cancellationExecution": {"cancelledBy": "BUYER"}},
            "fulfillment": {
                "quantityFulfilled": 1,
                "packing": {"giftOption": {"giftMessage": "For Wilhelmina", "giftWrapLevel": "PREMIUM"}},
                "shipping": {
                    "scheduledDeliveryWindow": {"earliestDateTime": "2026-11-25T09:00:00Z"},
                    "internationalShipping": {"iossNumber": "IM1"},
                },
            },
        }
    ],
}


def test_every_field_arrives() -> None:
    document = to_document(account(), Order.model_validate(AMAZONS), None)
    told = document.model_dump(mode="json", exclude={"lines", "totals", "store"}, exclude_none=True)
    assert told == {
        "order_id": "302-1234567-1234567",
        "account_id": "main",
        "marketplace_id": "A1PA6795UKMFR9",
        "sales_channel": "amazon",
        "seller_order_id": "S-1",
        "fulfilled_by": "merchant",
        "programs": ["PRIME", "AMAZON_BUSINESS", "FBM_SHIP_PLUS"],
        "replacement_of": "302-1",
        "exchange_of": "302-2",
        "amazon_status": "unshipped",
        "placed_at": "2026-11-23T09:14:05Z",
        "amazon_updated_at": "2026-11-23T10:14:05Z",
        "ship_by": "2026-11-24T10:00:00Z",
        "deliver_by": "2026-11-26T10:00:00Z",
        "ship_window": {"earliest": "2026-11-23T10:00:00Z", "latest": "2026-11-24T10:00:00Z"},
        "deliver_window": {"latest": "2026-11-26T10:00:00Z"},
        "payment_methods": ["Invoice", "GiftCard"],
        "invoice": {"status": "ACCEPTED", "buyer_preference": "BUSINESS"},
        "packages": [
            {
                "package_reference_id": "1",
                "carrier": "DHL",
                "tracking_number": "JD0001",
                "ship_time": "2026-11-23T10:00:00Z",
                "status": "in_transit",
                "lines": [{"order_item_id": "1", "quantity": 1}],
            }
        ],
        "package_differences": [],
    }
    (line,) = document.lines
    assert line.sku is None
    assert (line.quantity, line.quantity_shipped, line.quantity_cancelled, line.cancelled_by) == (3, 1, 2, "buyer")
    assert (line.unit_price, line.business_price) == (Money(amount=Decimal("9.99"), currency="EUR"), True)
    assert (line.condition, line.condition_subtype) == ("USED", "GOOD")
    assert (line.programs, line.promotion_ids, line.serial_numbers) == (("TRANSPARENCY",), ("SPRING",), ("SN1",))
    assert (line.gift, line.gift_wrap_level, line.customized, line.ioss_number) == (True, "PREMIUM", True, "IM1")
    assert line.scheduled_delivery is not None
    assert unknown_words(Order.model_validate(AMAZONS)) == ()


def test_what_is_a_persons_is_sealed() -> None:
    order = Order.model_validate(AMAZONS)
    text = to_document(account(), order, None).model_dump_json()
    assert "Wilhelmina" not in text
    assert "DE123456789" not in text
    data = extract(order)
    assert data.purchase_order_number == "PO Wilhelmina"
    (registration,) = data.tax_registrations  # not the seller's own
    assert (registration.number, registration.legal_name) == ("DE123456789", "Wilhelmina GmbH")
    assert (registration.address_lines, registration.city, registration.tax_office) == (
        ("Ring 1",),
        "Ulm",
        "Ulm Office",
    )
    assert "Wilhelmina" not in repr(registration) + str(data) + repr(data)


def test_words_that_amazon_invents_are_kept_and_found() -> None:
    raw = AMAZONS | {
        "programs": ["HOVERCRAFT"],
        "salesChannel": {"channelName": "MOON"},
        "fulfillment": {"fulfillmentStatus": "TELEPORTED", "fulfilledBy": "ROBOT"},
        "associatedOrders": [{"orderId": "1", "associationType": "COUSIN"}],
        "proceeds": {"breakdowns": [{"type": "LUCK", "subtotal": {"amount": "1.00", **EUR}}]},
    }
    order = Order.model_validate(raw)
    document = to_document(account(), order, None)
    assert (document.amazon_status, document.amazon_status_word) == ("unknown", "TELEPORTED")
    assert (document.fulfilled_by, document.fulfilled_by_word) == ("unknown", "ROBOT")
    assert (document.sales_channel, document.programs) == ("unknown", ("HOVERCRAFT",))
    assert dict(unknown_words(order)) == {
        "sales_channel": "MOON",
        "status": "TELEPORTED",
        "fulfilled_by": "ROBOT",
        "program": "HOVERCRAFT",
        "money": "LUCK",
        "association": "COUSIN",
    }
