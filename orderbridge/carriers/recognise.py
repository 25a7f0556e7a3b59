"""Which carrier is meant: by what the store calls it, else by the tracking number, else `Other` with the name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import Final, Literal

from orderbridge.amazon.marketplaces import marketplace
from orderbridge.amazon.shipments import OTHER_CARRIER
from orderbridge.carriers.formats import Fit, fits, plain_number
from orderbridge.carriers.table import TABLE, Carrier, spelt_plainly, words_of

FoundBy = Literal["mapping", "name", "number", "nothing"]
_FEWEST_CHARACTERS: Final = 3
"""Of a number that is no filler such as 0000000000, which many a check digit takes."""

_UPS_OF_ANY_LENGTH: Final = re.compile(r"1Z(?![0-9A-Z]{16}$)[0-9A-Z]{6,30}")


@dataclass(frozen=True)
class NamedCarrier:
    """A carrier as Amazon is told it: its code, and its name, which counts where the code is `Other`."""

    code: str
    name: str
    found_by: FoundBy


def find_carrier(
    name: str, tracking_number: str, *, mapping: Mapping[str, str], marketplace_id: str | None
) -> NamedCarrier:
    """The carrier of a package, from the store's name for it and its tracking number. Any strings may be given.

    The account's own mapping comes first, then a carrier that the name names; then a number is only checked
    (`tracking_warning`), never a reason to think otherwise. A name that says nothing leaves it to the number, one that
    is unknown to a number that is unmistakable. Last comes `Other` with the store's name.

    `mapping` is the account setting `carrier_mapping`: Amazon's carrier codes by the store's spellings.
    """
    plain = spelt_plainly(name)
    for spelling, code in mapping.items():
        if spelt_plainly(spelling) == plain:
            return NamedCarrier(code, _own_name(code, name), "mapping")
    country = _country(marketplace_id)
    named = carrier_by_name(name)
    if named is not None:
        return _valid(named, country, "name")
    by_number = carrier_by_number(tracking_number, country, certain=plain not in TABLE.says_nothing)
    if by_number is not None:
        carrier = TABLE.by_code.get(by_number)
        return _valid(carrier, country, "number") if carrier else NamedCarrier(OTHER_CARRIER, by_number, "number")
    return NamedCarrier(OTHER_CARRIER, name.strip() or OTHER_CARRIER, "nothing")


def carrier_by_name(name: str) -> Carrier | None:
    """The carrier that a name names, alone or with a service behind it, as `UPS Ground`. None if unknown or unclear."""
    if (carrier := TABLE.by_spelling.get(spelt_plainly(name))) is not None:
        return carrier
    words = words_of(name)
    beginnings = list(_spellings(words))
    for count in range(len(beginnings), 0, -1):
        carrier = TABLE.by_spelling.get(beginnings[count - 1])
        if carrier is not None and carrier.services:
            return None if _names_another(words[count:], carrier) else carrier
    return None


def carrier_by_number(tracking_number: str, country: str | None = None, *, certain: bool = False) -> str | None:
    """The one carrier whose number this can be, with its check digit right; None if there is none, or are several.

    `country` is that of the marketplace. `certain`: only for a form that hardly anything else has. What comes back is
    Amazon's code, or the name of a carrier that Amazon has no code for.
    """
    if len(set(plain_number(tracking_number))) < _FEWEST_CHARACTERS:
        return None
    right = [fit.format for fit in fits(tracking_number) if fit.right and fit.format.names_its_carrier]
    usual = [one for one in right if not one.countries or country is None or country in one.countries]
    found = {carrier for one in usual for carrier in one.carriers}
    if len(found) != 1 or (certain and not any(one.distinctive for one in usual)):
        return None
    return found.pop()


def tracking_warning(carrier_code: str, tracking_number: str) -> str | None:
    """A sentence for a person if a tracking number looks mistyped, or clearly is another carrier's; else None.

    `carrier_code` is Amazon's. A number in a form that is not known says nothing, since carriers add others.
    """
    found = fits(tracking_number)
    own = [fit for fit in found if carrier_code in fit.format.carriers]
    if any(fit.right is not False for fit in own):
        return None
    name = _own_name(carrier_code, carrier_code)
    plain = plain_number(tracking_number)
    for fit in found:
        if fit.right and carrier_code in fit.format.strange_to:
            whose = " or ".join(fit.format.carriers) or "a postal operator"
            return f"{plain} is a tracking number of {whose}, not of {name}: check the carrier and the number."
    if own:
        return f"{plain} looks mistyped: its check digit is not that of {_form(own)}. Check it against the label."
    if carrier_code == "UPS" and _UPS_OF_ANY_LENGTH.fullmatch(plain):
        return f"{plain} looks mistyped: a UPS number that begins with 1Z has 18 characters, and this has {len(plain)}."
    return None


def _form(own: list[Fit]) -> str:
    return " or ".join(f"a {fit.format.name} number" for fit in own)


def _names_another(words: list[str], carrier: Carrier) -> bool:
    """Whether other words name another carrier, so that it is not clear which is meant: `UPS / FedEx`."""
    for first in range(len(words)):
        for joined in _spellings(words[first:]):
            other = TABLE.by_spelling.get(joined)
            if other is not None and other.services and other.code != carrier.code:
                return True
    return False


def _spellings(words: list[str]) -> Iterator[str]:
    """The first word, the first two together … as far as a carrier's name can be so long."""
    return takewhile(lambda joined: len(joined) <= TABLE.longest_spelling, accumulate(words))


def _country(marketplace_id: str | None) -> str | None:
    known = marketplace(marketplace_id) if marketplace_id else None
    return known.country if known else None


def _valid(carrier: Carrier, country: str | None, found_by: FoundBy) -> NamedCarrier:
    code = carrier.code if TABLE.valid_in(carrier, country) else OTHER_CARRIER
    return NamedCarrier(code, carrier.name, found_by)


def _own_name(code: str, otherwise: str) -> str:
    carrier = TABLE.by_code.get(code)
    return carrier.name if carrier is not None else otherwise.strip() or OTHER_CARRIER
