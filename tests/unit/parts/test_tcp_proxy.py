"""The proxy between two parts: it passes bytes on, and cuts, slows down or silences them when told."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.parts.process import wait_until
from tests.parts.tcp_proxy import TcpProxy


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while line := self.rfile.readline():
            self.wfile.write(line)


@pytest.fixture
def echo() -> Iterator[str]:
    """A server that says again each line it hears."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        host, port = server.server_address[:2]
        yield f"{host!s}:{port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(echo: str) -> Iterator[TcpProxy]:
    """A proxy before that server."""
    with closing(TcpProxy()) as proxy:
        proxy.target = echo
        yield proxy


def connect(proxy: TcpProxy) -> socket.socket:
    host, port = proxy.address.split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def say(line: bytes, connection: socket.socket) -> bytes:
    connection.sendall(line)
    return connection.recv(100)


def test_bytes_pass_both_ways(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        assert say(b"one\n", connection) == b"one\n"
        assert say(b"two\n", connection) == b"two\n"


def test_who_is_cut_notices_and_may_come_again(proxy: TcpProxy) -> None:
    with connect(proxy) as first, connect(proxy) as second:
        assert say(b"one\n", first) == say(b"one\n", second)
        assert proxy.cut(0.5) == 1
        with pytest.raises(ConnectionResetError):
            say(b"two\n", first)
        assert say(b"two\n", second) == b"two\n"
        assert proxy.cut() == 1
    with connect(proxy) as third:
        assert say(b"three\n", third) == b"three\n"


def test_what_is_slow_arrives_later(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        proxy.slow(0.2)
        began = time.monotonic()
        assert say(b"one\n", connection) == b"one\n"
        assert time.monotonic() - began >= 0.4


def test_in_silence_nothing_passes_and_nothing_is_lost(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        assert say(b"one\n", connection) == b"one\n"
        proxy.silence()
        connection.sendall(b"two\n")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        connection.settimeout(10)
        proxy.speak()
        assert connection.recv(100) == b"two\n"


def test_where_nobody_listens_connections_end(proxy: TcpProxy) -> None:
    proxy.target = None
    with connect(proxy) as connection:
        assert connection.recv(100) == b""


def test_the_end_of_one_side_is_told_the_other(proxy: TcpProxy) -> None:
    connection = connect(proxy)
    assert say(b"one\n", connection) == b"one\n"
    connection.close()
    wait_until(lambda: proxy.cut() == 0, seconds=10, what="the proxy has let go of it")
