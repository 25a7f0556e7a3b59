"""HTTP by hand, for what no client sends: heads without an end, bodies without an end, silence."""

from __future__ import annotations

import socket
import threading
import time
from urllib.parse import urlsplit


class RawConnection:
    """A connection to a server on loopback. `said` sends; `answer` is what came back until the server hung up."""

    def __init__(self, url: str, timeout: float = 20) -> None:
        at = urlsplit(url)
        self._socket = socket.create_connection((at.hostname or "127.0.0.1", at.port or 80), timeout)
        self.sent = 0

    def say(self, data: bytes) -> bool:
        """Send it; False where the server has hung up."""
        try:
            self._socket.sendall(data)
        except OSError:
            return False
        self.sent += len(data)
        return True

    def flood(self, piece: bytes, most: int) -> None:
        """Send it again and again until the server hangs up or `most` bytes went out; then wait for nothing more."""
        while self.sent < most and self.say(piece):
            pass

    def trickle(self, piece: bytes, *, every: float, seconds: float) -> float:
        """Say a piece now and then until the server hangs up; after how many seconds that was."""
        began, pause = time.monotonic(), threading.Event()
        while time.monotonic() - began < seconds and self.say(piece):
            pause.wait(every)
        return time.monotonic() - began

    def answer(self) -> bytes:
        """All that came until the server hung up. Raises TimeoutError if it does not."""
        found = bytearray()
        try:
            while piece := self._socket.recv(65536):
                found += piece
        except ConnectionResetError:
            pass
        return bytes(found)

    def status(self) -> int:
        """Of the answer, whose other lines stay unread."""
        line = b""
        while b"\r\n" not in line:
            piece = self._socket.recv(64)
            assert piece, "the server hung up without an answer"
            line += piece
        return int(line.split(b" ", 2)[1])

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
