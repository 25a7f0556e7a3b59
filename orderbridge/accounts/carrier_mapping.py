"""The setting `carrier_mapping`: Amazon's carrier code for what a store calls a carrier, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orderbridge.carriers import carrier_code, spelt_plainly


def read_carrier_line(spelling: str, value: Any) -> str | None:
    """A line, `carrier_mapping.dhl-paket`: Amazon's code, letter by letter; None removes it.

    Raises ValueError for what is none of Amazon's codes, with the nearest ones, and for a name without a letter.
    """
    if not spelt_plainly(spelling) or len(spelling) > 100 or not spelling.isprintable():
        raise ValueError("expected what the store calls the carrier after the point")
    if value is None or (isinstance(value, str) and value.strip() in ("", "null")):
        return None
    return carrier_code(str(value))


def read_carrier_mapping(value: Any) -> dict[str, str]:
    """A whole mapping, from JSON. Raises ValueError."""
    if not isinstance(value, Mapping):
        raise ValueError("expected carrier_mapping.SPELLING=CODE for a line of it, or a JSON object")
    lines: dict[str, str] = {}
    for spelling, one in value.items():
        lines = with_carrier_line(lines, str(spelling), read_carrier_line(str(spelling), one))
    return lines


def with_carrier_line(lines: Mapping[str, str], spelling: str, code: str | None) -> dict[str, str]:
    """The mapping with a line set, or removed by None. Spellings that differ in case or punctuation alone are one."""
    plain = spelt_plainly(spelling)
    others = {known: kept for known, kept in lines.items() if spelt_plainly(known) != plain}
    return others if code is None else {**others, spelling: code}
