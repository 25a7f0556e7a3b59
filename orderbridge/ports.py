"""TCP ports for servers: free ones of loopback, for those that are about to start, and a socket that listens."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

SOMEWHERE = range(20_000, 32_000)
"""Below the ports that the kernel hands out for outgoing connections (Linux: 32768 and up). One from up there could be
taken while its server is down, even by a client that tries to reach that very server and so connects to itself."""
_TAKEN = Path(tempfile.gettempdir()) / f"orderbridge-ports-{os.getuid()}"


def free_port(preferred: Iterable[int] = ()) -> int:
    """The first preferred port of 127.0.0.1 on which nobody listens, else any.

    Its server binds it only later. Until this process ends the lock of a file keeps it from all others that ask here:
    another house that starts at the same moment, and tests side by side.
    """
    _TAKEN.mkdir(exist_ok=True)
    seedless = random.SystemRandom()  # a test's seed must not lead all of them to the same ports
    for port in chain(preferred, (seedless.choice(SOMEWHERE) for _ in SOMEWHERE)):
        lock = os.open(_TAKEN / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        with socket.socket() as probe:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                probe.bind(("127.0.0.1", port))
            except OSError:
                os.close(lock)
                continue
            return port
    raise OSError("no free port on 127.0.0.1")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket for a server on asyncio; port 0 picks a free one. Raises OSError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family)
    # asyncio does it only for sockets that name their protocol; else each answer waits 40 ms for an acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
