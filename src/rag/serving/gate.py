"""How many questions are answered at once, and how many may wait."""

from __future__ import annotations

import math
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

from rag.errors import BusyError

_Item = TypeVar("_Item")
_DONE = object()


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

    async def iterate(self, open_: Callable[[], Iterator[_Item]]) -> AsyncGenerator[_Item]:
        """The items of a blocking iterator, which is closed when the reader goes away."""
        async with self.admitted():
            items = _Items(await to_thread.run_sync(open_, limiter=self._threads))
            try:
                while True:
                    item = await to_thread.run_sync(items.next, limiter=self._threads)
                    if item is _DONE:
                        return
                    yield item  # type: ignore[misc]  # not the sentinel
            finally:
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

    def __init__(self, items: Iterator[_Item]) -> None:
        self._items = items
        self._lock = threading.Lock()

    def next(self) -> _Item | object:
        with self._lock:
            return next(self._items, _DONE)

    def close(self) -> None:
        close = getattr(self._items, "close", None)
        with self._lock:
            if close is not None:
                close()
