"""The search for canaries finds each in every form, wherever a chunk ends, and nothing else."""

from __future__ import annotations

import base64
import json
import os
import random
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.parts import needles
from tests.parts.needles import Search, word

NUMBERS = (0, 7, 4711, 9_999_999)


def forms(text: str) -> dict[str, bytes]:
    found = {
        "UTF-8": text.encode(),
        "Latin-1": text.encode("latin-1"),
        "UTF-16LE": text.encode("utf-16-le"),
        "UTF-16BE": text.encode("utf-16-be"),
        "URL": quote(text).encode(),
        "URL in small letters": quote(text).lower().encode(),
        "JSON": json.dumps(text).encode(),
        "JSON in capitals": json.dumps(text).replace("e5", "E5").replace("b7", "B7").encode(),
        "repr of text": ascii(text).encode(),
        "repr of bytes": repr(text.encode()).encode(),
        "hexadecimal": text.encode().hex().encode(),
        "upper case": text.upper().encode("latin-1"),
    }
    for shift in range(3):
        before, behind = "x" * shift, "yz"[: random.Random(text).randrange(3)]
        for name, encode in (("standard", base64.b64encode), ("URL", base64.urlsafe_b64encode)):
            found[f"base64, {name}, {shift}"] = encode(f"{before}{text}{behind}".encode())
            found[f"base64 of UTF-16, {name}, {shift}"] = encode(before.encode() + text.encode("utf-16-le"))
    return found


@pytest.mark.parametrize("form", forms(word(1)))
@pytest.mark.parametrize("number", NUMBERS)
def test_each_form_is_found(form: str, number: int) -> None:
    search = Search()
    search.text("here", b'{"name":"' + forms(word(number))[form] + b'"}')
    assert search.numbers() == {number}
    assert all(place.startswith("here: ") for place in search.places())


@pytest.mark.parametrize("form", forms(word(1)))
def test_it_is_found_across_chunks(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needles, "_CHUNK", 600)
    needle = forms(word(4711))[form]
    for end in range(1, len(needle), 3):
        file = tmp_path / f"{end}"
        file.write_bytes(b"." * (600 - end) + needle + b"." * 700)
        search = Search()
        search.file(file)
        assert 4711 in search.numbers(), end
        assert search.searched == file.stat().st_size


def test_a_folder_is_searched_whole(tmp_path: Path) -> None:
    (tmp_path / "below" / "it").mkdir(parents=True)
    (tmp_path / "below" / "it" / "a.log").write_text(f"{word(1)} and {word(2)}")
    (tmp_path / "b.bin").write_bytes(os.urandom(100) + word(3).encode("utf-16-be"))
    search = Search()
    search.folder(tmp_path)
    assert search.numbers() == {1, 2, 3}
    assert search.places()["a.log: UTF-8"] == 2
    assert search.places()["b.bin: UTF-16BE"] == 1


def test_what_is_no_canary_is_not_found() -> None:
    search = Search()
    search.text("noise", random.Random(1).randbytes(2_000_000) + "canary canåry cånary·".encode())
    assert search.numbers() == set()


def test_a_mark_without_its_number_counts() -> None:
    search = Search()
    search.text("cut off", f"{needles.MARK}12".encode())
    assert search.numbers() == {-1}
