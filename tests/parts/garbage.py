"""Garbage by number: JSON that is nearly right, and bytes that never were. The same seed makes the same garbage.

garbage = Garbage(seed)
garbage.text(body)            # a JSON text, made from a good one
garbage.message(body)         # value, key and headers of a Kafka message
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

Headers = tuple[tuple[str, bytes | None], ...]

_NUL, _LONE_SURROGATE = "\0", "\ud800"
TEXTS = (
    *("", " ", "0", "-1", "null", "unknown", "None", _NUL, f"a{_NUL}b", _LONE_SURROGATE, f"x{_LONE_SURROGATE}"),
    *("\u202e", "\u0661\u0662"),
    *("é" * 100, "x" * 101, "x" * 5_000, "\U0001f4a5", "a\nb", "<script>", "' OR 1=1 --", "../../etc", "{}", "%s%n"),
    *("order/../..", "1e999", "NaN", "-0", "1" * 400, "19.98", "-999999999999999.9999", "1e5"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-02-30T00:00:00Z", "2026-11-24", "9999-12-31"),
    *("0001-01-01", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-11-24T09:00:00"),
    *("1970-01-01T00:00:00Z", "2026-W48-2"),
)  # fmt: skip
NUMBERS = (
    *(0, -1, 1, 7, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, 2**63, 10**30, -(10**300), 10**4000),
    *(0.5, -0.0, 1e308, float("inf"), float("-inf"), float("nan")),
)
WHOLE: tuple[Callable[[], Any], ...] = (list, dict, lambda: [[]], lambda: {"": None}, lambda: True, lambda: None)
VALUES = (b"", b"null", b"[]", b"{}", b'""', b"0", b"NaN", b"\xff\xfe", b"\x00" * 9, b'{"order_id":' + b"[" * 9_000)
PIECES = (b'"', b"}", b"[", b",", b"\\u0000", b"\\ud800", b"9" * 5_000)
_LONG_KEYS = 0.02


def paths(node: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every part of a JSON value, itself among them."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [here, *(path for name, part in inner for path in paths(part, (*here, name)))]


class Garbage:
    """The garbage of one seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def scalar(self) -> Any:
        """Any value that fits nowhere."""
        chance = self.chance
        values = (chance.choice(TEXTS), chance.choice(NUMBERS), chance.choice(WHOLE)(), chance.getrandbits(80))
        return chance.choice(values)

    def mutated(self, body: Any) -> Any:
        """A good JSON value with one to three things wrong."""
        body = copy.deepcopy(body)
        for _ in range(self.chance.choice((1, 1, 1, 2, 3))):
            body = self._wrong(body)
        return body

    def _wrong(self, body: Any) -> Any:
        chance = self.chance
        path = chance.choice(paths(body))
        if not path:
            if isinstance(body, dict) and chance.random() < 0.9:
                body[chance.choice(("", "x", "specversion", "data", "order_id", _LONE_SURROGATE))] = self.scalar()
                return body
            return self.scalar()
        *way, last = path
        parent = body
        for name in way:
            parent = parent[name]
        match chance.randrange(7):
            case 0:
                del parent[last]
            case 1 if isinstance(parent, list):
                parent.extend(copy.deepcopy(parent[last]) for _ in range(chance.choice((1, 2, 300))))
            case 2:
                parent[last] = [parent[last]]
            case 3:
                parent[last] = str(parent[last])
            case 4:
                parent[last] = self._near(parent[last])
            case _:
                parent[last] = self.scalar()
        return body

    def _near(self, value: Any) -> Any:
        """Of the same kind, and another."""
        chance = self.chance
        match value:
            case bool():
                return not value
            case int() | float():
                return chance.choice(NUMBERS)
            case str() if value:
                at = chance.randrange(len(value))
                return value[:at] + chance.choice(("", "0", "-", _NUL, value)) + value[at + 1 :]
            case list() | dict():
                return type(value)()
            case _:
                return self.scalar()

    def text(self, body: Any) -> bytes:
        """A JSON text with something wrong in its values, its form or its bytes."""
        chance = self.chance
        kind = chance.random()
        if kind < 0.03:
            return chance.choice(VALUES)
        if kind < 0.06:
            return chance.randbytes(chance.choice((1, 10, 1_000)))
        text = json.dumps(self.mutated(body)).encode()
        if kind < 0.80:
            return text
        for _ in range(chance.choice((1, 2, 20))):
            at = chance.randrange(len(text) + 1)
            match chance.randrange(5):
                case 0:
                    text = text[:at]
                case 1:
                    text = text[:at] + chance.randbytes(1) + text[at + 1 :]
                case 2:
                    text = text[:at] + text[at + 1 :]
                case 3:
                    text = text[:at] + text[at : at + 20] + text[at:]
                case _:
                    text = text[:at] + chance.choice(PIECES) + text[at:]
        return text

    def message(self, body: Any, event_type: str) -> tuple[bytes | None, bytes | None, Headers]:
        """Value, key and headers of a message: bare JSON, or a CloudEvent in either mode, each right or wrong."""
        chance = self.chance
        key = chance.choice((None, b"", b"\0\0\0\x05", b"\xff", b"k", str(chance.getrandbits(40)).encode()))
        if chance.random() < _LONG_KEYS:
            key = chance.randbytes(chance.randrange(1, 20_000)).hex().encode()  # not to be compressed
        attributes: dict[str, Any] = {
            "specversion": "1.0",
            "id": str(chance.getrandbits(64)),
            "source": "garbage",
            "type": event_type,
            "time": "2026-11-24T09:00:00Z",
        }
        if chance.random() < 0.3:
            attributes = self.mutated(attributes)
        mode = chance.random()
        if mode < 0.2 and isinstance(attributes, dict):
            return self.text({**attributes, "data": body}), key, ()
        value = None if chance.random() < 0.01 else self.text(body)
        if mode < 0.6 and isinstance(attributes, dict):
            return value, key, tuple((_name(name), self._header(given)) for name, given in attributes.items())
        return value, key, ()

    def _header(self, value: Any) -> bytes | None:
        if value is None or self.chance.random() < 0.02:
            return self.chance.choice((None, b"", b"\xff\xfe", b"\0"))
        return str(value).encode("utf-8", "surrogatepass")


def _name(attribute: str) -> str:
    """A header's name as the bus hands it on: what is no UTF-8 is legible by then."""
    return f"ce_{attribute}".encode("utf-8", "backslashreplace").decode()
