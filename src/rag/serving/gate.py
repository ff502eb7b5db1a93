"""How many questions are answered at once, and how many may wait."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

from rag.errors import BusyError

_Item = TypeVar("_Item")


class Gate:
    """Lets `workers` questions through to threads of their own.

    `waiting` more may queue, none for longer than `longest_s` seconds: where answers are slow, a
    short queue is a long wait, too.
    """

    def __init__(self, workers: int, waiting: int, longest_s: float = math.inf) -> None:
        self._admitted = CapacityLimiter(workers)
        # Its own threads: uploads and page files must not wait behind questions.
        self._threads = CapacityLimiter(workers)
        self._waiting = waiting
        self._longest_s = longest_s

    @property
    def depth(self) -> int:
        """Questions being answered or waiting."""
        statistics = self._admitted.statistics()
        return statistics.borrowed_tokens + statistics.tasks_waiting

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """Wait for a turn. Raises BusyError, at once when too many wait."""
        statistics = self._admitted.statistics()
        full = statistics.borrowed_tokens >= statistics.total_tokens
        if full and statistics.tasks_waiting >= self._waiting:
            raise _busy()
        # On behalf of an object: an async generator may be closed by another task.
        borrower = object()
        with anyio.move_on_after(self._longest_s) as waiting:
            await self._admitted.acquire_on_behalf_of(borrower)
        if waiting.cancelled_caught:
            raise _busy()
        try:
            yield
        finally:
            self._admitted.release_on_behalf_of(borrower)

    async def iterate(
        self, open_: Callable[[], Iterator[_Item]], together_s: float = 0.0
    ) -> AsyncGenerator[_Item]:
        """The items of a blocking iterator, which is closed when the reader goes away.

        Items that come within `together_s` seconds arrive together: each arrival costs a change
        between threads, which is dear while others compute.
        """
        async with self.admitted():
            items = _Items(open_)
            try:
                while not items.exhausted:
                    for item in await to_thread.run_sync(
                        items.take, together_s, limiter=self._threads
                    ):
                        yield item
            finally:
                if not items.exhausted:
                    with anyio.CancelScope(shield=True):
                        await to_thread.run_sync(items.close, limiter=self._threads)


def _busy() -> BusyError:
    return BusyError(
        f"the service is busy; ask again in {BusyError.retry_s} s",
        f"服务繁忙，请在 {BusyError.retry_s} 秒后再试",
    )


class _Items(Generic[_Item]):
    """A blocking iterator, closed only once no thread is in it any more.

    A task that is cancelled by asyncio's own means, as Gradio does it, leaves its thread behind.
    """

    def __init__(self, open_: Callable[[], Iterator[_Item]]) -> None:
        self._open = open_
        self._items: Iterator[_Item] | None = None
        self._lock = threading.Lock()
        self.exhausted = False

    def take(self, together_s: float) -> list[_Item]:
        """One item and those that follow until so long has passed; none at the end."""
        taken: list[_Item] = []
        begun = time.monotonic()
        with self._lock:
            if self._items is None:
                self._items = self._open()
            for item in self._items:
                taken.append(item)
                if time.monotonic() - begun >= together_s:
                    return taken
            self.exhausted = True
        return taken

    def close(self) -> None:
        with self._lock:
            close = getattr(self._items, "close", None)
            if close is not None:
                close()
