"""One partition's messages: those of a key in their order, keys side by side, acknowledged as the partition has them.

Whoever waits for an answer of Amazon's holds up its own account or order, not the others of its partition. Where the
order of a key's messages says nothing, several of them may be in hand at once. Only the
contiguous head is acknowledged: Kafka knows one number per partition, and Faust's commit would jump over one that is
still in hand (its issue #606).
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

SIDE_BY_SIDE = 8
"""Messages of one partition handled at once."""
IN_HAND = 100
"""Messages of one partition taken and not yet acknowledged: so many are read again after a crash."""

Message = TypeVar("Message")


class Lanes(Generic[Message]):
    """Hands each message to `handle`, in its key's turn, and to `acknowledge` once it and all before it are handled.

    `of_a_key` messages of one key are handled at once, begun in their order.
    """

    def __init__(
        self,
        handle: Callable[[Message], Awaitable[None]],
        acknowledge: Callable[[Message], None],
        *,
        of_a_key: int = 1,
        side_by_side: int = SIDE_BY_SIDE,
        in_hand: int = IN_HAND,
    ) -> None:
        self._handle = handle
        self._acknowledge = acknowledge
        self._of_a_key = of_a_key
        self._side_by_side = asyncio.Semaphore(side_by_side)
        self._room = asyncio.Semaphore(in_hand)
        self._in_order: deque[tuple[asyncio.Task[None], Message]] = deque()
        self._lane_of: dict[bytes | None, asyncio.Semaphore] = {}
        self._waiting_in: Counter[bytes | None] = Counter()

    async def put(self, key: bytes | None, message: Message) -> None:
        """Take the partition's next message; waits while too many are in hand. Without a key it has a common lane."""
        await self._room.acquire()
        lane = self._lane_of.setdefault(key, asyncio.Semaphore(self._of_a_key))
        self._waiting_in[key] += 1
        task = asyncio.create_task(self._take_turn(message, lane))
        self._in_order.append((task, message))
        task.add_done_callback(lambda done: self._done(key, done))

    def close(self) -> None:
        """Let go of what is in hand, unacknowledged: whoever has the partition next reads it again."""
        tasks = [task for task, _ in self._in_order]
        self._in_order.clear()
        for task in tasks:
            task.cancel()

    async def _take_turn(self, message: Message, lane: asyncio.Semaphore) -> None:
        async with lane, self._side_by_side:  # both let in whoever came first
            await self._handle(message)

    def _done(self, key: bytes | None, task: asyncio.Task[None]) -> None:
        self._waiting_in[key] -= 1
        if not self._waiting_in[key]:
            del self._waiting_in[key], self._lane_of[key]
        while self._in_order and self._in_order[0][0].done():
            head, message = self._in_order[0]
            if head.cancelled() or head.exception() is not None:
                return  # never acknowledged, nor is anything after it
            self._in_order.popleft()
            self._acknowledge(message)
            self._room.release()
