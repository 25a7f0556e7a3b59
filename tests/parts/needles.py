"""Canaries, and the search for them: words that stand nowhere else, found in whatever form bytes may hold them.

    canary = word(17)                      # "canåry·0000017", to be put into a personal field
    found = Search(); found.text("the log", data); found.file(path)
    assert found.numbers() == {17}

All canaries begin alike, so that one search finds them all, however many there are; the number tells which it was. The
beginning has letters that each encoding writes in its own way.
"""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

MARK = "canåry·"
_DIGITS = 7
_CHUNK = 4 * 1024 * 1024
_CONTEXT = 512
"""Bytes that chunks share: longer than any form of a whole canary."""


def word(number: int) -> str:
    """The canary of that number: no blanks, so that a name of two of them is two canaries."""
    return f"{MARK}{number:0{_DIGITS}d}"


class Search:
    """What was found so far, and where."""

    def __init__(self) -> None:
        self.searched = 0
        """Bytes."""
        self._found: dict[int, set[str]] = defaultdict(set)

    def text(self, place: str, data: bytes) -> None:
        """Search what is in memory."""
        self.searched += len(data)
        self._look(place, data, len(data))

    def file(self, path: Path) -> None:
        """Search a file of any size, also across the borders of what is read at once."""
        with path.open("rb") as file:
            data = file.read(_CHUNK)
            while data:
                more = file.read(_CHUNK)
                end = len(data) if not more else max(len(data) - _CONTEXT, 0)
                self.searched += end
                if data.count(0) != len(data):  # Kafka makes its index files large and leaves them empty
                    self._look(path.name, data, end)
                data = data[end:] + more

    def folder(self, folder: Path) -> None:
        """Search every file below a folder that is there to be read; servers remove some meanwhile."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                try:
                    self.file(path)
                except FileNotFoundError:
                    continue

    def numbers(self) -> set[int]:
        """The canaries that were found. A beginning whose number cannot be read counts as -1."""
        return set(self._found)

    def places(self) -> dict[str, int]:
        """How many canaries each place holds."""
        counts: dict[str, int] = defaultdict(int)
        for places in self._found.values():
            for place in places:
                counts[place] += 1
        return dict(counts)

    def _look(self, place: str, data: bytes, end: int) -> None:
        """Whatever begins before `end`; what begins later is looked for with what follows it."""
        for form, needle in _NEEDLES:
            at = data.find(needle)
            while 0 <= at < end:
                self._found[_number(form, data, at, len(needle))].add(f"{place}: {form}")
                at = data.find(needle, at + 1)


def _plain(text: str) -> Iterator[tuple[str, bytes]]:
    utf_8, escaped = text.encode(), text.encode("ascii", "backslashreplace")
    yield "UTF-8", utf_8
    yield "Latin-1", text.encode("latin-1")
    yield "UTF-16LE", text.encode("utf-16-le")
    yield "UTF-16BE", text.encode("utf-16-be")
    yield "URL", (quoted := quote(text, safe="")).encode()
    yield "URL", re.sub("%..", lambda found: found[0].lower(), quoted).encode()
    yield "JSON", escaped.replace(b"\\x", b"\\u00")
    yield "JSON", re.sub(rb"\\x(..)", lambda found: b"\\u00" + found[1].upper(), escaped)
    yield "Python's repr of text", escaped
    yield "Python's repr of bytes", repr(utf_8)[2:-1].encode()
    yield "hexadecimal", utf_8.hex().encode()
    yield "hexadecimal", utf_8.hex().upper().encode()


def _in_base64(text: bytes) -> Iterator[bytes]:
    """What is the same in base64 whatever stands before and behind, for each alignment and both alphabets."""
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + text)
        whole = encoded[: (shift + len(text)) // 3 * 4]  # the last group depends on what follows
        same = whole[-(-shift * 8 // 6) :]  # and the first characters on what stands before
        yield same
        yield same.replace(b"+", b"-").replace(b"/", b"_")


def _needles() -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for text in (MARK, MARK.upper(), MARK.capitalize()):
        found += _plain(text)
        found += (("base64 of UTF-8", encoded) for encoded in _in_base64(text.encode()))
        found += (("base64 of UTF-16LE", encoded) for encoded in _in_base64(text.encode("utf-16-le")))
    return list(dict.fromkeys(found))


_NEEDLES = _needles()
_NUMBER = re.compile(rf"\d{{{_DIGITS}}}")
_HEXADECIMAL = re.compile(rb"(?:[0-9a-fA-F]{2})*")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]*")


def _number(form: str, data: bytes, at: int, length: int) -> int:
    """Which canary it was."""
    after = data[at + length : at + length + 4 * _DIGITS]
    if form.startswith("UTF-16"):
        text = after.replace(b"\0", b"").decode("ascii", "ignore")
    elif form == "hexadecimal":
        digits = _HEXADECIMAL.match(after)
        text = bytes.fromhex(digits[0].decode()).decode("ascii", "ignore") if digits else ""
    elif form.startswith("base64"):
        text = _decoded(data, at)
    else:
        text = after.decode("ascii", "ignore")
    found = _NUMBER.match(text)
    return int(found[0]) if found is not None else -1


def _decoded(data: bytes, at: int) -> str:
    """The digits behind the mark, decoded from where a group of four begins: one of four places, by trial."""
    run = _BASE64.match(data, at, at + _CONTEXT)
    encoded = (run[0] if run else b"").replace(b"-", b"+").replace(b"_", b"/")
    for skip in range(4):
        rest = encoded[skip:]
        rest = rest[: len(rest) - 1] if len(rest) % 4 == 1 else rest  # a text of ours may end with the run
        text = base64.b64decode(rest + b"=" * (-len(rest) % 4)).replace(b"\0", b"").decode("latin-1")
        if (found := re.search(rf"\u00b7(\d{{{_DIGITS}}})", text)) is not None:
            return found[1]
    return ""
