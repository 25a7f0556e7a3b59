"""Reading a report's document: as a stream, in any charset Amazon uses, and with a clear word for what goes wrong."""

from __future__ import annotations

import gzip
import random
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from orderbridge.amazon import (
    AmazonError,
    BadAnswer,
    NoAnswer,
    NotSent,
    Refused,
    Throttled,
    Unwell,
    documents,
    read_lines,
)
from orderbridge.amazon.documents import DOWNLOAD
from orderbridge.amazon.reports import ReportDocument
from tests.unit.amazon.loopback import Loopback, Said, then

TEXT = "a\tb\r\n1\tGrößé\r\n2\t\n"
LINES = ["a\tb", "1\tGrößé", "2\t"]


def nothing() -> None:
    """No guard."""


def lines_of(
    amazon: Loopback,
    said: Said,
    *,
    compression: str | None = None,
    before_call: Callable[[], None] = nothing,
    fallback_charset: str = "cp1252",
    longest: float = 60,
) -> Iterator[str]:
    amazon.api = then(said)
    document = ReportDocument(
        report_document_id="1", url=f"{amazon.url}/d?signature=s3cr3t", compression_algorithm=compression
    )
    return read_lines(
        document, before_call=before_call, fallback_charset=fallback_charset, timeout=(2, 0.5), longest=longest
    )


def plain(body: bytes, content_type: str = "") -> Said:
    return Said(200, body, {"Content-Type": content_type} if content_type else {})


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("text/plain; charset=UTF-8", "utf-8"),
        ("text/plain; charset=UTF-8", "utf-8-sig"),
        ("text/plain;charset=Cp1252", "cp1252"),
        ('text/plain; charset="ISO-8859-1"', "cp1252"),
        ("text/plain", "utf-8"),
        ("", "utf-8-sig"),
        ("", "cp1252"),
        ("text/plain; charset=unheard-of", "cp1252"),
        ("text/plain; charset=rot13", "utf-8"),
    ],
)
def test_the_charset_is_the_one_that_is_named_or_found(amazon: Loopback, content_type: str, encoding: str) -> None:
    assert list(lines_of(amazon, plain(TEXT.encode(encoding), content_type))) == LINES


def test_japans_charset_is_read(amazon: Loopback) -> None:
    text = "a\tb\n1\tソーラー表①\n"  # its second bytes hold a backslash; the last sign is Microsoft's
    named = lines_of(amazon, plain(text.encode("cp932"), "text/plain; charset=Shift_JIS"))
    assert list(named) == ["a\tb", "1\tソーラー表①"]
    assert list(lines_of(amazon, plain(text.encode("cp932")), fallback_charset="cp932")) == ["a\tb", "1\tソーラー表①"]


def test_a_character_that_cannot_be_read_takes_no_line_with_it(amazon: Loopback) -> None:
    assert list(lines_of(amazon, plain(b"a\xff\nb\n", "text/plain; charset=utf-8"))) == ["a\ufffd", "b"]


@pytest.mark.parametrize("compression", ["GZIP", None])
def test_gzip_is_read_whatever_is_said_of_it(amazon: Loopback, compression: str | None) -> None:
    twice = gzip.compress(TEXT[:8].encode()) + gzip.compress(TEXT[8:].encode())
    for body in (gzip.compress(TEXT.encode()), twice, TEXT.encode()):
        assert list(lines_of(amazon, Said(200, body), compression=compression)) == LINES
    encoded = Said(200, gzip.compress(TEXT.encode()), {"Content-Encoding": "gzip"})
    assert list(lines_of(amazon, encoded, compression=compression)) == LINES


def test_a_line_of_any_length_comes_whole(amazon: Loopback) -> None:
    chance = random.Random(7)
    lines = ["x" * chance.randrange(0, 90_000) for _ in range(50)] + ["é" * 100_000]
    for body in ("\n".join(lines).encode(), gzip.compress("\n".join(lines).encode())):
        assert list(lines_of(amazon, plain(body))) == lines


def test_a_large_document_needs_little_memory(amazon: Loopback) -> None:
    row = "\t".join(["114-3941689-8772232", *["x" * 12] * 30]) + "\n"
    body = gzip.compress(row.encode() * 100_000, compresslevel=1)
    amazon.api = then(Said(200, body))
    tracemalloc.start()
    try:
        count = sum(1 for _ in lines_of(amazon, Said(200, body), compression="GZIP"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert count == 100_000
    assert peak < 4 * 1024 * 1024, "the document has 41 MB"


def test_no_token_goes_along(amazon: Loopback) -> None:
    list(lines_of(amazon, plain(b"a\n")))

    (call,) = amazon.calls
    assert (call.method, call.target) == ("GET", "/d?signature=s3cr3t")
    assert not {"x-amz-access-token", "Authorization", "Cookie"} & set(call.headers)
    assert call.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("said", "kind", "code", "says"),
    [
        (Said(403, b"<Error><Code>AccessDenied</Code></Error>"), Refused, "AccessDenied", "does not open"),
        (Said(404, b""), Refused, None, "does not open"),
        (Said(429, b""), Throttled, None, "429"),
        (Said(503, b"<Error><Code>SlowDown</Code></Error>"), Unwell, "SlowDown", "503"),
        (Said(302, b"", {"Location": "https://example.com/"}), BadAnswer, None, "302"),
        (Said(200, b"<html>", {"Content-Type": "text/html"}), BadAnswer, None, "web page"),
        (Said(200, b"\x1f\x8bnot gzip at all, though it begins so"), BadAnswer, None, "decompressed"),
        (Said(200, gzip.compress(b"a\n" * 9_000)[:-20]), NoAnswer, None, "in the middle"),
        (Said(200, b"a" * (documents.LONGEST_LINE + 200_000)), BadAnswer, None, "a line of more than"),
        (Said(fault="drop"), NoAnswer, None, "no answer"),
        (Said(fault="silent"), NoAnswer, None, "no answer"),
    ],
)
def test_each_failure_has_its_class(
    amazon: Loopback, said: Said, kind: type[AmazonError], code: str | None, says: str
) -> None:
    with pytest.raises(AmazonError, match=says) as caught:
        list(lines_of(amazon, said))

    assert (type(caught.value), caught.value.operation, caught.value.code) == (kind, DOWNLOAD, code)
    assert "s3cr3t" not in str(caught.value)
    assert len(amazon.calls) == 1


@pytest.mark.parametrize("compress", [False, True])
def test_a_connection_that_breaks_in_the_middle_is_no_end(amazon: Loopback, compress: bool) -> None:
    chance = random.Random(7)
    body = "".join(f"{chance.random()}\n" for _ in range(20_000)).encode()
    lines = lines_of(amazon, Said(200, gzip.compress(body) if compress else body, fault="half"))
    read = [next(lines) for _ in range(5)]

    with pytest.raises(NoAnswer, match="no answer"):
        read.extend(lines)
    assert 5 <= len(read) < 20_000


@pytest.mark.timeout(20)
def test_a_trickling_document_is_given_up(amazon: Loopback) -> None:
    with pytest.raises(NoAnswer, match="in time"):
        list(lines_of(amazon, Said(200, bytes(10_000_000), fault="trickle"), longest=0.3))


def test_a_small_file_that_unfolds_without_end_is_given_up(amazon: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "LARGEST_DOCUMENT", 1_000_000)
    body = gzip.compress(b"a\n" * 2_000_000)

    with pytest.raises(BadAnswer, match="more than 1000000 bytes"):
        list(lines_of(amazon, Said(200, body)))
    monkeypatch.setattr(documents, "LARGEST_DOCUMENT", 4_000_000)
    assert sum(1 for _ in lines_of(amazon, Said(200, body))) == 2_000_000


@pytest.mark.parametrize(
    "url", ["http://example.com/d", "ftp://127.0.0.1/d", "file:///etc/passwd", "//127.0.0.1/d", "http://10.0.0.1/d"]
)
def test_an_address_must_be_https(url: str) -> None:
    with pytest.raises(BadAnswer, match="https"):
        next(read_lines(ReportDocument(report_document_id="1", url=url), before_call=nothing))


def test_another_compression_is_not_guessed(amazon: Loopback) -> None:
    with pytest.raises(BadAnswer, match="compressed"):
        list(lines_of(amazon, plain(b"a\n"), compression="ZSTD"))
    assert amazon.calls == []


def test_a_refused_connection_was_not_sent() -> None:
    with Loopback() as gone:
        lines = lines_of(gone, plain(b"a\n"))

    with pytest.raises(NotSent):
        list(lines)


def test_the_guard_stands_before_every_use_of_the_network(amazon: Loopback) -> None:
    opened = False

    def guard() -> None:
        if opened:
            raise RuntimeError("a transaction is open")

    lines = lines_of(amazon, plain(b"a\n" * 500_000), before_call=guard)
    assert next(lines) == "a"
    opened = True
    with pytest.raises(RuntimeError, match="a transaction is open"):
        list(lines)
