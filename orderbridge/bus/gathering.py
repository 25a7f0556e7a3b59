"""Messages that come while others are handled are handled as one; whoever comes while none are waits for nobody."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

AT_ONCE = 50
"""Messages in one transaction, which holds their orders' locks for some ten milliseconds."""
SIDE_BY_SIDE = 2
"""Such transactions at once."""

Message = TypeVar("Message")


class Gathering(Generic[Message]):
    """Hands to `handle` what waits, up to `AT_ONCE` at a time, which says of each message whether it is done."""

    def __init__(self, handle: Callable[[list[Message]], Awaitable[list[bool]]]) -> None:
        self._handle = handle
        self._waiting: deque[tuple[Message, asyncio.Future[bool]]] = deque()
        self._at_work: set[asyncio.Task[None] | None] = set()

    async def put(self, message: Message) -> bool:
        """Wait until it was handled with others; False if it is to be handled by itself."""
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, told))
        if len(self._at_work) < SIDE_BY_SIDE:
            task = asyncio.create_task(self._work())
            self._at_work.add(task)
        return await told

    async def _work(self) -> None:
        while batch := self._next():
            done = [False] * len(batch)
            with suppress(Exception):  # each meets by itself whatever it was
                done = await self._handle([message for message, _ in batch])
            for (_, told), is_done in zip(batch, done, strict=True):
                if not told.done():
                    told.set_result(is_done)
        # Not when the task is done, which is a moment later: who came meanwhile would be forgotten.
        self._at_work.discard(asyncio.current_task())

    def _next(self) -> list[tuple[Message, asyncio.Future[bool]]]:
        """Those that are waited for still: a lane that was closed waits for none of its own."""
        batch: list[tuple[Message, asyncio.Future[bool]]] = []
        while self._waiting and len(batch) < AT_ONCE:
            message, told = self._waiting.popleft()
            if not told.done():
                batch.append((message, told))
        return batch
