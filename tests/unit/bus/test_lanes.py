"""Keys side by side, each in order, acknowledged in the partition's order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orderbridge.bus.lanes import Lanes

Message = tuple[int, bytes | None]


class Partition:
    """Takes messages and notes what is begun, handled and acknowledged; a message waits until its gate is opened."""

    def __init__(self, **bounds: int) -> None:
        self.begun: list[Message] = []
        self.handled: list[Message] = []
        self.acknowledged: list[Message] = []
        self.gates: dict[Message, asyncio.Event] = {}
        self.broken: set[Message] = set()
        self.lanes = Lanes(self._handle, self.acknowledged.append, **bounds)

    async def put(self, *messages: Message) -> None:
        for message in messages:
            self.gates[message] = asyncio.Event()
            await self.lanes.put(message[1], message)
        await settle()

    async def open(self, *messages: Message) -> None:
        for message in messages:
            self.gates[message].set()
        await settle()

    async def _handle(self, message: Message) -> None:
        self.begun.append(message)
        await self.gates[message].wait()
        if message in self.broken:
            raise RuntimeError
        self.handled.append(message)


async def settle() -> None:
    """Everything that can go on has gone on."""
    for _ in range(200):
        await asyncio.sleep(0)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


A1, B2, A3, B4, NONE5, NONE6 = (1, b"a"), (2, b"b"), (3, b"a"), (4, b"b"), (5, None), (6, None)


def test_a_key_that_hangs_holds_up_itself_alone() -> None:
    async def test() -> None:
        partition = Partition()
        await partition.put(A1, B2, A3, B4)
        await partition.open(B2, A3, B4)
        assert partition.handled == [B2, B4]
        assert partition.acknowledged == []
        await partition.open(A1)
        assert partition.handled == [B2, B4, A1, A3]
        assert partition.acknowledged == [A1, B2, A3, B4]

    run(test())


def test_without_a_key_there_is_one_common_lane() -> None:
    async def test() -> None:
        partition = Partition()
        await partition.put(NONE5, NONE6)
        assert partition.begun == [NONE5]

    run(test())


def test_so_many_at_once_and_so_many_in_hand() -> None:
    async def test() -> None:
        partition = Partition(side_by_side=2, in_hand=3)
        messages: list[Message] = [(number, str(number).encode()) for number in range(4)]
        await partition.put(*messages[:3])
        assert partition.begun == messages[:2]
        fourth = asyncio.create_task(partition.put(messages[3]))
        await settle()
        await partition.open(messages[1])
        assert partition.begun == messages[:3]
        assert not fourth.done()  # nothing is acknowledged: the head is still in hand
        await partition.open(messages[0])
        await fourth
        assert partition.acknowledged == messages[:2]
        partition.lanes.close()

    run(test())


def test_nothing_behind_a_broken_one_is_acknowledged() -> None:
    async def test() -> None:
        partition = Partition()
        partition.broken.add(B2)
        await partition.put(A1, B2, A3)
        await partition.open(A1, B2, A3)
        assert partition.handled == [A1, A3]
        assert partition.acknowledged == [A1]

    run(test())


def test_what_is_let_go_is_not_acknowledged() -> None:
    async def test() -> None:
        partition = Partition()
        await partition.put(A1, B2, A3)
        await partition.open(B2)
        partition.lanes.close()
        await partition.open(A1, A3)
        assert partition.handled == [B2]
        assert partition.acknowledged == []

    run(test())


@given(keys=st.lists(st.sampled_from([b"a", b"b", b"c", None]), max_size=12), random=st.randoms(use_true_random=False))
def test_any_order_of_ends_keeps_both_orders(keys: list[bytes | None], random: Any) -> None:
    async def test() -> None:
        partition = Partition(side_by_side=3, in_hand=20)
        messages = list(enumerate(keys))
        await partition.put(*messages)
        for message in random.sample(messages, len(messages)):
            await partition.open(message)
            assert partition.acknowledged == messages[: len(partition.acknowledged)]
            assert set(partition.acknowledged) <= set(partition.handled)
        assert partition.acknowledged == messages
        for key in set(keys):
            assert [one for one in partition.handled if one[1] == key] == [one for one in messages if one[1] == key]

    run(test())


def test_so_many_of_a_key_at_once_begun_in_their_order() -> None:
    async def test() -> None:
        partition = Partition(of_a_key=2)
        messages: list[Message] = [(number, b"a") for number in range(4)]
        await partition.put(*messages)
        assert partition.begun == messages[:2]
        await partition.open(messages[1])
        assert partition.begun == messages[:3]
        await partition.open(messages[2], messages[3])
        assert partition.handled == messages[1:]
        assert partition.acknowledged == []
        await partition.open(messages[0])
        assert partition.acknowledged == messages

    run(test())
