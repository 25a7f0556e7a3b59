"""The marketplaces the sandbox knows: Amazon's ids, money, and how prices and taxes work there."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Marketplace:
    """One marketplace. `price_factor` turns a price in US dollars into a likely one there."""

    marketplace_id: str
    country: str
    name: str
    language: str
    currency: str
    order_id_prefixes: tuple[str, ...]
    price_factor: Decimal
    smallest_unit: Decimal
    added_tax: Decimal
    """Tax on top of the price; zero where prices include it."""


_CENT = Decimal("0.01")

MARKETPLACES: dict[str, Marketplace] = {
    marketplace.marketplace_id: marketplace
    for marketplace in (
        Marketplace("ATVPDKIKX0DER", "US", "Amazon.com", "en_US", "USD", ("111", "112", "113", "114"),
                    Decimal("1"), _CENT, Decimal("0.0825")),
        Marketplace("A2EUQ1WTGCTBG2", "CA", "Amazon.ca", "en_CA", "CAD", ("701", "702"),
                    Decimal("1.4"), _CENT, Decimal("0.13")),
        Marketplace("A1AM78C64UM0Y8", "MX", "Amazon.com.mx", "es_MX", "MXN", ("701", "702"),
                    Decimal("19"), _CENT, Decimal("0")),
        Marketplace("A1F83G8C2ARO7P", "GB", "Amazon.co.uk", "en_GB", "GBP", ("202", "203", "204", "205", "206"),
                    Decimal("0.9"), _CENT, Decimal("0")),
        Marketplace("A1PA6795UKMFR9", "DE", "Amazon.de", "de_DE", "EUR", ("302", "303", "304", "305", "306"),
                    Decimal("1.1"), _CENT, Decimal("0")),
        Marketplace("A1VC38T7YXB528", "JP", "Amazon.co.jp", "ja_JP", "JPY", ("249", "250", "503"),
                    Decimal("150"), Decimal("1"), Decimal("0")),
    )
}  # fmt: skip

BY_COUNTRY: dict[str, Marketplace] = {marketplace.country: marketplace for marketplace in MARKETPLACES.values()}


def marketplace_named(name: str) -> Marketplace:
    """The marketplace with this id or country code; raises KeyError if the sandbox doesn't know it."""
    return MARKETPLACES.get(name) or BY_COUNTRY[name.upper()]
