"""The forms of tracking numbers: how each looks, which carriers give it, and whether its check digit is right.

Only forms whose rule is published, or is borne out by the published numbers of the tests. A form that is not here says
nothing about a number: carriers have more of them, and add others.

- UPS: "1Z" numbers (UPS, Guide to Labeling).
- USPS: IMpb (USPS Publication 199, Intelligent Mail Package Barcode): 22 or 26 digits from 91 on, with or without the
  routing prefix 420 and the ZIP code. 94 and 95 are labels of USPS itself (online, retail); 92 and 93 belong to whoever
  has a mailer id, and that is also how FedEx SmartPost, UPS SurePost, DHL eCommerce and others hand parcels to USPS.
- Posts: UPU S10, 13 characters, the country last. A post's international parcels, and some domestic ones.
- FedEx: 12 digits, 15 digits (Ground), the barcodes of 22 digits (96 and the 15 last) and 34 digits (the 12 last)
  (FedEx Ground Label Guide; FedEx Express label specifications).
- DHL: the waybill of DHL Express, 10 digits (DHL Express, waybill number); DHL Paket's 00 and SSCC-18 with the GS1
  prefix of Deutsche Post (GS1 General Specifications); the licence plates JD and JJD, which have no check digit.
- Canada Post: 16 digits, the last a modulo 10 (Canada Post, Customer Guide, tracking PIN).
- Japan: 12 digits, the last a remainder of 7 (called 7DR), the same with Yamato, Sagawa and Japan Post.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from orderbridge.carriers.check_digits import (
    modulo_7,
    modulo_10,
    modulo_10_of_letters,
    modulo_11_fedex,
    modulo_11_s10,
)

_BLANKS_AND_DASHES: Final = re.compile(r"[\s\u00ad\u200b\ufeff\u2010-\u2015-]+")


@dataclass(frozen=True)
class NumberFormat:
    """A form of tracking numbers. `checked` is the part that the check digit is for: the group of `form`, else all."""

    name: str
    form: re.Pattern[str]
    is_right: Callable[[str], bool] | None
    """None: there is no check digit, or its rule is not known."""
    carriers: tuple[str, ...]
    """Who gives such numbers: Amazon's codes, or the names of carriers that Amazon has no code for."""
    distinctive: bool = False
    """Hardly anything else looks like it and has its check digit right."""
    strange_to: frozenset[str] = frozenset()
    """Carriers that certainly give no such numbers, nor deliver what bears one."""
    countries: frozenset[str] = frozenset()
    """Where such a number means these carriers if no carrier is named; none is everywhere."""
    names_its_carrier: bool = True
    """Whether it does at all: of numbers that are nobody's, too many have such a form and its check digit right."""


@dataclass(frozen=True)
class Fit:
    """A form that a number has; `right` is None where it has no check digit."""

    format: NumberFormat
    right: bool | None


def plain_number(number: str) -> str:
    """The number in capitals, without the blanks and dashes that people put in."""
    return _BLANKS_AND_DASHES.sub("", unicodedata.normalize("NFKC", number)).upper()


def fits(number: str) -> tuple[Fit, ...]:
    """The forms that a tracking number has, each once. Any string may be asked about."""
    plain = plain_number(number)
    if not plain.isascii():
        return ()
    found: dict[str, Fit] = {}
    for one in FORMATS:
        match = one.form.fullmatch(plain)
        if match is None:
            continue
        right = None if one.is_right is None else one.is_right(match[1])
        before = found.get(one.name)
        if before is None or (right and not before.right):  # a form with several readings is right in any
            found[one.name] = Fit(one, right)
    return tuple(found.values())


_POSTS: Final = {
    "AE": ("Emirates Post",),
    "AU": ("Australia Post",),
    "BE": ("BPOST",),
    "BR": ("Correios",),
    "CA": ("Canada Post",),
    "CN": ("China Post",),
    "DE": ("Deutsche Post", "DHL"),
    "ES": ("Correos",),
    "FR": ("La Poste", "Colissimo", "Chronopost"),
    "GB": ("Royal Mail", "Parcelforce"),
    "HK": ("Hongkong Post",),
    "IE": ("An Post",),
    "IN": ("India Post",),
    "IT": ("Poste Italiane",),
    "JP": ("Japan Post",),
    "NL": ("PostNL",),
    "SG": ("Singapore Post",),
    "US": ("USPS",),
}
_CONSOLIDATORS: Final = (
    "UPS", "UPSMI", "UPS Mail Innovations", "FedEx", "FedEx SmartPost", "DHL", "DHL Global Mail", "DHL eCommerce",
    "Newgistics", "OSM", "Streamlite", "Blue Package", "Asendia", "First Mile",
)  # fmt: skip
_COURIERS: Final = frozenset({"DHL", "DPD", "FedEx", "GLS", "Lasership", "OnTrac", "TNT", "UPS"})
_POSTAL: Final = frozenset({"Canada Post", "Deutsche Post", "Parcelforce", "Royal Mail", "USPS"})
_OTHER_POSTAL: Final = _POSTAL - {"USPS"}


def _s10(country: str, carriers: tuple[str, ...]) -> NumberFormat:
    return NumberFormat(
        "UPU S10 (post)",
        re.compile(rf"[A-Z]{{2}}([0-9]{{9}}){country}"),
        modulo_11_s10,
        carriers,
        distinctive=True,
        strange_to=frozenset({"FedEx", "UPS"}),  # posts deliver each other's, and much is handed to a post
    )


def _imp_barcode(name: str, prefix: str, carriers: tuple[str, ...], strange_to: frozenset[str]) -> list[NumberFormat]:
    digits = rf"({prefix}[0-9]{{20}}(?:[0-9]{{4}})?)"
    return [  # 420, a ZIP code of five, and 26 digits are as long as 420, one of nine, and 22
        NumberFormat(name, re.compile(routing + digits), modulo_10, carriers, distinctive=True, strange_to=strange_to)
        for routing in ("", "420[0-9]{5}", "420[0-9]{9}")
    ]


FORMATS: Final = (
    NumberFormat(
        "UPS 1Z",
        re.compile(r"1Z([0-9A-Z]{15}[0-9])"),
        modulo_10_of_letters,
        ("UPS",),
        distinctive=True,
        strange_to=(_COURIERS | _POSTAL) - {"UPS"},
    ),
    *_imp_barcode("USPS IMpb", "9[45]", ("USPS",), _OTHER_POSTAL | _COURIERS - {"DHL"}),
    *_imp_barcode("USPS IMpb of a mailer", "9[123]", ("USPS", *_CONSOLIDATORS), frozenset()),
    *(_s10(country, carriers) for country, carriers in _POSTS.items()),
    _s10(f"(?!{'|'.join(_POSTS)})[A-Z]{{2}}", ()),
    NumberFormat(
        "FedEx 12", re.compile(r"([0-9]{12})"), modulo_11_fedex, ("FedEx",), countries=frozenset({"US", "CA"})
    ),
    NumberFormat("FedEx 15", re.compile(r"([0-9]{15})"), modulo_10, ("FedEx",), countries=frozenset({"US", "CA"})),
    NumberFormat(
        "FedEx 22",
        re.compile(r"96[0-9]{5}([0-9]{15})"),
        modulo_10,
        ("FedEx",),
        distinctive=True,
        strange_to=(_COURIERS | _POSTAL) - {"FedEx"},
    ),
    NumberFormat(
        "FedEx 34",
        re.compile(r"(?:100[0-9]|96[0-9]{2})[0-9]{18}([0-9]{12})"),
        modulo_11_fedex,
        ("FedEx",),
        distinctive=True,
        strange_to=(_COURIERS | _POSTAL) - {"FedEx"},
    ),
    NumberFormat("DHL Express waybill", re.compile(r"([0-9]{10})"), modulo_7, ("DHL",), names_its_carrier=False),
    NumberFormat(
        "DHL Paket SSCC",
        re.compile(r"(00340434[0-9]{12})"),
        modulo_10,
        ("DHL",),
        distinctive=True,
        strange_to=frozenset({"UPS", "FedEx", "USPS", "Royal Mail", "Canada Post"}),
    ),
    NumberFormat("DHL licence plate", re.compile(r"J?JD[0-9]{9,20}"), None, ("DHL",)),
    NumberFormat(
        "Canada Post PIN", re.compile(r"([0-9]{16})"), modulo_10, ("Canada Post",), countries=frozenset({"CA"})
    ),
    NumberFormat(
        "Japanese 12 digits",
        re.compile(r"([0-9]{12})"),
        modulo_7,
        ("YamatoTransport", "SagawaExpress", "Japan Post"),
        countries=frozenset({"JP"}),
    ),
)
