"""The report's words for states, channels and who ships."""

from __future__ import annotations

import pytest

from orderbridge.amazon.report_words import fulfilled_by, is_amazon, order_status


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Pending", "PENDING"),
        ("PendingAvailability", "PENDING_AVAILABILITY"),
        ("Pending - Waiting for Pick Up", "UNSHIPPED"),
        ("Unshipped", "UNSHIPPED"),
        ("Shipping", "UNSHIPPED"),
        ("PartiallyShipped", "PARTIALLY_SHIPPED"),
        ("Partially Shipped", "PARTIALLY_SHIPPED"),
        ("Shipped", "SHIPPED"),
        ("Complete", "SHIPPED"),
        ("Shipped - Delivered to Buyer", "SHIPPED"),
        ("Shipped - Picked Up", "SHIPPED"),
        ("Shipped - Out for Delivery", "SHIPPED"),
        ("Shipped - Rejected by Buyer", "SHIPPED"),
        ("Shipped - Returning to Seller", "SHIPPED"),
        ("Shipped - Returned to Seller", "SHIPPED"),
        ("Shipped - Lost in Transit", "SHIPPED"),
        ("Shipped - Damaged", "SHIPPED"),
        ("Shipped - Undeliverable", "SHIPPED"),
        ("Shipped - Beamed Up", "SHIPPED"),
        ("Cancelled", "CANCELLED"),
        ("Canceled", "CANCELLED"),
        ("Unfulfillable", "UNFULFILLABLE"),
        ("InvoiceUnconfirmed", "UNKNOWN"),
        ("shippedish", "UNKNOWN"),
        ("", "UNKNOWN"),
    ],
)
def test_each_word_has_its_status(word: str, status: str) -> None:
    assert order_status(word) == order_status(word.upper()) == status


def test_who_ships_and_for_which_shop() -> None:
    assert [fulfilled_by(word) for word in ("Amazon", "AFN", "Merchant", "MFN", "Robot", "", None)] == [
        "AMAZON",
        "AMAZON",
        "MERCHANT",
        "MERCHANT",
        None,
        None,
        None,
    ]
    assert [is_amazon(word) for word in ("Amazon.de", None, "Non-Amazon", "SI UK Prod Marketplace")] == [
        True,
        True,
        False,
        False,
    ]
