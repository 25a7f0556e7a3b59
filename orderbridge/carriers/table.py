"""Amazon's carrier codes, as they stand in `carriers.toml`, and how a carrier's name is spelt."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import cached_property
from importlib.resources import files
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from orderbridge.amazon.marketplaces import marketplace_of_country
from orderbridge.amazon.shipments import OTHER_CARRIER

_IGNORED: Final = re.compile(r"[\W_]+")


def spelt_plainly(name: str) -> str:
    """The name in small letters and digits alone: case, width, accents, blanks and punctuation do not matter."""
    return _IGNORED.sub("", _without_accents(name))


def words_of(name: str) -> list[str]:
    """The words of a name, each spelt plainly."""
    return [word for word in _IGNORED.split(_without_accents(name)) if word]


def _without_accents(name: str) -> str:
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    return "".join(part for part in parts if unicodedata.category(part) != "Mn")


class Carrier(BaseModel):
    """One of Amazon's carrier codes; `carriers.toml` says what each field is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(min_length=1)
    name: str = Field(min_length=1)
    marketplaces: frozenset[str] = frozenset()
    spellings: tuple[str, ...] = ()
    services: bool = False
    same_as: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _named_by_its_code(cls, said: dict[str, object]) -> dict[str, object]:
        return {"name": said.get("code"), **said}


class CarrierTable(BaseModel):
    """All carriers. Raises ValueError where two share a code or a spelling, or a marketplace is none of Amazon's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    carriers: tuple[Carrier, ...]
    whole_lists: frozenset[str]
    no_carrier: tuple[str, ...]

    @cached_property
    def by_code(self) -> dict[str, Carrier]:
        return {carrier.code: carrier for carrier in self.carriers}

    @cached_property
    def by_spelling(self) -> dict[str, Carrier]:
        """The carrier of each name spelt plainly; a code that is older than another leads to that one."""
        found: dict[str, Carrier] = {}
        for carrier in self.carriers:
            meant = self.by_code[carrier.same_as] if carrier.same_as else carrier
            for spelling in (carrier.code, carrier.name, *carrier.spellings):
                other = found.setdefault(spelt_plainly(spelling), meant)
                if other is not meant and spelling != carrier.name:  # UPSMI is named as UPS Mail Innovations
                    raise ValueError(f"{spelling} is {other.code} and {carrier.code}")
        return found

    @cached_property
    def longest_spelling(self) -> int:
        """The characters of the longest name spelt plainly."""
        return max(map(len, self.by_spelling), default=0)

    @cached_property
    def says_nothing(self) -> frozenset[str]:
        """What names no carrier, spelt plainly."""
        return frozenset(map(spelt_plainly, self.no_carrier))

    @model_validator(mode="after")
    def _is_consistent(self) -> CarrierTable:
        if len(self.by_code) != len(self.carriers):
            raise ValueError("a code stands there twice")
        countries = self.whole_lists.union(*(carrier.marketplaces for carrier in self.carriers))
        if unknown := sorted(country for country in countries if marketplace_of_country(country) is None):
            raise ValueError(f"there is no marketplace {', '.join(unknown)}")
        if clash := self.says_nothing & self.by_spelling.keys():
            raise ValueError(f"{', '.join(clash)} names a carrier")
        return self

    def valid_in(self, carrier: Carrier, country: str | None) -> bool:
        """Whether Amazon has the code in this country's marketplace, as far as its list is known."""
        return country not in self.whole_lists or country in carrier.marketplaces


def _read() -> CarrierTable:
    text = files(__package__).joinpath("carriers.toml").read_text("utf-8")
    return CarrierTable.model_validate(tomllib.loads(text))


TABLE: Final = _read()


def carrier_code(text: str) -> str:
    """Amazon's carrier code, or `Other`, in any case and punctuation. Raises ValueError with the nearest ones."""
    wanted = spelt_plainly(text)
    for code in (*TABLE.by_code, OTHER_CARRIER):
        if spelt_plainly(code) == wanted:
            return code
    raise ValueError(
        f"{text!r} is none of Amazon's carrier codes; nearest are {', '.join(_nearest(wanted))}. "
        f"`orderbridge carriers` lists them all; {OTHER_CARRIER} passes the carrier on by its name"
    )


def _nearest(wanted: str, count: int = 3) -> Iterable[str]:
    def likeness(code: str) -> float:
        return SequenceMatcher(None, wanted, spelt_plainly(code)).ratio()

    return sorted(TABLE.by_code, key=likeness, reverse=True)[:count]
