"""Finds seals in a text, by their form alone: none is opened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from joserfc.util import json_b64decode

from orderbridge.vault.jwe import MAX_HEADER_CHARACTERS
from orderbridge.vault.key_ring import moment_of

_SEAL = re.compile(rf"(eyJ[\w-]{{1,{MAX_HEADER_CHARACTERS}}})\.\.[\w-]+\.[\w-]+\.[\w-]+")
"""JWE compact with `dir`: its second part, the encrypted key, is empty (RFC 7516 section 7.1, RFC 7518 section 4.5)."""


def seals_in(text: str, order_id: str) -> Iterator[datetime]:
    """The moment of death of each seal of the order in `text`, as its header says it."""
    for found in _SEAL.finditer(text):
        try:
            header = json_b64decode(found[1].encode())
            if header["order_id"] == order_id:
                yield moment_of(header["kid"])
        except (ValueError, RecursionError, KeyError, TypeError):  # it only looks like one
            continue
