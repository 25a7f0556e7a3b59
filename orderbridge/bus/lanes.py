"""One partition's messages: those of a key one after the other, keys side by side, acknowledged in their order.

Whoever waits for an answer of Amazon's holds up its own account or order, not the others of its partition. Only the
contiguous head is acknowledged: Kafka knows one number per partition, and Faust's commit would jump over one that is
still in hand (its issue #606).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

SIDE_BY_SIDE = 8
"""Messages of one partition handled at once."""
IN_HAND = 100
"""Messages of one partition taken and not yet acknowledged: so many are read again after a crash."""

Message = TypeVar("Message")


class Lanes(Generic[Message]):
    """Hands each message to `handle`, in its key's turn, and to `acknowledge` once it and all before it are handled."""

    def __init__(
        self,
        handle: Callable[[Message], Awaitable[None]],
        acknowledge: Callable[[Message], None],
        *,
        side_by_side: int = SIDE_BY_SIDE,
        in_hand: int = IN_HAND,
    ) -> None:
        self._handle = handle
        self._acknowledge = acknowledge
        self._side_by_side = asyncio.Semaphore(side_by_side)
        self._room = asyncio.Semaphore(in_hand)
        self._in_order: deque[tuple[asyncio.Task[None], Message]] = deque()
        self._last_of: dict[bytes | None, asyncio.Task[None]] = {}

    async def put(self, key: bytes | None, message: Message) -> None:
        """Take the partition's next message; waits while too many are in hand. Without a key it has a common lane."""
        await self._room.acquire()
        task = asyncio.create_task(self._take_turn(message, self._last_of.get(key)))
        self._last_of[key] = task
        self._in_order.append((task, message))
        task.add_done_callback(lambda done: self._done(key, done))

    def close(self) -> None:
        """Let go of what is in hand, unacknowledged: whoever has the partition next reads it again."""
        tasks = [task for task, _ in self._in_order]
        self._in_order.clear()
        for task in tasks:
            task.cancel()

    async def _take_turn(self, message: Message, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        async with self._side_by_side:
            await self._handle(message)

    def _done(self, key: bytes | None, task: asyncio.Task[None]) -> None:
        if self._last_of.get(key) is task:
            del self._last_of[key]
        while self._in_order and self._in_order[0][0].done():
            head, message = self._in_order[0]
            if head.cancelled() or head.exception() is not None:
                return  # never acknowledged, nor is anything after it
            self._in_order.popleft()
            self._acknowledge(message)
            self._room.release()
