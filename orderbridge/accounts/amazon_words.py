"""Amazon's words that a seller maps or chooses from, as its documents have them; more may come."""

from __future__ import annotations

from typing import Final

SERVICE_LEVELS: Final = (
    "EXPEDITED",
    "FREE_ECONOMY",
    "NEXT_DAY",
    "PRIORITY",
    "SAME_DAY",
    "SCHEDULED",
    "SECOND_DAY",
    "STANDARD",
)
"""Amazon's shipping speeds (Orders 2026-01-01, `fulfillmentServiceLevel`); more may come."""

PAYMENT_METHODS: Final = (
    "CashOnDelivery",
    "ConvenienceStore",
    "CreditCard",
    "GiftCertificate",
    "Invoice",
    "Other",
    "Pix",
    "Standard",
)
"""Amazon's payment methods (Orders 2026-01-01, `paymentMethod`, and the examples of v0); more may come."""

PROGRAMS: Final = (
    "AMAZON_BAZAAR",
    "AMAZON_BUSINESS",
    "AMAZON_EASY_SHIP",
    "AMAZON_HAUL",
    "DELIVERY_BY_AMAZON",
    "FBM_SHIP_PLUS",
    "INVOICE_BY_AMAZON",
    "IN_STORE_PICK_UP",
    "PREMIUM",
    "PREORDER",
    "PRIME",
)
"""Amazon's programs (Orders 2026-01-01, `programs`); more may come."""
