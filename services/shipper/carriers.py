"""Amazon's carrier codes, and how stores spell them.

Source: Seller Central's flat-file help for shipping confirmation. A carrier that is not in the list is sent as
`Other` with its name, which Amazon takes everywhere.
"""

from __future__ import annotations

import re

from orderbridge.amazon.shipments import OTHER_CARRIER

_CODES = (
    "4PX", "Aramex", "Blue Package", "Canada Post", "China Post", "City Link", "DHL", "DHL Global Mail",
    "DHL eCommerce", "Fastway", "FedEx", "FedEx SmartPost", "GLS", "GO!", "Hermes Logistik Gruppe", "Lasership",
    "Newgistics", "Ninjavan", "NipponExpress",
    "OSM", "OnTrac", "Parcelforce", "Qxpress", "Royal Mail", "SF Express", "SagawaExpress",
    "Singapore Post", "Streamlite", "TNT", "Target", "UPS", "UPS Mail Innovations", "UPSMI", "USPS", "YamatoTransport",
    "Yanwen",
)  # fmt: skip
_ALIASES = {
    "unitedparcelservice": "UPS",
    "unitedstatespostalservice": "USPS",
    "uspostalservice": "USPS",
    "federalexpress": "FedEx",
    "dhlexpress": "DHL",
    "hermes": "Hermes Logistik Gruppe",
    "yamato": "YamatoTransport",
    "sagawa": "SagawaExpress",
}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_BY_SPELLING = {_plain(code): code for code in _CODES} | _ALIASES


def amazon_carrier(name: str) -> tuple[str, str]:
    """Amazon's carrier code and the carrier's name, for any spelling."""
    code = _BY_SPELLING.get(_plain(name))
    return (code, code) if code else (OTHER_CARRIER, name)
