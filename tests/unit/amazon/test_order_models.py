"""An order's less common parts: each of them is read, and personal ones are shown to nobody."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from orderbridge.amazon.order_models import Order


def money(amount: str) -> dict[str, str]:
    return {"amount": amount, "currencyCode": "EUR"}


WINDOW = {"earliestDateTime": "2026-11-24T08:00:00Z", "latestDateTime": "2026-11-25T22:59:59Z"}
ITEM: dict[str, Any] = {
    "orderItemId": "79039765272157",
    "quantityOrdered": 2,
    "measurement": {"unit": "KILOGRAMS", "value": 1.25},
    "associatedOrderItems": [{"orderId": "1", "orderItemId": "2", "associationType": "VALUE_ADD_SERVICE"}],
    "programs": ["TRANSPARENCY", "SUBSCRIBE_AND_SAVE"],
    "product": {
        "price": {"unitPrice": money("9.95"), "priceDesignation": "BUSINESS_PRICE"},
        "serialNumbers": ["SN-1", "SN-2"],
        "condition": {"conditionType": "USED", "conditionSubtype": "GOOD", "conditionNote": "a scratch"},
    },
    "proceeds": {
        "proceedsTotal": money("22.00"),
        "breakdowns": [
            {"type": "ITEM", "subtotal": money("19.90")},
            {
                "type": "TAX",
                "subtotal": money("4.10"),
                "detailedBreakdowns": [
                    {"subtype": kind, "value": money(amount)}
                    for kind, amount in (
                        ("ITEM", "3.80"),
                        ("SHIPPING", "0.20"),
                        ("GIFT_WRAP", "0.20"),
                        ("DISCOUNT", "-0.10"),
                    )
                ],
            },
            {
                "type": "DISCOUNT",
                "subtotal": money("2.00"),
                "detailedBreakdowns": [
                    {"subtype": "ITEM", "value": money("1.50")},
                    {"subtype": "SHIPPING", "value": money("0.50")},
                ],
            },
        ],
    },
    "expense": {"pointsCost": {"pointsGranted": {"pointsNumber": 12, "pointsMonetaryValue": money("0.12")}}},
    "fulfillment": {
        "picking": {
            "substitutionPreference": {
                "substitutionType": "CUSTOMER_PREFERENCE",
                "substitutionOptions": [
                    {
                        "asin": "B2",
                        "quantityOrdered": 1,
                        "sellerSku": "S2",
                        "measurement": {"unit": "COUNT", "value": 1},
                    }
                ],
            }
        },
        "packing": {"serialNumberRequirement": {"requirementType": "REQUIRED"}},
        "shipping": {
            "scheduledDeliveryWindow": WINDOW,
            "shippingConstraints": {"signatureConfirmation": "MANDATORY"},
            "internationalShipping": {"iossNumber": "IM0000000000"},
        },
    },
    "tax": {
        "taxCalculationBreakdowns": [{"reportingScheme": "IOSS"}],
        "taxCollections": [{"model": "MARKETPLACE_FACILITATOR", "responsibleParty": "Amazon Services, Inc."}],
    },
}
ORDER: dict[str, Any] = {
    "orderId": "114-3941689-8772232",
    "createdTime": "2026-11-23T09:14:05Z",
    "lastUpdatedTime": "2026-11-23T09:14:05Z",
    "salesChannel": {"channelName": "AMAZON"},
    "orderAliases": [{"aliasId": "W-1", "aliasType": "SELLER_ORDER_ID"}],
    "associatedOrders": [{"orderId": "114-0", "associationType": "REPLACEMENT_ORIGINAL_ID"}],
    "proceeds": {
        "grandTotal": money("23.00"),
        "breakdowns": [{"type": "DELIVERY_TIP", "subtotal": money("1.00"), "status": "PENDING"}],
    },
    "payment": {"paymentExecutions": [{"paymentMethod": "Pix", "paymentAmount": money("23.00"), "acquirerId": "7"}]},
    "tax": {
        "taxRegistrations": [
            {
                "entityType": "BUYER",
                "taxRegistrationNumber": "123456789",
                "taxRegistrationAttributes": [{"key": "TAX_OFFICE", "value": "Beşiktaş"}],
            }
        ],
        "taxInvoicing": {"buyerInvoicePreference": "BUSINESS", "invoiceStatus": "NOT_FOUND"},
    },
    "fulfillment": {
        "fulfillmentStatus": "UNSHIPPED",
        "shipByWindow": WINDOW,
        "deliverByWindow": WINDOW,
        "labelPrintingWindow": {"earliestDateTime": "2026-11-24T00:00:00Z"},
    },
    "orderItems": [ITEM],
    "packages": [
        {
            "packageReferenceId": "1",
            "packageStatus": {"status": "IN_TRANSIT", "detailedStatus": "PICKED_UP"},
            "shipFromAddress": {"name": "Warehouse 2", "countryCode": "DE"},
            "packageItems": [{"orderItemId": "79039765272157", "quantity": 1, "transparencyCodes": ["T"]}],
        }
    ],
    "fulfillmentOrders": [{"fulfillmentOrderId": "F1"}],
}


def present(model: Any, original: Any, path: str = "") -> list[str]:
    """The paths of what stands in the original and not in the model."""
    if isinstance(original, dict):
        fields = {field.alias: name for name, field in type(model).model_fields.items()}
        lost = [f"{path}.{key}" for key in original if key not in fields]
        return lost + [
            problem
            for key in original
            if key in fields
            for problem in present(getattr(model, fields[key]), original[key], f"{path}.{key}")
        ]
    if isinstance(original, list):
        parts = list(zip(model, original, strict=True))
        return [
            problem for number, (one, other) in enumerate(parts) for problem in present(one, other, f"{path}.{number}")
        ]
    return [] if model is not None else [path]


def test_nothing_of_such_an_order_is_lost() -> None:
    assert present(Order.model_validate(ORDER), ORDER) == []


def test_money_is_told_apart_by_kind_and_by_what_was_taxed_or_reduced() -> None:
    order = Order.model_validate(ORDER)
    proceeds = order.order_items[0].proceeds
    assert proceeds is not None

    told = {
        (part.type, detail.subtype): detail.value and detail.value.amount
        for part in proceeds.breakdowns
        for detail in part.detailed_breakdowns
    }
    assert told[("TAX", "GIFT_WRAP")] == told[("TAX", "SHIPPING")] == Decimal("0.20")
    assert told[("TAX", "DISCOUNT")] == Decimal("-0.10")
    assert told[("DISCOUNT", "SHIPPING")] == Decimal("0.50")
    assert order.proceeds is not None
    assert [(part.type, part.status, str(part.subtotal.amount)) for part in order.proceeds.breakdowns] == [
        ("DELIVERY_TIP", "PENDING", "1.00")
    ]


def test_a_tax_office_is_the_buyers_affair() -> None:
    order = Order.model_validate(ORDER)

    assert order.tax is not None
    assert order.tax.tax_registrations[0].tax_registration_attributes[0].value == "Beşiktaş"
    assert "Beşiktaş" not in repr(order)
    assert "123456789" not in repr(order)


def test_a_measure_is_exact() -> None:
    measured = Order.model_validate_json(
        '{"orderId": "1", "createdTime": "2026-11-23T09:14:05Z", "lastUpdatedTime": "2026-11-23T09:14:05Z",'
        ' "salesChannel": {"channelName": "AMAZON"}, "orderItems": [{"orderItemId": "1", "quantityOrdered": 1,'
        ' "product": {}, "measurement": {"unit": "LITERS", "value": 0.1}}]}'
    ).order_items[0]

    assert measured.measurement is not None
    assert measured.measurement.value == Decimal("0.1")
