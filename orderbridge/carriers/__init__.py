"""Carriers: Amazon's codes for them, what stores call them, and what their tracking numbers look like.

`carriers.toml` is the table, `find_carrier` reads a package's carrier, `tracking_warning` looks at its number.
"""

from orderbridge.carriers.formats import Fit, NumberFormat, fits
from orderbridge.carriers.recognise import (
    NamedCarrier,
    carrier_by_name,
    carrier_by_number,
    find_carrier,
    tracking_warning,
)
from orderbridge.carriers.table import TABLE, Carrier, CarrierTable, carrier_code, spelt_plainly

__all__ = [
    "TABLE",
    "Carrier",
    "CarrierTable",
    "Fit",
    "NamedCarrier",
    "NumberFormat",
    "carrier_by_name",
    "carrier_by_number",
    "carrier_code",
    "find_carrier",
    "fits",
    "spelt_plainly",
    "tracking_warning",
]
