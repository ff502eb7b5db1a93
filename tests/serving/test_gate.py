"""So many at once, so many waiting, and the next one told to come back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from rag.config import GeneratorSettings, ServerSettings, Settings, cores
from rag.errors import BusyError
from rag.serving.gate import Gate
from rag.serving.service import at_once


async def run(gate: Gate, call: Callable[[], object]) -> object:
    """The one item of an iterator that a call makes."""
    (item,) = [item async for item in gate.iterate(lambda: (call() for _ in range(1)))]
    return item


def test_one_is_answered_one_waits_and_the_third_is_refused() -> None:
    async def ask() -> list[str]:
        gate = Gate(1, 1)
        leave = threading.Event()
        first = asyncio.create_task(run(gate, leave.wait))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(run(gate, lambda: True))
        await asyncio.sleep(0.05)
        seen = [f"depth {gate.depth}"]
        with pytest.raises(BusyError):
            await run(gate, lambda: True)
        leave.set()
        await asyncio.gather(first, second)
        return [*seen, f"depth {gate.depth}"]

    assert asyncio.run(ask()) == ["depth 2", "depth 0"]


def test_who_has_waited_long_enough_is_told_to_come_back() -> None:
    async def ask() -> list[object]:
        gate = Gate(1, 5, 0.2)
        leave = threading.Event()
        first = asyncio.create_task(run(gate, leave.wait))
        await asyncio.sleep(0.05)
        with pytest.raises(BusyError):
            await run(gate, lambda: True)
        depth = gate.depth  # nobody waits any more, and the first is still answered
        leave.set()
        return [depth, await first, await run(gate, lambda: "next")]

    assert asyncio.run(ask()) == [1, True, "next"]


def test_a_place_is_free_again_after_a_failure() -> None:
    async def ask() -> object:
        gate = Gate(1, 0)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await run(gate, lambda: 1 // 0)
        return await run(gate, lambda: gate.depth)

    assert asyncio.run(ask()) == 1


def test_an_iterator_is_closed_when_its_reader_goes() -> None:
    closed = threading.Event()

    def numbers() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.set()

    async def read() -> list[int]:
        gate = Gate(1, 0)
        items = gate.iterate(numbers)
        found = [await anext(items), await anext(items)]
        await items.aclose()
        assert gate.depth == 0
        return found

    assert asyncio.run(read()) == [0, 1]
    assert closed.is_set()


def test_an_iterator_may_be_closed_by_another_task() -> None:
    async def read() -> int:
        gate = Gate(1, 0)
        items = gate.iterate(lambda: iter([1, 2, 3]))
        await anext(items)
        await asyncio.create_task(items.aclose())
        return gate.depth

    assert asyncio.run(read()) == 0


def test_a_failing_iterator_gives_its_place_back() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    async def read() -> int:
        gate = Gate(1, 0)
        with pytest.raises(ValueError, match="broken"):
            [item async for item in gate.iterate(broken)]
        return gate.depth

    assert asyncio.run(read()) == 0


def test_items_that_come_soon_after_another_arrive_together() -> None:
    slow = threading.Event()
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(6):
            taken.append(number)
            if number == 3:
                slow.wait(0.3)
            yield number

    async def read(together_s: float) -> list[int]:
        found = []
        taken.clear()
        async for _ in Gate(1, 0).iterate(numbers, together_s):
            found.append(len(taken))
        return found

    assert asyncio.run(read(0.0)) == [1, 2, 3, 4, 5, 6]
    assert asyncio.run(read(0.2)) == [4, 4, 4, 4, 6, 6]


def test_computing_takes_a_core_and_a_language_model_is_waited_for() -> None:
    model = GeneratorSettings(backend="openai", model="qwen", concurrency=500)
    assert at_once(Settings()) == cores() >= 1
    assert at_once(Settings(generator=model)) == 1000
    assert at_once(Settings(generator=model, server=ServerSettings(concurrency=3))) == 3
