"""Whatever is sent to the open call: nothing opens that must not, nothing breaks, nothing is told back."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from orderbridge.database.migrate import upgrade
from tests.parts.in_process import System
from tests.parts.open_call import OPEN, OpenCalls
from tests.parts.sandbox_server import SandboxServer

SECRET_WORDS = "Canary-7261"
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Opened:
    """An order and its seal, another one's, and what nobody may read without the right seal."""

    calls: OpenCalls
    order_id: str
    seal: str
    other_seal: str
    last_name: str


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, sandbox: SandboxServer) -> Iterator[Opened]:
    folder: Path = tmp_path_factory.mktemp("fuzz")
    with closing(System(f"sqlite:///{folder / 'orderbridge.sqlite'}", folder, sandbox)) as system, capture_logs():
        upgrade(system.database.engine)
        order_id, other = system.imported(count=2)
        with OpenCalls(system) as calls:
            yield Opened(calls, order_id, calls.seal(order_id), calls.seal(other), system.opened(order_id).last_name)


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def parts_of(seal: str) -> tuple[dict[str, Any], list[str]]:
    head, *rest = seal.split(".")
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))), rest


HEADERS: list[dict[str, Any]] = [
    {"alg": "none"},
    {"alg": "RSA-OAEP"},
    {"alg": "HS256"},
    {"enc": "A128CBC-HS256"},
    {"enc": "none"},
    {"kid": "20990101T000000Z"},
    {"kid": "../../../etc/passwd"},
    {"kid": ""},
    {"kid": 7},
    {"kid": None},
    {"order_id": "114-0000000-0000000"},
    {"crit": ["exp"]},
    {"zip": "DEF"},
    {"jku": "http://127.0.0.1:1/keys"},
    {"jwk": {"kty": "oct", "k": "AAAA"}},
    {"p2c": 2**31, "alg": "PBES2-HS256+A128KW"},
    {"x": "y" * 8000},
]


def refused(opened: Opened, seal: str) -> None:
    answer = opened.calls.ask([(opened.order_id, seal)])
    if answer.status_code == 422:
        assert answer.headers["content-type"] == PROBLEM
    else:
        assert answer.status_code == 200, answer.text
        (one,) = answer.json()["seals"]
        assert one["state"] == "refused"
        assert "personal_data" not in one
    assert opened.last_name not in answer.text
    assert len(seal) < 40 or seal not in answer.text


@pytest.mark.parametrize("change", HEADERS, ids=[str(change)[:40] for change in HEADERS])
def test_a_seal_under_another_header_is_refused(opened: Opened, change: dict[str, Any]) -> None:
    header, rest = parts_of(opened.seal)
    refused(opened, ".".join([encoded({**header, **change}), *rest]))


def test_a_header_of_a_megabyte_is_refused(opened: Opened) -> None:
    header, rest = parts_of(opened.seal)
    refused(opened, ".".join([encoded({**header, "x": "y" * 1_000_000}), *rest]))


def test_each_part_belongs_to_its_own(opened: Opened) -> None:
    for place in range(5):
        mine, other = opened.seal.split("."), opened.other_seal.split(".")
        if mine[place] != other[place]:
            mine[place] = other[place]
            refused(opened, ".".join(mine))
    refused(opened, opened.other_seal)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_seal_that_was_changed_anywhere_is_refused(opened: Opened, data: st.DataObject) -> None:
    seal = opened.seal
    kind = data.draw(st.sampled_from(["cut", "flip", "insert", "text", "dots"]))
    place = data.draw(st.integers(0, len(seal) - 1))
    if kind == "cut":
        changed = seal[:place]
    elif kind == "flip":
        changed = seal[:place] + data.draw(st.sampled_from("ABab01-_.=é\u2028")) + seal[place + 1 :]
    elif kind == "insert":
        changed = seal[:place] + data.draw(st.text(min_size=1, max_size=20)) + seal[place:]
    elif kind == "text":
        changed = data.draw(st.text(max_size=300))
    else:
        changed = ".".join(data.draw(st.lists(st.text("Aa0_-", max_size=30), min_size=1, max_size=8)))
    if changed != seal and not same_bytes(changed, seal):
        refused(opened, changed)


def same_bytes(one: str, other: str) -> bool:
    """Base64 has several spellings of the same bytes, which differ in bits that nobody reads."""
    try:
        return [base64.urlsafe_b64decode(part + "==") for part in one.split(".")] == [
            base64.urlsafe_b64decode(part + "==") for part in other.split(".")
        ]
    except ValueError:
        return False


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=20), inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=400)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries({"purpose": JSON, "seals": JSON}).map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {"purpose": st.just("display"), "seals": st.lists(st.fixed_dictionaries({"order_id": JSON, "seal": JSON}))}
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_body_is_answered(opened: Opened, body: bytes) -> None:
    answer = opened.calls.post(body)
    assert answer.status_code in (200, 422)
    if answer.status_code == 422:
        assert answer.headers["content-type"] == PROBLEM


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" * 100_000, 422),
        (b'{"purpose": "display", "seals": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", 422),
        (b'{"purpose": "display", "seals": [' + b"1," * 500_000 + b"1]}", 413),
        (b'{"purpose": ' + b"9" * 100_000 + b"}", 422),
        (b" " * (2 * 1024 * 1024 + 1), 413),
        (b"\xff\xfe\x00", 422),
        (b"", 422),
    ],
)
def test_huge_and_deep_bodies_are_bounded(opened: Opened, body: bytes, status: int) -> None:
    assert opened.calls.post(body).status_code == status


def test_no_value_of_the_request_is_told_back(opened: Opened) -> None:
    """Not in the answer, and not in a log."""
    with capture_logs() as logs:
        for body in (
            {"purpose": SECRET_WORDS, "seals": [{"order_id": "x", "seal": "y"}]},
            {"purpose": "display", "seals": [{"order_id": "x", "seal": 7, SECRET_WORDS: SECRET_WORDS}]},
            {"purpose": "display", "seals": [{"order_id": f"\n{SECRET_WORDS}", "seal": SECRET_WORDS}]},
            {"purpose": "display", "seals": {SECRET_WORDS: SECRET_WORDS}, SECRET_WORDS: 1},
        ):
            answer = opened.calls.post(json.dumps(body).encode())
            assert answer.status_code == 422
            assert SECRET_WORDS not in answer.text
    assert SECRET_WORDS not in str(logs)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_another_content_type_is_refused(opened: Opened, content_type: str) -> None:
    answer = opened.calls.post(b"{}", **{"Content-Type": content_type})
    assert (answer.status_code, answer.headers["content-type"]) == (415, PROBLEM)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=200))
def test_no_guess_is_a_token(opened: Opened, secret: str) -> None:
    answer = opened.calls.request(
        "POST", OPEN, data=b"{}", headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    )
    assert answer.status_code == 401
