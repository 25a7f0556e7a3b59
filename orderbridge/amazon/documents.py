"""Reading a report's document line by line as it arrives: in bounded memory, and with nothing written to a disk.

Reports of orders tell cities and postal codes, which is personal data that no disk may hold in plain text: so there
is no temporary file, and a download that breaks off starts over. Source: Amazon's "Retrieve a report" for Reports API
2021-06-30; RFC 1952 for gzip.
"""

from __future__ import annotations

import codecs
import re
import time
import zlib
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import requests

from orderbridge.amazon import wire
from orderbridge.amazon.errors import AmazonError, BadAnswer, NoAnswer, Refused, Throttled, Unwell
from orderbridge.amazon.reports import ReportDocument
from orderbridge.http_session import is_loopback

DOWNLOAD: Final = "downloadReportDocument"
"""The operation that errors of a download name: our word, since the document does not lie with the API."""

LONGEST_DOWNLOAD: Final = 900.0
"""Seconds from the first byte to the last, with what the caller does between two lines."""

LARGEST_DOCUMENT: Final = 2 * 1024**3
"""Bytes, decompressed. A line of an order report has about 500."""

LONGEST_LINE: Final = 256 * 1024

_CHUNK: Final = 64 * 1024
_GZIP: Final = b"\x1f\x8b"
# In these no byte of a longer character is a line feed. The wider of two is taken where senders mix up their names.
_CHARSETS: Final = re.compile(r"utf-8|ascii|(iso8859-|cp125)\d+|shift_jis|cp932|euc_jp|gb\w+|big5")
_WIDER: Final = {"iso8859-1": "cp1252", "ascii": "cp1252", "shift_jis": "cp932", "utf-8": "utf-8-sig"}


def read_lines(
    document: ReportDocument,
    *,
    before_call: Callable[[], None],
    fallback_charset: str = "cp1252",
    timeout: wire.Timeout = (5, 30),
    longest: float = LONGEST_DOWNLOAD,
) -> Iterator[str]:
    """The lines of a document, without their ends, as they arrive. Closing the iterator closes the connection.

    `before_call` is called before every use of the network, thus between lines too, and stops it by raising:
    whoever stores lines ends the transaction before asking for the next ones. The text is in the charset that the
    Content-Type names, else each line in UTF-8 or, if it is none, in `fallback_charset` (Japan: `cp932`); a character
    that cannot be read becomes U+FFFD. `timeout` is in seconds, to connect and for the longest silence; `longest`
    bounds the whole.

    Raises `AmazonError` of the operation `DOWNLOAD`, also in the middle: `NotSent` and `NoAnswer` if the connection
    did not come about, broke, was silent or took too long; `Unwell`, `Throttled`; `Refused` if the address has
    expired, so that it must be asked for again; `BadAnswer` for what is no document. Raises what `before_call` raises.
    """
    _check(document)
    before_call()
    deadline = time.monotonic() + longest
    try:
        with wire.session().get(
            document.url,
            # Whole numbers of bytes as they are stored; and no token: the address alone opens the document.
            headers={"Accept-Encoding": "identity", "Accept": "*/*"},
            timeout=timeout,
            allow_redirects=False,
            stream=True,
        ) as response:
            if response.status_code != HTTPStatus.OK:
                raise _error_for(response)
            content_type = response.headers.get("Content-Type", "")
            if "html" in content_type.lower():
                raise _bad("a web page, not a document")
            decode = _decoder(content_type, fallback_charset)
            for line in _split(_decompress(_chunks(response, before_call, deadline))):
                yield decode(line)
    except wire.BROKEN as error:
        raise wire.broken(DOWNLOAD, error) from None


def _check(document: ReportDocument) -> None:
    parts = urlsplit(document.url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise _bad("the document's address is not https")
    if document.compression_algorithm not in (None, "GZIP"):
        raise _bad("the document is compressed in a way that is not known")


def _error_for(response: requests.Response) -> AmazonError:
    """S3's answer outside 200: XML with a `<Code>`, of which a little is read."""
    status = response.status_code
    found = re.search(rb"<Code>([A-Za-z]{1,60})</Code>", response.raw.read1(_CHUNK, decode_content=False) or b"")
    kind: type[AmazonError]
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        kind = Throttled
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        kind = Unwell
    else:
        # Not AccessDenied for a 403: that is about the seller's consent, and this only about an address too old.
        kind = Refused if status >= HTTPStatus.BAD_REQUEST else BadAnswer
    text = "the address does not open the document" if kind is Refused else f"answered {status}"
    return kind(DOWNLOAD, text, status=status, code=found[1].decode() if found else None)


def _chunks(response: requests.Response, before_call: Callable[[], None], deadline: float) -> Iterator[bytes]:
    while True:
        before_call()
        # read1 returns what has arrived, so that the clock is looked at even if the rest only trickles.
        chunk = response.raw.read1(_CHUNK, decode_content=False)
        if time.monotonic() > deadline:
            raise NoAnswer(DOWNLOAD, "not complete in time", status=response.status_code)
        if not chunk:
            return
        yield chunk


def _decompress(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The content, in pieces of bounded size. What begins as gzip does is gzip, whatever anybody said of it."""
    total = 0
    for piece in _pieces(chunks):
        total += len(piece)
        if total > LARGEST_DOCUMENT:
            raise _bad(f"more than {LARGEST_DOCUMENT} bytes")
        yield piece


def _pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = b""
    while len(first) < len(_GZIP) and (chunk := next(chunks, b"")):
        first += chunk
    if not first.startswith(_GZIP):
        yield first
        yield from chunks
        return
    stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
    waiting = first
    try:
        while waiting or (waiting := next(chunks, b"")):
            if stream.eof:  # gzip files may stand one after the other (RFC 1952, section 2.2)
                stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
            yield stream.decompress(waiting, _CHUNK)
            waiting = stream.unused_data if stream.eof else stream.unconsumed_tail
        while not stream.eof and (piece := stream.decompress(b"", _CHUNK)):
            yield piece
    except zlib.error:
        raise _bad("the document cannot be decompressed") from None
    if not stream.eof:
        raise NoAnswer(DOWNLOAD, "the document ends in the middle", status=HTTPStatus.OK)


def _split(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Lines by their line feeds: in every charset that is read here, such a byte is nothing else."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")
        if len(rest) > LONGEST_LINE:
            raise _bad(f"a line of more than {LONGEST_LINE} bytes")
    if rest:
        yield rest.removesuffix(b"\r")


def _decoder(content_type: str, fallback: str) -> Callable[[bytes], str]:
    """How a line's bytes become text: by the Content-Type, if it names a charset that is known."""
    named = re.search(r"charset\s*=\s*\"?([\w.:-]+)", content_type, re.I)
    try:
        charset = codecs.lookup(named[1]).name if named else ""
    except LookupError:
        charset = ""
    if _CHARSETS.fullmatch(charset):
        name = _WIDER.get(charset, charset)
        return lambda line: line.decode(name, "replace")

    def guess(line: bytes) -> str:
        try:
            return line.decode("utf-8-sig")
        except UnicodeDecodeError:
            return line.decode(fallback, "replace")

    return guess


def _bad(problem: str) -> BadAnswer:
    return BadAnswer(DOWNLOAD, problem)
