from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
import requests
from pytest_socket import SocketConnectBlockedError

OUTSIDE = "192.0.2.1"  # RFC 5737, section 3: an address for documentation, nobody's

# The refusal is a warning as well, shown in the summary for the sake of code that swallows the exception.
pytestmark = pytest.mark.filterwarnings("ignore:A test tried to use socket")


def test_a_connection_to_the_outside_is_refused() -> None:
    with socket.socket() as outside, pytest.raises(SocketConnectBlockedError, match=OUTSIDE):
        outside.connect((OUTSIDE, 80))


def test_an_http_client_is_refused() -> None:
    with pytest.raises(SocketConnectBlockedError):
        requests.get(f"http://{OUTSIDE}/", timeout=5)


def test_asyncio_is_refused() -> None:
    with pytest.raises(SocketConnectBlockedError):
        asyncio.run(asyncio.wait_for(asyncio.open_connection(OUTSIDE, 80), 5))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_open(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection((host, server.getsockname()[1]), timeout=5).close()


def test_unix_sockets_are_open(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        client.connect(str(tmp_path / "socket"))


def test_a_test_is_marked_with_its_tier(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("unit")
    assert not request.node.get_closest_marker("integration")
