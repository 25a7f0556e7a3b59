"""Messages that come while others are handled are handled as one; nobody is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hypothesis import given
from hypothesis import strategies as st

from orderbridge.bus.gathering import AT_ONCE, SIDE_BY_SIDE, Gathering


class Batches:
    """Notes each batch, and holds it until its gate is opened; odd numbers are left to be handled by themselves."""

    def __init__(self) -> None:
        self.begun: list[list[int]] = []
        self.gate = asyncio.Event()
        self.broken = False
        self.gathering = Gathering(self._handle)

    def put(self, *numbers: int) -> list[asyncio.Task[bool]]:
        return [asyncio.create_task(self.gathering.put(number)) for number in numbers]

    async def _handle(self, batch: list[int]) -> list[bool]:
        self.begun.append(batch)
        await self.gate.wait()
        if self.broken:
            raise RuntimeError
        return [number % 2 == 0 for number in batch]


async def settle() -> None:
    """Everything that can go on has gone on."""
    for _ in range(200):
        await asyncio.sleep(0)


def run(test: Callable[[Batches], Awaitable[None]]) -> None:
    async def whole() -> None:
        await test(Batches())

    asyncio.run(whole())


def test_who_comes_alone_waits_for_nobody() -> None:
    async def test(batches: Batches) -> None:
        told = batches.put(2)
        await settle()
        assert batches.begun == [[2]]
        batches.gate.set()
        assert await told[0]

    run(test)


def test_who_comes_one_after_the_other_meanwhile_is_gathered() -> None:
    async def test(batches: Batches) -> None:
        told = []
        for number in range(0, 20, 2):
            told += batches.put(number)
            await settle()
        assert batches.begun == [[0], [2]]
        batches.gate.set()
        assert all(await asyncio.gather(*told))
        assert batches.begun[2] == list(range(4, 20, 2))

    run(test)


def test_who_waits_at_once_is_handled_as_one_and_each_is_told() -> None:
    async def test(batches: Batches) -> None:
        told = batches.put(1, 2, 3, 4)
        await settle()
        assert batches.begun == [[1, 2, 3, 4]]
        batches.gate.set()
        assert await asyncio.gather(*told) == [False, True, False, True]

    run(test)


def test_a_batch_and_the_batches_at_once_have_a_bound() -> None:
    async def test(batches: Batches) -> None:
        told = batches.put(*range(10 * AT_ONCE))
        await settle()
        assert [len(batch) for batch in batches.begun] == [AT_ONCE] * SIDE_BY_SIDE
        batches.gate.set()
        assert sum(await asyncio.gather(*told)) == 5 * AT_ONCE
        assert sorted(number for batch in batches.begun for number in batch) == list(range(10 * AT_ONCE))

    run(test)


def test_whoever_is_waited_for_no_more_is_left_out() -> None:
    async def test(batches: Batches) -> None:
        first = batches.put(*range(SIDE_BY_SIDE * AT_ONCE))
        await settle()
        later = batches.put(102, 104, 106)
        await settle()
        later[1].cancel()
        first[0].cancel()  # its batch is under way, and is handled
        batches.gate.set()
        assert await later[0]
        assert await later[2]
        assert batches.begun[-1] == [102, 106]
        assert sum(await asyncio.gather(*first[1:])) == SIDE_BY_SIDE * AT_ONCE // 2 - 1

    run(test)


def test_where_a_batch_breaks_each_is_left_and_the_next_one_goes_on() -> None:
    async def test(batches: Batches) -> None:
        batches.broken = True
        batches.gate.set()
        assert await asyncio.gather(*batches.put(2, 4)) == [False, False]
        batches.broken = False
        assert await asyncio.gather(*batches.put(2, 4)) == [True, True]

    run(test)


@given(st.lists(st.sampled_from(["put", "open", "shut", "go on"]), max_size=60))
def test_each_is_told_in_the_end_whenever_it_comes(steps: list[str]) -> None:
    async def test(batches: Batches) -> None:
        told: list[asyncio.Task[bool]] = []
        for step in steps:
            if step == "put":
                told += batches.put(len(told))
            elif step == "go on":
                await asyncio.sleep(0)
            else:
                batches.gate.set() if step == "open" else batches.gate.clear()
        batches.gate.set()
        await asyncio.wait_for(asyncio.gather(*told), 5)
        handled = [number for batch in batches.begun for number in batch]
        assert handled == list(range(len(told)))

    run(test)
