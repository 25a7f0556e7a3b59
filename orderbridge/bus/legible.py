"""Messages as text, for people to read."""

from __future__ import annotations

import re
from typing import Any

from schemas.failures import Original

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def legible(original: Original) -> dict[str, Any]:
    """Key, headers and value of a message as text, where they are any; what is no UTF-8 as `\\xff`."""
    return {
        "key": _text(original.key),
        "headers": {name: _text(value) for name, value in original.headers},
        "value": _text(original.value),
    }


def _text(value: bytes | None) -> str | None:
    """Control characters as `\\x1b`: whoever can write to a topic must not write to the operator's terminal."""
    if value is None:
        return None
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", value.decode("utf-8", "backslashreplace"))
