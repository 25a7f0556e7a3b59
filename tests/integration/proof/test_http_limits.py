"""What HTTP clients may send to console, api, example store and health pages: each bound of docs/security.md, tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from argon2 import PasswordHasher

from orderbridge import http_server
from orderbridge.access import passwords
from orderbridge.bus import health
from orderbridge.database.unit_of_work import Database
from tests.parts.console import ConsoleServer
from tests.parts.in_process import System
from tests.parts.open_call import OPEN, OpenCalls
from tests.parts.patience import PATIENCE
from tests.parts.process import wait_until
from tests.parts.raw_http import RawConnection
from tests.parts.sandbox_server import SandboxServer
from tests.parts.storefront import Pages

MIB = 1024 * 1024


@pytest.fixture(params=["console", "api", "storefront"])
def url(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    migrated_sqlite: Database,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """Where a form or a body may be sent to, a second at most for the heads of our own servers' requests."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    monkeypatch.setattr(http_server, "HEAD_SECONDS", 1.0)
    with ExitStack() as stack:
        if request.param == "console":
            yield stack.enter_context(ConsoleServer(migrated_sqlite)).url + "/login"
        elif request.param == "api":
            system = stack.enter_context(closing(System(f"sqlite:///{tmp_path}/o.sqlite", tmp_path, sandbox)))
            yield stack.enter_context(OpenCalls(system)).url + OPEN
        else:
            yield stack.enter_context(Pages(tmp_path / "books.sqlite")).url + "/stock"


def is_well(url: str) -> bool:
    return requests.get(url, timeout=10, allow_redirects=False).status_code in (200, 303, 405)


def test_a_head_of_a_megabyte_is_refused(url: str) -> None:
    for begun, rest in (
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"X-Long: " + b"x" * MIB),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"X: y\r\n" * (MIB // 6)),
        (b"GET /?q=", b"x" * MIB),
        (b"GET / HTTP/1.1\r\nCookie: a", b"=b; a" * (MIB // 5)),
    ):
        with closing(RawConnection(url)) as connection:
            connection.say(begun)
            connection.say(rest)
            connection.answer()  # a time-out if it is not hung up; a reset may take the 400 away
            assert not connection.say(b"more") or not connection.say(b"more")
    assert is_well(url)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_gigabyte_is_refused_early(url: str, chunked: bool) -> None:
    path = "/" + url.split("/", 3)[3]
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {1024 * MIB}"
    head = f"POST {path} HTTP/1.1\r\nHost: {url.split('/')[2]}\r\n{length}\r\n"
    piece = b"a" * 65_536
    if chunked:
        piece = b"10000\r\n" + piece + b"\r\n"
    with closing(RawConnection(url)) as connection:
        connection.say(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode())
        connection.flood(piece, 64 * MIB)
        if url.endswith("/stock"):  # plain uvicorn goes on and throws away what comes
            assert connection.status() == (411 if chunked else 413)
        else:
            assert connection.sent < 32 * MIB
    assert is_well(url)


@pytest.mark.parametrize("beginning", [b"", b"GET / HTT", b"POST / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_head_that_does_not_end_is_not_waited_for(url: str, beginning: bytes) -> None:
    if url.endswith("/stock"):
        pytest.skip("the example store, on loopback alone, has no such bound (docs/security.md)")
    waiting = [RawConnection(url) for _ in range(20)]
    for connection in waiting:
        connection.say(beginning)
    assert is_well(url)
    for connection in waiting:
        connection.answer()  # a time-out if it is not hung up
        connection.close()


def test_a_head_that_trickles_is_not_waited_for(url: str) -> None:
    if url.endswith("/stock"):
        pytest.skip("the example store, on loopback alone, has no such bound (docs/security.md)")
    with closing(RawConnection(url)) as connection:
        connection.say(f"GET /nothing HTTP/1.1\r\nHost: {url.split('/')[2]}\r\n\r\n".encode())  # a good one first
        connection.say(b"GET / HTTP/1.1\r\n")
        assert connection.trickle(b"x", every=0.1, seconds=15) < 10
    assert is_well(url)


def test_connections_beyond_the_bound_are_told_to_come_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if url.endswith("/stock"):
        pytest.skip("the example store, on loopback alone, has no such bound (docs/security.md)")
    monkeypatch.setattr(http_server, "HEAD_SECONDS", 10 * PATIENCE)  # to open them all may take long
    waiting = [RawConnection(url) for _ in range(http_server.MOST_CONNECTIONS)]
    assert requests.get(url, timeout=10).status_code == 503
    for connection in waiting:
        connection.close()
    wait_until(lambda: is_well(url), seconds=10, what="others are answered again")


@pytest.fixture
def health_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """A service's health page, on which silence is borne for a second."""
    monkeypatch.setattr(health, "SILENCE_SECONDS", 1.0)
    server = health.serve_health("127.0.0.1", 0, "importer", lambda: {"state": "ok"})
    yield server
    server.shutdown()
    server.server_close()


def test_silence_takes_no_health_page_away(health_page: ThreadingHTTPServer) -> None:
    url = f"http://127.0.0.1:{health_page.server_port}/healthz"
    waiting = [RawConnection(url) for _ in range(3 * health.MOST_AT_ONCE)]
    for connection in waiting:
        connection.answer()
        connection.close()
    assert is_well(url)
    with closing(RawConnection(url)) as connection:
        connection.say(b"GET /healthz HTTP/1.1\r\nX-Long: " + b"x" * MIB)
        connection.answer()
    assert is_well(url)
