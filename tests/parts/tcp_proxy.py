"""A TCP proxy between two parts of the house, whose connections a test cuts, slows down or silences."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from orderbridge.ports import free_port
from tests.parts.patience import PATIENCE

_CHUNK = 1 << 16


class TcpProxy:
    """Listens on loopback at `address` and passes bytes on to `target`; it serves in a thread of its own.

    Without a target, and while nobody listens there, connections are closed as soon as they are opened.
    """

    def __init__(self) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.target: str | None = None
        """`host:port`."""
        self._delay = 0.0
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: dict[asyncio.StreamWriter, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy {self.address}")
        self._thread.start()
        host, port = self.address.split(":")
        self._server = self._run(asyncio.start_server(self._serve, host, int(port)))

    def cut(self, share: float = 1.0) -> int:
        """Reset so many of the open connections, the oldest first; returns their number."""

        async def cut() -> int:
            doomed = list(self._open.items())[: round(len(self._open) * share)]
            for near, far in doomed:
                _reset(near)
                _reset(far)
            return len(doomed)

        number: int = self._run(cut())
        return number

    def slow(self, seconds: float) -> None:
        """From now on each piece of what is sent takes so much longer; 0 ends it."""
        self._delay = seconds

    def silence(self) -> None:
        """From now on nothing passes, as where a cable is pulled: connections stay open, new ones get no answer."""
        self._call(self._flows.clear)

    def speak(self) -> None:
        """The end of the silence: what was held up passes."""
        self._call(self._flows.set)

    def close(self) -> None:
        """Cut everything, and listen no more."""

        async def end() -> None:
            self._server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        self._run(end())
        self._call(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        far: asyncio.StreamWriter | None = None
        try:
            await self._flows.wait()
            if self.target is None:
                return
            host, _, port = self.target.rpartition(":")
            far_reader, far = await asyncio.open_connection(host, int(port))
            self._open[near] = far
            pumps = [asyncio.ensure_future(self._pump(*pair)) for pair in ((near_reader, far), (far_reader, near))]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            _reset(near)
        finally:
            self._open.pop(near, None)
            self._tasks.discard(task)
            for writer in (near, far):
                if writer is not None:
                    writer.close()  # what is written already still leaves

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(_CHUNK):
                if self._delay:
                    await asyncio.sleep(self._delay)
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        except OSError:  # a reset on one side is one on the other, too
            _reset(writer)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30 * PATIENCE)

    def _call(self, what: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(what)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End it at once, and let the other end know that something went wrong: no orderly end."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
