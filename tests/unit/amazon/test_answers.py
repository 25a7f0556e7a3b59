"""What Amazon's JSON may hold and nothing of ours takes."""

from __future__ import annotations

import pytest

from orderbridge.amazon.answers import read_json
from orderbridge.amazon.errors import error_for


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (rb'{"title": "a\u0000b", "parts": ["\ud800"]}', {"title": "a\ufffdb", "parts": ["\ufffd"]}),
        (rb'{"a\ud800": 1}', {"a\ufffd": 1}),
        (rb'"\ud83d\ude00"', "\U0001f600"),
    ],
)
def test_what_no_database_takes_is_made_legible(body: bytes, read: object) -> None:
    assert read_json("getOrder", body, status=200, request_id=None) == read


def test_so_are_the_words_of_a_refusal() -> None:
    body = rb'{"errors": [{"code": "a\u0000", "message": "b\ud800"}]}'
    error = error_for("getOrder", 400, body, None, None)
    assert (error.code, error.message) == ("a?", "b?")
