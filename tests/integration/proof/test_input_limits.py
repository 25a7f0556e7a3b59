"""Every input has a bound, as docs/security.md lists them: it is refused with a word, and what comes next is served."""

from __future__ import annotations

import gzip
import re
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer import BadParameter

from orderbridge import http_server
from orderbridge.access import passwords
from orderbridge.amazon import BadAnswer, documents, wire
from orderbridge.amazon.answers import MOST_PARTS
from orderbridge.amazon.order_changes import LONGEST_MESSAGE
from orderbridge.amazon.orders import search_orders
from orderbridge.bounded_files import read_file
from orderbridge.bus import health
from orderbridge.bus.envelope import MAX_BODY, MAX_NAME, MAX_ORIGINAL, MAX_PARTS, open_envelope, validate
from orderbridge.bus.outcomes import Rejected
from orderbridge.cli.account_settings import _value as value_of
from orderbridge.cli.redaction import LARGEST_LIST
from orderbridge.cli.redaction import _listed as listed
from orderbridge.database.unit_of_work import Database
from orderbridge.settings import LARGEST_FILE, BadSettings, load_settings
from schemas.events import EVENTS
from schemas.failures import Original
from schemas.imports import ImportFinished
from schemas.openings import LONGEST_SEAL, MOST_SEALS
from schemas.orders import OrderImported
from services.api import asking
from services.console import gate, shield
from services.importer.orders import LARGEST_DOCUMENT
from services.importer.window import MOST_PAGES
from services.listener.messages import take
from services.storefront import app as storefront
from tests.parts.hand_clock import START
from tests.parts.in_process import System
from tests.parts.sandbox_server import SandboxServer
from tests.unit.amazon.loopback import Loopback, Said, then
from tests.unit.docs.documents import REPOSITORY, table

MIB = 1024 * 1024
SOME_MEMORY = 60 * MIB
"""Of this process, while something refuses a gigabyte."""
DEEP = 100_000


# --- events


@pytest.mark.parametrize("event_type", sorted(EVENTS))
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b'{"order_id": "' + b"x" * MAX_BODY + b'"}', "too_large"),
        (b'{"order_id":' + b"[" * DEEP + b"]" * DEEP + b"}", "malformed"),
        (b'{"a":' * DEEP + b"1" + b"}" * DEEP, "too_large"),
        (b'{"a":' * (DEEP // 2) + b"1" + b"}" * (DEEP // 2), "malformed"),
        (b'{"order_id": ' + b"9" * 100_000 + b"}", "malformed"),
        (b'{"lines": [' + b"1," * MAX_PARTS + b"1, 1]}", "too_large"),
    ],
    ids=["long", "deep lists", "long and deep", "deep objects", "a long number", "many parts"],
)
def test_an_event_without_end_is_refused_on_every_topic(event_type: str, value: bytes, reason: str) -> None:
    record = Original(topic=event_type, partition=0, offset=0, timestamp=START, value=value)
    with pytest.raises(Rejected) as caught:
        validate(EVENTS[event_type], open_envelope(record).body)
    assert caught.value.reason == reason
    assert len(caught.value.message) < 300


# --- Amazon


@pytest.fixture
def amazon() -> Iterator[Loopback]:
    """An Amazon that says what a test tells it to."""
    with Loopback() as loopback:
        yield loopback


def zipped(size: int) -> bytes:
    return gzip.compress(b" " * size, compresslevel=9)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (Said(200, zipped(512 * MIB), {"Content-Encoding": "gzip"}), "more than"),
        (Said(200, gzip.compress(zipped(512 * MIB)), {"Content-Encoding": "gzip, gzip"}), "more than"),
        (Said(200, zipped(MIB), {"Content-Encoding": ", ".join(["gzip"] * 50)}), "decompressed"),
        (Said(200, b"[" * DEEP + b"]" * DEEP), "not JSON"),
        (Said(200, b'["\\ud800", ' + b"[" * 900 + b"]" * 901), "orders|not JSON|dictionary"),
        (Said(200, b'{"a":' * DEEP + b'"\\ud800"' + b"}" * DEEP), "not JSON"),
        (Said(200, b'{"orders": ' + b"9" * 100_000 + b"}"), "not JSON"),
        (Said(200, b'{"orders": [' + b"1," * 5_000_000 + b"1]}"), "parts"),
    ],
    ids=[
        *("bomb", "bomb in a bomb", "fifty codings", "deep lists", "deep and escaped", "deep objects"),
        *("a long number", "many parts"),
    ],
)
def test_an_answer_that_unfolds_without_end_is_refused(amazon: Loopback, said: Said, problem: str) -> None:
    amazon.api = then(said)
    connection = amazon.connection()
    tracemalloc.start()
    try:
        with pytest.raises(BadAnswer, match=problem):
            search_orders(connection, last_updated_after=START)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < SOME_MEMORY
    amazon.api = then(Said(200, b'{"orders": []}'))
    assert search_orders(connection, last_updated_after=START).entries == ()


def test_an_order_that_fits_into_no_event_is_told_and_holds_up_no_other(
    tmp_path: Path, sandbox: SandboxServer, sqlite_url: str
) -> None:
    with closing(System(sqlite_url, tmp_path, sandbox)) as system:
        huge, other = system.place_orders(count=2, programs=[])
        system.amazon.change_order(huge, lambda order, _: order.facts.update(programs=["x" * 600_000]))
        system.advance(180)
        system.import_now()
        assert [event.order_id for event in system.events(OrderImported)] == [other]
        run = system.events(ImportFinished)[-1]
        assert run.counts.unreadable == 1
        assert any(huge in problem and "fit into no event" in problem for problem in run.problems)
        system.amazon.change_order(huge, lambda order, _: order.facts.update(programs=[]))
        system.advance(3600)
        system.import_now()
        assert {event.order_id for event in system.events(OrderImported)} == {huge, other}


@pytest.mark.parametrize("body", ["[" * DEEP, '{"detail":' * DEEP + "1" + "}" * DEEP, '{"a": "' + "x" * 2 * MIB + '"}'])
def test_a_message_without_end_is_thrown_away(migrated_sqlite: Database, body: str) -> None:
    assert take(migrated_sqlite, body) == "unreadable"


# --- files and arguments


def test_a_secret_file_without_end_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORDERBRIDGE_VAULT_KEY_FILE", "/dev/zero")
    with pytest.raises(BadSettings, match=f"VAULT_KEY_FILE: .*more than {LARGEST_FILE} bytes"):
        load_settings()


@pytest.mark.parametrize("name", [".env", ".orderbridge/environment"])
def test_a_file_of_settings_without_end_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.symlink_to("/dev/zero")
    with pytest.raises(BadSettings, match=f"more than {LARGEST_FILE} bytes"):
        load_settings()


def test_a_file_that_is_no_text_is_told_without_its_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_bytes(b"swordfish\xff")
    monkeypatch.setenv("ORDERBRIDGE_VAULT_KEY_FILE", "key")
    with pytest.raises(BadSettings, match="no UTF-8 text") as caught:
        load_settings()
    assert "swordfish" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_a_list_without_end_is_not_read() -> None:
    with pytest.raises(OSError, match=r"more than 1000 bytes"):
        read_file(Path("/dev/zero"), 1_000)
    with pytest.raises(BadParameter, match=f"more than {LARGEST_LIST} bytes"):
        list(listed(Path("/dev/zero")))


@pytest.mark.parametrize("text", ["[" * DEEP, '{"a":' * DEEP, '"' + "x" * 100_000])
def test_an_argument_nested_without_end_is_a_word(text: str) -> None:
    assert value_of(text) == text


# --- the table


def kib(size: int) -> str:
    """As the table writes it."""
    unit, name = next((unit, name) for unit, name in ((1024**3, "GiB"), (MIB, "MiB"), (1024, "KiB")) if size >= unit)
    assert size % unit == 0
    return f"{size // unit} {name}"


LIMITS = {
    "An event's body, on every topic": [kib(MAX_BODY)],
    "A Kafka message of ours, headers and key among it": [kib(2 * MAX_BODY), kib(MAX_ORIGINAL)],
    "Values in an event, in a body of the api; in an answer of Amazon's": [
        f"{MAX_PARTS:,}",
        f"{asking.MOST_PARTS:,}",
        f"{MOST_PARTS:,}",
    ],
    "An event's id or source": [f"{MAX_NAME} characters"],
    "A seal": [f"{LONGEST_SEAL:,} characters"],
    "The head of a request to console or api": [kib(http_server.LARGEST_HEAD), f"{http_server.HEAD_SECONDS:.0f} s"],
    "Connections to console or api at once": [f"{http_server.MOST_CONNECTIONS}"],
    "A body that comes after its request was refused": [kib(http_server.MOST_UNWANTED)],
    "A form of the console": [kib(shield.LONGEST_BODY), f"{gate.MOST_FIELDS:,} fields", f"{gate.BODY_SECONDS:.0f} s"],
    "A body of the api": [kib(asking.LONGEST_BODY), f"{asking.BODY_SECONDS:.0f} s"],
    "Seals of one call": [f"{MOST_SEALS}"],
    "A form or body of the example store": [kib(storefront.LONGEST_BODY)],
    "A health page's silence, its connections at once": [f"{health.SILENCE_SECONDS:.0f} s", f"{health.MOST_AT_ONCE}"],
    "An answer of Amazon's, decompressed": [kib(wire.LARGEST_BODY), f"{wire.LONGEST_EXCHANGE:.0f} s"],
    "A report, decompressed; a line of it": [
        kib(documents.LARGEST_DOCUMENT),
        f"{documents.LONGEST_DOWNLOAD:.0f} s",
        kib(documents.LONGEST_LINE),
    ],
    "Pages of one search": [f"{MOST_PAGES}"],
    "An order as the store is told it": [kib(LARGEST_DOCUMENT)],
    "A message of Amazon's queue": [kib(LONGEST_MESSAGE)],
    "A file of settings, a file with a secret": [kib(LARGEST_FILE)],
    "A list for `privacy redact`": [kib(LARGEST_LIST)],
    "A mended event for `dead-letters replay`": [kib(MAX_BODY)],
    "A password": [f"{passwords.LONGEST} characters"],
}
"""What the code says; what else the table lists is Python's, or a schema's with a test of its own."""


def test_the_table_tells_what_the_code_does() -> None:
    rows = {row[0]: row for row in table("docs/security.md", "Limits of input")}
    for name, bounds in LIMITS.items():
        for bound in bounds:
            assert re.search(rf"(?<![\d,]){re.escape(bound)}\b", rows[name][1]), (name, bound)
    for row in rows.values():
        for path in re.findall(r"`(tests/[^`]+)`", row[2]):
            assert (REPOSITORY / path).exists(), path
    assert all(row[2] for name, row in rows.items() if name not in LIMITS and not name.startswith("Nesting"))
